"""The job divides pairs as `o2v pairs split` does."""

import json
import random

import pytest

from o2v_keras.__main__ import main

pytest.importorskip(
    "apache_beam",
    reason="needs Apache Beam (pip install -r requirements-beam.txt); "
    "`make test-beam` runs it",
)

PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Files of 600 rows, some pairs twice, in groups that share pairs."""
    folder, generator = tmp_path_factory.mktemp("pairs"), random.Random(0)
    for file in range(3):
        rows = [
            {
                "in0": [generator.randrange(1, 15)],
                "in1": [generator.randrange(1, 15), 3],
                "label": 1,
                "user": f"user {generator.randrange(40)}",
            }
            for _ in range(200)
        ]
        lines = [json.dumps(row) for row in rows]
        (folder / f"part-{file}.jsonl").write_text("\n".join(lines))
        texts = [f'{r["in0"][0]},"{r["in1"]}",{r["user"]}' for r in rows]
        lines = "\n".join(["in0,in1,user", *texts])
        (folder / f"part-{file}.csv").write_text(lines)
    return folder


def records(folder, part, ending):
    """The sorted records of a part; None if it has no file."""
    files = [*folder.glob(f"{part}*{ending}")]
    lines = [f.read_text().splitlines() for f in files]
    if ending == ".csv":
        assert {header for header, *_ in lines} <= {"in0,in1,user"}
        lines = [rows for _, *rows in lines]
    return sorted(sum(lines, [])) if files else None


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        (".jsonl", []),
        (".jsonl", ["--test", "7", "--validation", "0.3", "--seed", "5"]),
        (".csv", ["--test", "0"]),
        (".jsonl", ["--split", "group", "--group-column", "user"]),
        (".csv", ["--split", "group", "--group-column", "user", "--test", "9"]),
        (".jsonl", ["--validation", "0", "--test", "0"]),
    ],
)
def test_parts_and_report_are_those_of_one_machine(
    pairs, tmp_path, capsys, ending, options
):
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
    ("options", "message"),
    [
        (["--split", "group"], "`--group-column` must name a column"),
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


def test_parts_of_two_jobs_do_not_mix(pairs, tmp_path, capsys):
    words = ["beam", "split", "--input", f"{pairs}/*.jsonl"]
    words += ["--output", str(tmp_path / "parts")]
    assert main(words) == 0
    assert main(words) == 2
    assert "`--output` must hold no shards" in capsys.readouterr().err
