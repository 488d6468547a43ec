"""The job divides pairs as `o2v pairs split` does."""

import importlib
import json
import random

import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.__main__ import main

pytest.importorskip(
    "apache_beam",
    reason="needs Apache Beam (pip install -r requirements-beam.txt); "
    "`make test-beam` runs it",
)
job = importlib.import_module("o2v_keras.pairs.beam.split")

PARTS = ("train", "validation", "test")
GROUP = ["--group-column", "user"]
TIME = ["--time-column", "time"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Files of 600 rows, some pairs twice, in groups that share pairs.

    The groups are of 1 to some 200 rows, of which many have one time.
    """
    folder, generator = tmp_path_factory.mktemp("pairs"), random.Random(0)
    for file in range(3):
        rows = [
            {
                "in0": [generator.randrange(1, 15)],
                "in1": [generator.randrange(1, 15), 3],
                "label": 1,
                "user": f"user {int(40 * generator.random() ** 3)}",
                "time": generator.choice(["-3.5", "-2", "-0.0", "0", "8"]),
                "place": 200 * file + place,
            }
            for place in range(200)
        ]
        lines = [json.dumps(row) for row in rows]
        (folder / f"part-{file}.jsonl").write_text("\n".join(lines))
        texts = [
            f'{r["in0"][0]},"{r["in1"]}",{r["user"]},2026-01-0{len(r["user"])}'
            for r in rows
        ]
        lines = "\n".join(["in0,in1,user,time", *texts])
        (folder / f"part-{file}.csv").write_text(lines)
        table = pa.Table.from_pylist(rows)
        when = table["place"].cast(pa.timestamp("us"))
        table = table.append_column("when", when)
        table = table.append_column("notes", pa.array([[{"a": None}]] * 200))
        pyarrow.parquet.write_table(table, folder / f"part-{file}.parquet")
    return folder


def records(folder, part, ending):
    """The sorted records of a part; None if it has no file."""
    files = [*folder.glob(f"{part}*{ending}")]
    if ending == ".parquet":
        tables = [pyarrow.parquet.read_table(file) for file in files]
        rows = [row for table in tables for row in table.to_pylist()]
        types = {str(table.schema) for table in tables}
        return (types, sorted(map(repr, rows))) if files else None
    lines = [f.read_text().splitlines() for f in files]
    if ending == ".csv":
        assert {header for header, *_ in lines} <= {"in0,in1,user,time"}
        lines = [rows for _, *rows in lines]
    return sorted(sum(lines, [])) if files else None


def check_equal(pairs, tmp_path, capsys, ending, options):
    words = ["--input", f"{pairs}/*{ending}", *options, "--output"]
    one, many = tmp_path / "one", tmp_path / "many"
    assert main(["pairs", "split", *words, str(one)]) == 0
    expected = capsys.readouterr().out.split("\ntrain: ")[0]
    assert main(["beam", "split", *words, str(many)]) == 0
    assert capsys.readouterr().out == f"{expected}\n{many}\n"
    for part in PARTS:
        assert records(many, part, ending) == records(one, part, ending)
    report = json.loads((many / "_pairs.json").read_text())
    assert report == json.loads((one / "_pairs.json").read_text())
    written = {file.name.split("-")[0] for file in many.iterdir()}
    assert written <= {*PARTS, "_pairs.json"}


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        (".jsonl", []),
        (".jsonl", ["--test", "7", "--validation", "0.3", "--seed", "5"]),
        (".csv", ["--test", "0"]),
        (".jsonl", ["--split", "group", *GROUP]),
        (".csv", ["--split", "within", *GROUP, "--test", "9"]),
        (".parquet", ["--split", "within-time", *GROUP, *TIME]),
        (".csv", ["--split", "time", *TIME]),
        (".parquet", ["--validation", "0", "--test", "0"]),
    ],
)
def test_parts_and_report_are_those_of_one_machine(
    pairs, tmp_path, capsys, ending, options
):
    check_equal(pairs, tmp_path, capsys, ending, options)


@pytest.mark.parametrize(
    "options",
    [
        ["--test", "0.4"],
        ["--split", "group", *GROUP, "--test", "9"],
        ["--split", "within", *GROUP, "--test", "0.3"],
        ["--split", "time", *TIME, "--test", "31", "--validation", "1"],
        ["--split", "within-time", *GROUP, *TIME, "--test", "2"],
        ["--split", "within-time", *GROUP, *TIME, "--validation", "0.4"],
    ],
)
def test_many_rows_are_counted_and_joined_in_steps(
    pairs, tmp_path, capsys, monkeypatch, options
):
    # As if 600 rows were billions.
    monkeypatch.setattr(job, "_MOST_COUNTS", 4)
    monkeypatch.setattr(job, "_MOST_CHARACTERS", 300)
    check_equal(pairs, tmp_path, capsys, ".jsonl", options)


def test_times_are_written_alike_in_all_files(tmp_path, capsys):
    for name, time in (("a", "5"), ("b", "2026-01-02")):
        (tmp_path / f"{name}.csv").write_text(f"in0,in1,time\n1,2,{time}\n")
    words = ["beam", "split", "--split", "time", *TIME, "--test", "1"]
    words += ["--input", f"{tmp_path}/*.csv", "--output", f"{tmp_path}/parts"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/b.csv: times are dates, but numbers in " in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split", "group"], "`--group-column` must name a column"),
        (["--split", "time"], "where `--time-column` names no column"),
        (["--split", "time", *TIME, "--test", "600"], "No training pair"),
        (["--test", "1.5"], "`--test` must be a share below 1, or a whole"),
        (["--test", "1000"], "No training pair is left"),
        (["--in0-column", "no"], "no row has a value in the column no"),
    ],
)
def test_errors_are_those_of_one_machine(
    pairs, tmp_path, capsys, options, message
):
    words = ["--input", f"{pairs}/*.jsonl", *options, "--output"]
    assert main(["pairs", "split", *words, str(tmp_path / "one")]) == 2
    assert message in capsys.readouterr().err
    assert main(["beam", "split", *words, str(tmp_path / "many")]) == 2
    assert message in capsys.readouterr().err
    # Corrected, the command finds a free place.
    assert not list(tmp_path.glob("many/[!b]*"))


def test_parts_of_two_jobs_do_not_mix(pairs, tmp_path, capsys):
    words = ["beam", "split", "--input", f"{pairs}/*.jsonl"]
    words += ["--output", str(tmp_path / "parts")]
    assert main(words) == 0
    assert main(words) == 2
    assert "`--output` must hold no shards" in capsys.readouterr().err
