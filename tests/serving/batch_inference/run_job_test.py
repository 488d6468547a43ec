import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from serving.batch_inference.job import Job
from serving.batch_inference.resume_folder import ResumeFolder
from serving.batch_inference.run_job import run_job
from tests.serving.batch_inference.fake_model import FakeModel
from tests.serving.batch_inference.fake_model import expected
from tests.storage.kills import every_kill

ROOT = pathlib.Path(__file__).parents[3]
ROWS = 100
BAD = {20: '"in1" is empty', 55: "in0 holds id 777."}


def _records(rows=ROWS):
    rng = np.random.default_rng(0)
    records = [
        {"in0": rng.integers(1, 99, n).tolist(), "in1": [int(n)]}
        for n in rng.integers(1, 9, rows)
    ]
    records[20]["in1"] = []
    records[55]["in0"][0] = 777
    return records


@pytest.fixture
def records():
    return _records()


@pytest.fixture
def source(tmp_path, records):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def _job(source, output, **options):
    options = {"window": 16, "batch_size": 4, **options}
    return Job(inputs=(str(source),), output=str(output), **options)


def _files(folder):
    """Contents by name, without the receipt, which holds times."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "npy"])
@pytest.mark.parametrize("input_kind", ["jsonl", "parquet"])
def test_row_i_answers_row_i(tmp_path, records, source, input_kind, kind):
    if input_kind == "parquet":
        source = tmp_path / "in.parquet"
        pyarrow.parquet.write_table(pa.Table.from_pylist(records), source)
    output = tmp_path / f"out.{kind}"
    counts = run_job(_job(source, output), FakeModel())
    assert counts == (ROWS, 2)
    for row, answer in enumerate(_read(output)):
        good = expected(records[row]["in0"], records[row]["in1"])
        assert answer == (None if row in BAD else good)
    assert not (tmp_path / f"out.{kind}.parts").exists()


def _read(path):
    if path.suffix == ".npy":
        rows = np.load(path)
        return [None if np.isnan(row).any() else row.tolist() for row in rows]
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)["scores"].to_pylist()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row.get("scores") for row in rows]


def test_bad_rows_are_listed(tmp_path, records, source):
    run_job(_job(source, tmp_path / "out.jsonl"), FakeModel())
    listed = (tmp_path / "out.jsonl.bad_rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in listed] == [
        {
            "file": str(source),
            "line": row + 1,
            "reason": reason,
            "record": json.dumps(records[row]),
        }
        for row, reason in BAD.items()
    ]
    answers = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(answers[20]) == {"error": BAD[20]}


def test_without_bad_rows_there_is_no_list(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"in0": [1], "in1": [2]}\n')
    job = _job(tmp_path / "in.jsonl", tmp_path / "out.npy")
    assert run_job(job, FakeModel()) == (1, 0)
    assert sorted(_files(tmp_path)) == ["in.jsonl", "out.npy"]


def test_sagemaker_output_is_one_file_an_input(tmp_path, source):
    (tmp_path / "b.jsonl").write_text('{"in0": [5], "in1": [2]}\n')
    job = Job(
        inputs=(str(tmp_path / "b.jsonl"), str(source)),
        sagemaker_output=str(tmp_path / "made" / "out"),
        window=16,
    )
    assert run_job(job, FakeModel()) == (ROWS + 1, 2)
    files = _files(tmp_path / "made" / "out")
    assert sorted(files) == [
        "b.jsonl.out",
        "batch_inference.bad_rows.jsonl",
        "in.jsonl.out",
    ]
    assert files["b.jsonl.out"] == b'{"scores":[5.0,1.0,2.0,1.0]}\n'
    assert files["in.jsonl.out"].count(b"\n") == ROWS


def test_embeddings_of_one_side(tmp_path, source, records):
    job = _job(
        source,
        tmp_path / "out.jsonl",
        signature="encoder_embeddings",
        side="in0",
    )
    assert run_job(job, FakeModel()) == (ROWS, 1)
    first = (tmp_path / "out.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"embeddings": expected(records[0]["in0"])}


def _write_columns(folder, kind):
    rows = [
        {"user": f"u{row}", "seen": [row + 1, 2], "film": [row + 1]}
        for row in range(40)
    ]
    rows[7]["seen"], rows[30]["film"] = [], [777]
    path = folder / f"in.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        tab = "\t" if kind == "tsv" else ","
        lines = [
            [
                row["user"],
                *(" ".join(map(str, row[c])) for c in rows[0] if c != "user"),
            ]
            for row in rows
        ]
        path.write_text("\n".join(map(tab.join, [list(rows[0]), *lines])))
    return path


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("input_kind", ["jsonl", "parquet", "csv", "tsv"])
def test_columns_are_the_users(tmp_path, input_kind, kind):
    job = _job(
        _write_columns(tmp_path, input_kind),
        tmp_path / f"out.{kind}",
        in0_column="seen",
        in1_column="film",
        id_column="user",
    )
    assert run_job(job, FakeModel()) == (40, 2)
    if kind == "jsonl":
        lines = pathlib.Path(job.output).read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert rows[7] == {"user": "u7", "error": '"seen" is empty'}
        rows[7] |= {"scores": None}
        assert rows[30].pop("error") == "in1 holds id 777."
        rows[30]["scores"] = None
    else:
        rows = pyarrow.parquet.read_table(job.output).to_pylist()
    assert [row["user"] for row in rows] == [f"u{row}" for row in range(40)]
    assert [row["scores"] for row in rows] == [
        None if row in (7, 30) else expected([row + 1, 2], [row + 1])
        for row in range(40)
    ]
    bad = job.bad_rows_file.read_text().splitlines()
    offset = 2 if input_kind in ("csv", "tsv") else 1
    assert [json.loads(line)["line"] - offset for line in bad] == [7, 30]


def test_rows_without_a_name_are_bad(tmp_path):
    path = tmp_path / "in.jsonl"
    rest = '"in0": [1], "in1": [2]}'
    names = ["7", "null", "1.5", '"\\ud800"', "true", '"a"']
    lines = [f'{{"id": {name}, {rest}' for name in names] + [f"{{{rest}", "x"]
    path.write_text("\n".join(lines))
    job = _job(path, tmp_path / "out.parquet", id_column="id")
    assert run_job(job, FakeModel()) == (8, 6)
    rows = pyarrow.parquet.read_table(job.output).to_pylist()
    assert [row["id"] for row in rows] == ["7", *[None] * 4, "a", None, None]
    reasons = [
        json.loads(line)["reason"]
        for line in job.bad_rows_file.read_text().splitlines()
    ]
    rule = '"id" names the row and must be a text or an integer: '
    shown = ["null", "1.5", None, "true", "null"]
    wanted = [name and rule + name for name in shown]
    wanted[2] = "no UTF-8: id='\\ud800'"
    assert reasons[:5] == wanted
    assert reasons[5].startswith("malformed JSON")


class Crash(BaseException):
    pass


class Crashes:
    """Makes the n-th call of a function the last thing a process does."""

    def __init__(self, monkeypatch, module, name):
        self._function = getattr(module, name)
        self.calls = 0
        self.at = None
        monkeypatch.setattr(module, name, self)

    def __call__(self, *arguments, **keywords):
        self.calls += 1
        if self.at is not None and self.calls >= self.at:
            raise Crash
        return self._function(*arguments, **keywords)


def test_a_crash_over_csv_is_made_good(tmp_path, monkeypatch):
    source = _write_columns(tmp_path, "csv")
    columns = {"in0_column": "seen", "in1_column": "film", "id_column": "user"}
    whole = _job(source, tmp_path / "whole.jsonl", **columns)
    run_job(whole, FakeModel())
    job = _job(source, tmp_path / "out.jsonl", **columns)
    with monkeypatch.context() as patch:
        Crashes(patch, os, "replace").at = 5
        with pytest.raises(Crash):
            run_job(job, FakeModel())
    with pytest.raises(ValueError, match='id_column was "user" and is absent'):
        other = {**columns, "id_column": None}
        run_job(_job(source, tmp_path / "out.jsonl", **other), FakeModel())
    model = FakeModel()
    assert run_job(job, model) == (40, 2)
    assert sum(shape["in0"][0] for shape in model.shapes) < 40
    assert _files(tmp_path)["out.jsonl"] == _files(tmp_path)["whole.jsonl"]


def test_every_kill_is_made_good(tmp_path, source):
    outputs = tmp_path / "whole"
    outputs.mkdir()
    run_job(_job(source, outputs / "out.jsonl", window=40), FakeModel())
    whole = _files(outputs)
    for number, kill in enumerate(every_kill()):
        folder = tmp_path / f"kill{number}"
        folder.mkdir()
        job = _job(source, folder / "out.jsonl", window=40)
        with kill:
            run_job(job, FakeModel())
        joined = (folder / "out.jsonl").exists()
        model = FakeModel()
        assert run_job(job, model) == (ROWS, 2)
        assert _files(folder) == whole
        assert not (joined and model.shapes)
    assert number > 30


def test_finished_job_is_known_as_such(tmp_path, source, capsys):
    job = _job(source, tmp_path / "out.jsonl")
    run_job(job, FakeModel())
    files = _files(tmp_path)
    model = FakeModel()
    assert run_job(job, model) == (ROWS, 2)
    assert (_files(tmp_path), model.shapes) == (files, [])
    assert "finished by an earlier run; --restart" in capsys.readouterr().err


@pytest.mark.parametrize("changed", ["input", "output", "bad_rows", "model"])
def test_job_is_not_finished_with_other_files(tmp_path, source, changed):
    job = _job(source, tmp_path / "out.jsonl")
    run_job(job, FakeModel())
    files = {"input": source, "bad_rows": job.bad_rows_file}
    if changed != "model":
        os.utime(files.get(changed, job.output), (1, 1))
    model = FakeModel(name="other" if changed == "model" else "fake")
    with pytest.raises(ValueError, match="out.jsonl exists already"):
        run_job(job, model)
    pathlib.Path(job.output).unlink()
    job.bad_rows_file.unlink()
    assert run_job(job, model) == (ROWS, 2)
    assert model.shapes


def test_finished_windows_are_not_asked_for_again(
    tmp_path, source, monkeypatch
):
    job = _job(source, tmp_path / "out.jsonl")
    with monkeypatch.context() as patch:
        # Marker, manifest, and five windows of which two have bad rows.
        Crashes(patch, os, "replace").at = 2 + 5 + 2 + 1
        with pytest.raises(Crash):
            run_job(job, FakeModel())
    finished = len(list((tmp_path / "out.jsonl.parts").glob("*.part")))
    assert finished == 5
    model = FakeModel()
    assert run_job(job, model) == (ROWS, 2)
    assert sum(shape["in0"][0] for shape in model.shapes) == ROWS - 5 * 16


@pytest.mark.parametrize("windows", [1, 20])
def test_killed_process_is_continued(tmp_path, windows):
    source = tmp_path / "in.jsonl"
    lines = [json.dumps(record) for record in _records(800)]
    source.write_text("\n".join(lines))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    job = _job(source, whole / "out.jsonl")
    run_job(job, FakeModel())
    script = ROOT / "tests" / "serving" / "batch_inference" / "resume_target.py"
    process = subprocess.Popen(
        [sys.executable, script, source, killed / "out.jsonl"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    folder = killed / "out.jsonl.parts"
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.part"))) < windows:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "out.jsonl").exists()
    run_job(_job(source, killed / "out.jsonl"), FakeModel())
    assert _files(killed) == _files(whole)


@pytest.fixture
def begun(tmp_path, source, monkeypatch):
    """A job of which three windows are finished."""
    job = _job(source, tmp_path / "out.jsonl")
    with monkeypatch.context() as patch:
        Crashes(patch, os, "replace").at = 6
        with pytest.raises(Crash):
            run_job(job, FakeModel())
    return job


CHANGES = {
    "window": ({"window": 8}, "window was 16 and is 8"),
    "batch_size": ({"batch_size": 5}, "batch_size was 4 and is 5"),
    "bad_rows": ({"bad_rows": "b"}, 'bad_rows was ".*jsonl" and is ".*/b"'),
    "side": (
        {"signature": "encoder_embeddings", "side": "in0"},
        'side was absent and is "in0"; signature was "serving_default"',
    ),
}


@pytest.mark.parametrize(("options", "message"), CHANGES.values(), ids=CHANGES)
def test_other_options_do_not_continue(begun, source, options, message):
    job = _job(source, begun.output, **options)
    with pytest.raises(ValueError, match=message):
        run_job(job, FakeModel())
    assert run_job(begun, FakeModel()) == (ROWS, 2)


def test_other_model_does_not_continue(begun):
    with pytest.raises(
        ValueError, match='fake was "fake" and is "other".*--re'
    ):
        run_job(begun, FakeModel(name="other"))


def test_changed_input_does_not_continue(begun, source):
    source.write_text(source.read_text() + '{"in0": [1], "in1": [1]}\n')
    with pytest.raises(ValueError, match="input 0 was .*bytes.* and is .*--re"):
        run_job(begun, FakeModel())
    assert run_job(begun, FakeModel(), restart=True) == (ROWS + 1, 2)


def test_restart_asks_for_everything(begun):
    model = FakeModel()
    run_job(begun, model, restart=True)
    refused = sum(shape["in0"][0] for shape in model.shapes)
    assert refused > ROWS - 2
    assert len(_read(pathlib.Path(begun.output))) == ROWS


def test_input_that_changes_meanwhile_is_an_error(tmp_path, source):
    class Changing(FakeModel):
        def answer(self, inputs):
            os.utime(source, (1, 1))
            return super().answer(inputs)

    job = _job(source, tmp_path / "out.jsonl")
    with pytest.raises(ValueError, match="an input has changed while the job"):
        run_job(job, Changing())
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.bad_rows.jsonl"])
def test_finished_output_is_kept(tmp_path, source, name):
    (tmp_path / name).write_text("mine")
    job = _job(source, tmp_path / "out.jsonl")
    with pytest.raises(ValueError, match=f"{name} exists already.*--restart"):
        run_job(job, FakeModel())
    assert (tmp_path / name).read_text() == "mine"
    assert not (tmp_path / "out.jsonl.parts").exists()
    assert run_job(job, FakeModel(), restart=True) == (ROWS, 2)
    assert (tmp_path / name).read_text() != "mine"


def test_restart_drops_an_old_list_of_bad_rows(tmp_path, source):
    job = _job(source, tmp_path / "out.jsonl")
    run_job(job, FakeModel())
    source.write_text('{"in0": [1], "in1": [2]}\n')
    assert run_job(job, FakeModel(), restart=True) == (1, 0)
    assert not job.bad_rows_file.exists()


def test_two_processes_do_not_share_a_job(begun):
    holder = ResumeFolder(begun, FakeModel().identity)
    try:
        with pytest.raises(
            ValueError, match="answers rows in .*out.jsonl.parts"
        ):
            run_job(begun, FakeModel(), restart=True)
    finally:
        holder.close()
    assert run_job(begun, FakeModel()) == (ROWS, 2)


def test_files_of_others_stay(begun):
    other = begun.parts_folder / "notes.txt"
    other.write_text("mine")
    run_job(begun, FakeModel(), restart=True)
    assert other.read_text() == "mine"
