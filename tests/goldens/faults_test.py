"""Where and how often each kind of fault is found, in every format."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from o2v_keras.data.convert.tf_example import make_example
from o2v_keras.data.read_source import read_source
from tests.goldens import golden
from tests.goldens.sources import make_config

NAME = "faults"
GOOD = {"in0": [1, 2], "in1": [3], "label": 1, "weight": 0.5}
# What every format can say wrongly, in the order of the rows.
VALUES = (
    {"in0": []},
    {"in0": [-1]},
    {"in1": [60]},
    {"in0": [0, 0]},
    {"in0": [5, 0, 6]},
    {"in0": [1] * 9},
    {"label": 7},
    {"label": float("nan")},
    {"weight": -1.0},
    {"weight": float("inf")},
)
JSON_LINES = (
    "{",
    "[1]",
    '{"in0": [1], "in0": [1], "in1": [1], "label": 1}',
    '{"in0": [1], "label": 1}',
    '{"in0": null, "in1": [1], "label": 1}',
    '{"in0": "a dog", "in1": [1], "label": 1}',
    '{"in0": 7.5, "in1": [1], "label": 1}',
    '{"in0": [1.5], "in1": [true], "label": 1}',
    '{"in0": [99999999999999999999], "in1": [1], "label": 1}',
    '{"in0": [1], "in1": [1], "label": "1"}',
    '{"in0": [1], "in1": [1], "label": 1e999}',
    '{"in0": [1], "in1": [1], "label": 1} {}',
)
SEPARATED = (
    ("1 2", "3"),
    ("1 2", "3", "1", "1", "1"),
    ("", "3", "1", "1"),
    ("1 a", "3", "1", "1"),
    ("1.5", "3", "1", "1"),
    ("1 99999999999999999999", "3", "1", "1"),
    ("1", "3", "", "1"),
    ("1", "3", "one", "1"),
    ("1", "3", "1", "heavy"),
)


def _rows():
    """A good row before each bad one, so that numbers tell."""
    return [row for bad in VALUES for row in (GOOD, GOOD | bad)]


def _json_lines(path):
    good = json.dumps(GOOD)
    lines = [json.dumps(row) for row in _rows()]
    lines += [line for bad in JSON_LINES for line in ("", good, bad)]
    path.write_text("\n".join(lines) + "\n")


def _cell(value):
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _separated(path):
    comma = "\t" if path.suffix == ".tsv" else ","
    rows = [tuple(map(_cell, row.values())) for row in _rows()]
    good = tuple(map(_cell, GOOD.values()))
    rows += [row for bad in SEPARATED for row in (good, bad)]
    lines = [comma.join(row) for row in (tuple(GOOD), *rows)]
    if path.suffix == ".csv":
        lines += ['1 2,"3,1,1', '4",1,1', ",".join(good), '1 "2",3,1,1']
    path.write_text("\n".join(lines) + "\n")


def _parquet(path):
    rows = _rows()
    rows += [row for name in GOOD for row in (GOOD, GOOD | {name: None})]
    rows += [GOOD | {"in0": [1, None]}]
    pq.write_table(pa.Table.from_pylist(rows), path)


def _tfrecord(path):
    rows = _rows()
    with tf.io.TFRecordWriter(str(path)) as file:
        for row in rows:
            file.write(make_example(**row))
        for name in GOOD:
            file.write(make_example(**{**GOOD, name: None}))
        file.write(b"no Example")


WRITERS = {
    "jsonl": _json_lines,
    "csv": _separated,
    "tsv": _separated,
    "parquet": _parquet,
    "tfrecord": _tfrecord,
}


def _found(form, folder):
    """`[field, kind, severity, count, [where, ...]]` of every problem."""
    path = folder / f"faults.{form}"
    WRITERS[form](path)
    report = read_source(path, make_config()).report
    problems = [
        [p.field, p.kind, p.severity, p.count, [_place(c) for c in p.cases]]
        for p in report.problems
    ]
    return {
        "rows": report.rows,
        "unusable": report.unusable_rows,
        "problems": sorted(problems),
    }


def _place(case):
    return re.match(r".*?faults(\.\w+[^:]*:?[^:]*):", case).group(1)


def measure(folder):
    return {form: _found(form, folder) for form in WRITERS}


@pytest.mark.parametrize("form", WRITERS)
def test_faults(form, tmp_path):
    golden.assert_golden(NAME, form, _found(form, tmp_path))


def test_faulty_values_are_found_in_every_format():
    kinds = [
        {tuple(p[:2]) for p in golden.expected(NAME, form)["problems"]}
        for form in WRITERS
    ]
    assert set.intersection(*kinds) == {
        ("in0", "empty sequence"),
        ("in0", "negative id"),
        ("in0", "only id 0"),
        ("in0", "id 0 among real tokens"),
        ("in0", "longer than max_seq_len"),
        ("in1", "id >= vocab_size"),
        ("label", "no class"),
        ("weight", "negative"),
    }
