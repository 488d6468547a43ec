"""Weights of records, in every format."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2v_keras.__main__ import main
from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.check.report import weight_notice
from o2v_keras.data.convert.convert import convert
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import read_source

WEIGHTS = [0.5, 2, 0, 0.25]
ROWS = [
    {"in0": [1, 2], "in1": [row + 1], "label": 1, "weight": weight}
    for row, weight in enumerate(WEIGHTS)
]
CONFIG = Object2VecConfig(enc0_max_seq_len=4, enc0_vocab_size=9)
FORMATS = ["a.jsonl", "a.csv", "a.tsv", "a.parquet", "a.tfrecord", "mapping"]
# Read by columns, by arrow and in Python.
OTHER_LINES = {
    "other_order": lambda row, n: row if n else dict(reversed(row.items())),
    "negative_label": lambda row, n: row | {"label": -1},
    "decimals": lambda row, n: row | {"weight": float(row["weight"])},
}


def write(path, rows=ROWS):
    """Writes rows of ids as the ending says; returns what to read."""
    if path.name == "mapping":
        return {name: [row[name] for row in rows] for name in rows[0]}
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".tfrecord":
        write(path.with_suffix(".jsonl"), rows)
        folder = path.with_suffix("")
        convert(path.with_suffix(".jsonl"), folder, verbose=0)
        return folder
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
            writer.writeheader()
            for row in rows:
                ids = {s: " ".join(map(str, row[s])) for s in ("in0", "in1")}
                writer.writerow({**row, **ids})
    return path


def without_weight(rows):
    return [{n: v for n, v in row.items() if n != "weight"} for row in rows]


@pytest.mark.parametrize("name", FORMATS)
def test_are_read_beside_labels(tmp_path, name):
    source = write(tmp_path / name)
    table = load_pairs(source, CONFIG)
    assert table.weights.dtype == np.float32
    assert table.weights.tolist() == WEIGHTS
    unlabelled = read_source(source, CONFIG, label=False).table
    assert unlabelled.weights is None


@pytest.mark.parametrize("name", FORMATS)
def test_of_no_record_take_no_memory(tmp_path, name):
    source = write(tmp_path / name, without_weight(ROWS))
    assert load_pairs(source, CONFIG).weights is None


@pytest.mark.parametrize("change", OTHER_LINES.values(), ids=OTHER_LINES)
def test_are_read_from_lines_of_any_layout(tmp_path, change):
    path = tmp_path / "a.jsonl"
    write(path, [change(row, number) for number, row in enumerate(ROWS)])
    assert read_source(path, CONFIG).table.weights.tolist() == WEIGHTS


@pytest.mark.parametrize("columns", ["ids", "named"])
@pytest.mark.parametrize("broken", [True, False])
def test_a_json_record_without_one_counts_1(tmp_path, columns, broken):
    path = tmp_path / "a.jsonl"
    rows = [*ROWS[:2], *without_weight(ROWS[2:])]
    # A line that arrow refuses, so that Python reads those around it.
    rows += [{**ROWS[0], "in0": "text"}] if broken else []
    write(path, rows)
    settings = {}
    if columns == "named":
        path.write_text(path.read_text().replace("label", "score"))
        settings["columns"] = PairColumns(label="score")
    pairs = read_source(path, CONFIG, **settings)
    assert pairs.table.weights.tolist() == [0.5, 2, 1, 1]
    assert pairs.report.unusable_rows == broken


def test_an_example_without_one_counts_1(tmp_path):
    path = tmp_path / "a.tfrecord"
    source = write(path, [*ROWS[:2], *without_weight(ROWS[2:])])
    assert load_pairs(source, CONFIG).weights.tolist() == [0.5, 2, 1, 1]


def test_a_file_without_them_counts_1(tmp_path):
    write(tmp_path / "a.jsonl")
    write(tmp_path / "b.csv", without_weight(ROWS))
    assert load_pairs(tmp_path, CONFIG).weights.tolist() == [*WEIGHTS, *[1] * 4]


@pytest.mark.parametrize("name", FORMATS[:-2])
def test_in_a_column_of_any_name(tmp_path, name):
    rows = [dict(zip("abcd", row.values(), strict=True)) for row in ROWS]
    columns = PairColumns("a", "b", "c", "d")
    path = tmp_path / name
    if path.suffix in (".csv", ".tsv"):
        first, *lines = write(path).read_text().splitlines()
        joint = "\t" if path.suffix == ".tsv" else ","
        path.write_text("\n".join([joint.join("abcd"), *lines]))
    else:
        write(path, rows)
    table = load_pairs(path, CONFIG, columns=columns)
    assert table.weights.tolist() == WEIGHTS
    columns = columns._replace(weight="importance")
    with pytest.raises(DataError, match="importance"):
        load_pairs(path, CONFIG, columns=columns)


def test_a_mapping_must_have_a_column_that_was_named(tmp_path):
    source = write(tmp_path / "mapping")
    with pytest.raises(ValueError, match="Missing: importance"):
        load_pairs(source, CONFIG, columns=PairColumns(weight="importance"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "mapping"])
@pytest.mark.parametrize(
    "columns",
    [PairColumns(weight=None), PairColumns(label="weight")],
    ids=["none", "label"],
)
def test_a_field_called_weight_may_be_something_else(tmp_path, name, columns):
    source = write(tmp_path / name)
    pairs = read_source(source, CONFIG, columns=columns)
    assert pairs.table.weights is None
    named = columns.label == "weight"
    assert pairs.table.labels.tolist() == (WEIGHTS if named else [1] * 4)


BAD = {
    "null": (None, 'weight: missing.*a.{ending}{place}: .*"weight"'),
    "text": ("x", "weight: no number.*a.{ending}{place}: weight='x'"),
    "negative": (-1, "weight: negative.*a.{ending}{place}: weight=-1.*counts"),
    "infinite": (1e39, "weight: not finite.*a.{ending}{place}: weight=inf"),
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_ones_are_errors_by_file_and_line(tmp_path, kind, name):
    if (kind, name) == ("text", "a.parquet"):
        pytest.skip("a Parquet column has one type")
    value, message = BAD[kind]
    rows = [*ROWS[:2], {**ROWS[2], "weight": value}, *ROWS[3:]]
    path = write(tmp_path / name, rows)
    place = {"jsonl": ":3", "csv": ":4", "parquet": ": row 2"}
    ending = path.suffix[1:]
    if value is None and ending == "csv":
        message = "weight: missing.*a.{ending}{place}: weight=''"
    pattern = message.format(ending=ending, place=place[ending])
    with pytest.raises(DataError, match=f"(?s){pattern}"):
        load_pairs(path, CONFIG)


@pytest.mark.parametrize("value", [[1], "x", -1, None])
def test_lines_that_are_all_alike_hide_no_bad_one(tmp_path, value):
    path = write(tmp_path / "a.jsonl", [{**r, "weight": value} for r in ROWS])
    with pytest.raises(
        DataError, match=r"weight: .* \(4 rows\)\n.*a\.jsonl:1: "
    ):
        load_pairs(path, CONFIG)


def test_bad_ones_are_left_out_with_their_rows(tmp_path):
    rejected = tmp_path / "rejected.jsonl"
    source = {**write(tmp_path / "mapping"), "weight": [1, -1, 2, 3]}
    with pytest.warns(UserWarning, match="1 of 4 rows"):
        table = load_pairs(source, CONFIG, False, rejected, max_skipped=1)
    assert table.weights.tolist() == [1, 2, 3]
    assert json.loads(json.loads(rejected.read_text())["record"])["weight"] < 0


@pytest.mark.parametrize("stream", [False, True])
def test_one_must_be_above_0(tmp_path, stream):
    path = write(tmp_path / "a.jsonl", [{**r, "weight": 0} for r in ROWS])
    with pytest.raises(DataError, match=r"a\.jsonl:1: .*weight of 0"):
        if stream:
            PairStream(path, CONFIG.replace(mini_batch_size=2), 2)
        else:
            load_pairs(path, CONFIG)


def test_ones_are_as_good_as_none():
    arrays = [[[1], [2]], [[3], [4]], [0, 1]]
    plain = PairTable.from_arrays(*arrays)
    ones = PairTable.from_arrays(*arrays, weights=[1, 1])
    assert ones.fingerprint() == plain.fingerprint()
    others = PairTable.from_arrays(*arrays, weights=[1, 2])
    assert others.fingerprint() != plain.fingerprint()


def test_a_stream_knows_which_row_has_which(tmp_path):
    config = CONFIG.replace(mini_batch_size=1)

    def fingerprint(*files):
        for number, weights in enumerate(files):
            rows = [
                {**row, "weight": weight} if weight else row
                for row, weight in zip(
                    without_weight(ROWS[:2]), weights, strict=True
                )
            ]
            write(tmp_path / f"{number}.jsonl", rows)
        return PairStream(tmp_path, config, 4).fingerprint()

    plain = fingerprint([None, None], [None, None])
    assert fingerprint([1, 1], [None, 1]) == plain
    others = [
        fingerprint([2, 1], [1, 1]),
        fingerprint([1, 2], [1, 1]),
        fingerprint([1, 1], [1, 2]),
        fingerprint([1, 3], [1, 1]),
    ]
    assert len({plain, *others}) == 5


@pytest.mark.parametrize("name", [n for n in FORMATS if n != "mapping"])
def test_check_announces_weights_that_nobody_named(tmp_path, capsys, name):
    path = write(tmp_path / name)
    assert main(["check", "--data", str(path)]) == 0
    told = capsys.readouterr().out
    assert 'The column "weight" holds sample weights, from 0 to 2: ' in told
    if "tfrecord" not in name:
        assert main(["check", "--data", str(path), "--weight-column", ""]) == 0
        assert "sample weights" not in capsys.readouterr().out


def test_the_range_of_weights_is_that_of_all_rows():
    check = PairCheck()
    for weights in ([3, 5], None, [2, 350_000, 7], [1, -9, 4]):
        table = PairTable.from_arrays(
            [1, 2, 3][: len(weights or "ab")],
            [3, 4, 5][: len(weights or "ab")],
            weights=weights,
        )
        check.add(table)
    range_ = check.report().weight_range
    assert range_ == (1, 350_000)
    notice = weight_notice(range_, PairColumns())
    assert "from 1 to 350,000" in notice
    assert not weight_notice(range_, PairColumns(weight="weights"))
    assert not weight_notice((1, 1), PairColumns())
    assert not weight_notice(None, PairColumns())
