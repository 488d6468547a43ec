import re

import pytest

from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.read.record import WEIGHT
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import parse_record

COLUMNS = {
    "in0": Column("in0", "ids"),
    "in1": Column("in1", "ids"),
    "label": Column("label", "number"),
    "weight": WEIGHT,
}

CASES = {
    '{"in0": [1], "in1": [2]': ["record: malformed JSON: Expecting ','"],
    "": ["record: malformed JSON: Expecting value, at column 1"],
    '{"in0": [1]} {"in0": [2]}': [
        "record: malformed JSON: more text after the record, at column 14"
    ],
    "[[1], [2], 0]": ["record: no JSON object: the line is [[1], [2], 0]"],
    "null": ["record: no JSON object: the line is null"],
    '[{"in0": 1}]': ['record: no JSON object: the line is [{"in0": 1}]'],
    "{}": [
        'in0: missing: no "in0"',
        'in1: missing: no "in1"',
        'label: missing: no "label"',
    ],
    '{"in0": null, "in1": 5.0, "label": null}': [
        'in0: missing: no "in0"',
        "in1: no list: in1=5.0",
        'label: missing: no "label"',
    ],
    '{"in0": "1 2", "in1": {"a": 1}, "label": "1"}': [
        "in0: a text in place of ids: in0='1 2'",
        "in1: no list: in1=",
        "label: no number: label='1'",
    ],
    '{"in0": [1, 2.0], "in1": [null], "label": true}': [
        "in0: non-integer id: in0[1]=2.0",
        "in1: non-integer id: in1[0]=None",
        "label: no number: label=True",
    ],
    '{"in0": [1, true], "in1": ["a"], "label": []}': [
        "in0: non-integer id: in0[1]=True",
        "in1: non-integer id: in1[0]='a'",
        "label: no number: label=[]",
    ],
    '{"in0": [9223372036854775808], "in1": [-9223372036854775809, 0.5], '
    '"label": 1e999}': [
        "in0: id beyond 64 bits: in0[0]=9223372036854775808",
        "in1: id beyond 64 bits: in1[0]=-9223372036854775809",
        "label: not finite: label=inf",
    ],
    '{"in0": [1], "in1": [2], "label": -Infinity}': [
        "label: not finite: label=-inf"
    ],
    f'{{"in0": [1], "in1": [2], "label": 1{"0" * 400}}}': [
        "label: not finite: label=10000"
    ],
    '{"in0": [1], "in1": [2], "in0": [3], "label": 1}': [
        'in0: repeated: "in0" is there 2 times'
    ],
}


@pytest.mark.parametrize(
    ("record", "expected"), CASES.items(), ids=[c[:40] for c in CASES]
)
def test_says_what_is_wrong(record, expected):
    _, faults = parse_record(record, COLUMNS)
    assert len(faults) == len(expected)
    for fault, text in zip(faults, expected, strict=True):
        assert str(fault).startswith(text)
        assert fault.kind in ADVICE


@pytest.mark.parametrize(
    "record",
    [
        '{"in0": [], "in1": [0, -9223372036854775808], "label": -1.5}',
        '{"in0": [9223372036854775807], "in1": [1], "label": 0, "x": [0.5]}',
        '{"in0": [1], "in1": [2], "label": 1, "x": {"in0": 1, "in0": 2}}',
        '{"in0": [1], "in1": [2], "label": NaN}',
        # Python cannot read these two; arrow decides.
        f'{{"in0": [1], "x": {"[" * 9999}{"]" * 9999}}}',
        f'{{"in0": [{"1" * 5000}]}}',
    ],
    ids=lambda record: re.sub(r"(.)\1{9,}", r"\1...", record),
)
def test_finds_no_fault(record):
    assert parse_record(record, COLUMNS)[1] == ()


def test_looks_at_the_asked_fields_only():
    record = '{"in0": [1], "in1": "x", "label": "y"}'
    columns = {"in0": COLUMNS["in0"]}
    assert parse_record(record, columns) == ({"in0": [1]}, ())
