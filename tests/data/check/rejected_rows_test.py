import json

import numpy as np

from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.provenance import Source
from o2v_keras.data.read.record import Fault

EMPTY = Fault("in0", "missing", 'no "in0"')
WORD = Fault("label", "no number", "label='é'")


def test_writes_rows_by_file_and_line(tmp_path):
    rejected = RejectedRows.concat(
        [
            RejectedRows.of(
                Source("c.jsonl", "line"), [RejectedRow(1, "{}", (EMPTY,))]
            ),
            RejectedRows.of(
                Source("a.parquet", "row"), [RejectedRow(7, "{}", (EMPTY,))]
            ),
            RejectedRows.of(
                Source("b.jsonl", "line"),
                [
                    RejectedRow(12, '{"label": "é"}', (EMPTY, WORD)),
                    RejectedRow(3, "{}", (EMPTY,)),
                ],
            ),
            RejectedRows.of(
                Source("b.jsonl", "line"), [RejectedRow(5, "[]", (EMPTY,))]
            ),
        ]
    )
    path = tmp_path / "new" / "rejected.jsonl"
    rejected.write(path)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    missing = 'in0: missing: no "in0"'
    assert entries == [
        {
            "file": "a.parquet",
            "row": 7,
            "reasons": [missing],
            "record": "{}",
        },
        {"file": "b.jsonl", "line": 3, "reasons": [missing], "record": "{}"},
        {"file": "b.jsonl", "line": 5, "reasons": [missing], "record": "[]"},
        {
            "file": "b.jsonl",
            "line": 12,
            "reasons": [missing, "label: no number: label='é'"],
            "record": '{"label": "é"}',
        },
        {"file": "c.jsonl", "line": 1, "reasons": [missing], "record": "{}"},
    ]


def test_rows_of_one_source_are_sorted():
    rows = [RejectedRow(number, "{}", (EMPTY,)) for number in (9, 2, 5)]
    rejected = RejectedRows.of(Source("a.jsonl", "line"), rows)
    assert rejected.origin.numbers.tolist() == [2, 5, 9]


def test_writes_an_empty_file_over_an_older_one(tmp_path):
    path = tmp_path / "rejected.jsonl"
    path.write_text("old")
    RejectedRows.none().write(path)
    assert path.read_text() == ""


def test_rows_of_memory_have_no_file(tmp_path):
    rejected = RejectedRows.of(
        Source(None, "row"), [RejectedRow(np.int64(4), "{}", (EMPTY,))]
    )
    rejected.write(tmp_path / "rejected.jsonl")
    entry = json.loads((tmp_path / "rejected.jsonl").read_text())
    assert (entry["file"], entry["row"]) == (None, 4)
