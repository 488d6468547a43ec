import json

import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.bad_rows import SoundRows
from o2v_keras.data.check.bad_rows import skipped_share
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pairs

LIMITS = {"enc0_max_seq_len": 2, "enc0_vocab_size": 10, "num_classes": 3}


def pieces():
    """Rows whose worst ids, lengths and labels are in different pieces."""
    in0 = [[11], [1], [1, 2, 3], [19], [1], [1, 2, 3, 4], [5], [12]]
    table = PairTable.from_arrays(in0, [[1]] * 8, [0, 7, 1, 1, 3.5, 1, 2, 5])
    parts = np.split(np.arange(8), [2, 4, 7])
    return table, [table.take(rows) for rows in parts]


def check(*tables, rejected=None, **settings):
    settings = {"config": Object2VecConfig(**LIMITS)} | settings
    with SoundRows(**settings) as rows:
        kept = [rows.add(table, rejected) for table in tables]
        rows.finish()
    return PairTable.concat(kept)


def test_blocks_are_reported_as_one_table():
    table, parts = pieces()
    with pytest.raises(DataError) as expected, pytest.warns(UserWarning):
        check(table)
    with pytest.raises(DataError) as error, pytest.warns(UserWarning) as warned:
        check(*parts)
    assert str(error.value) == str(expected.value)
    assert "enc0_vocab_size=20 would fit" in str(error.value)
    assert "enc0_max_seq_len=4 would keep all" in str(warned[0].message)


def test_bad_rows_go_to_a_side_file(tmp_path):
    lines = ['{"in0": [1], "in1": [1], "label": 1}', "oops"]
    (tmp_path / "a.jsonl").write_text("\n".join(lines * 3))
    table = read_pairs(tmp_path / "a.jsonl")
    _, parts = pieces()
    side_file = tmp_path / "bad.jsonl"
    config = Object2VecConfig(**{**LIMITS, "enc0_max_seq_len": 4})
    with SoundRows(config, side_file=side_file, max_skipped=0.6) as rows:
        kept = len(rows.add(table.table, table.rejected))
        assert not side_file.exists()
        kept += sum(len(rows.add(part)) for part in parts)
        assert not rows.failed
        with pytest.warns(UserWarning, match="8 of 14 rows .*bad.jsonl holds"):
            rows.finish()
    assert kept == 6
    entries = [json.loads(line) for line in side_file.read_text().splitlines()]
    assert [entry.get("line", entry.get("row")) for entry in entries] == [
        *(2, 4, 6),
        *(0, 1, 3, 4, 7),
    ]
    assert entries[3]["reasons"] == ["in0: id >= vocab_size: in0[0]=11"]


def test_data_without_a_row_are_an_error():
    with pytest.raises(DataError, match="must hold at least one row"):
        check(PairTable.from_arrays([], [], []))


def test_an_error_keeps_the_older_side_file(tmp_path):
    side_file = tmp_path / "bad.jsonl"
    side_file.write_text("older")
    with pytest.raises(KeyboardInterrupt), SoundRows(side_file=side_file):
        raise KeyboardInterrupt
    assert side_file.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jsonl"]


def test_a_remote_side_file_gets_its_name_at_the_end():
    path = "ram://sound_rows/bad.jsonl"
    table, _ = pieces()
    with pytest.warns(UserWarning):
        check(table, side_file=path, max_skipped=1)
    assert tf.io.gfile.listdir("ram://sound_rows") == ["bad.jsonl"]
    with tf.io.gfile.GFile(path) as file:
        assert len(file.read().splitlines()) == 5


def test_records_are_read_again_once_and_at_the_end(tmp_path):
    asked = []

    def records(origin):
        asked.append(origin.numbers.tolist())
        return [f"record {number}" for number in origin.numbers]

    _, parts = pieces()
    side_file = tmp_path / "bad.jsonl"
    with pytest.warns(UserWarning):
        check(*parts, side_file=side_file, records=records, max_skipped=1)
    assert asked == [[0, 1, 3, 4, 7]]
    entries = [json.loads(line) for line in side_file.read_text().splitlines()]
    assert [entry["record"] for entry in entries] == [
        f"record {number}" for number in asked[0]
    ]


FILE = """\
{"in0": [1], "in1": [2], "label": 1}
{"in0": [1], "in1": [2], "label":

{"in0": [12], "in1": [2], "label": 0}
{"in0": [], "in1": [2, 3, 4], "label": NaN}
{"in0": 5.5, "in1": [2.5]}
{"in0": [1], "in1": [2], "label": 1e999}
{"in0": [3], "in1": [4, 0], "label": 0}
"""


def test_unusable_rows_are_sorted_by_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.jsonl").write_text(FILE)
    read = read_pairs("train.jsonl")
    side_file = tmp_path / "new" / "rejected.jsonl"
    with pytest.warns(UserWarning, match="5 of 7 rows .*rejected.jsonl holds"):
        table = check(
            read.table,
            rejected=read.rejected,
            config=Object2VecConfig(**{**LIMITS, "enc0_max_seq_len": 3}),
            side_file=side_file,
            max_skipped=1,
        )
    assert table.in1.values.tolist() == [2, 4, 0]
    assert [table.locate(0), table.locate(1)] == [
        "train.jsonl:1",
        "train.jsonl:8",
    ]
    entries = [json.loads(line) for line in side_file.read_text().splitlines()]
    assert [(e["file"], e["line"]) for e in entries] == [
        ("train.jsonl", line) for line in (2, 4, 5, 6, 7)
    ]
    assert [entry["reasons"] for entry in entries[1:]] == [
        ["in0: id >= vocab_size: in0[0]=12"],
        ["in0: empty sequence: in0=[]", "label: not finite: label=nan"],
        [
            "in0: no list: in0=5.5",
            "in1: non-integer id: in1[0]=2.5",
            'label: missing: no "label"',
        ],
        ["label: not finite: label=inf"],
    ]
    assert entries[0]["record"] == FILE.splitlines()[1].strip()
    assert json.loads(entries[1]["record"]) == {
        "in0": [12],
        "in1": [2],
        "label": 0.0,
    }


def test_a_side_file_is_written_when_all_is_well(tmp_path):
    table = PairTable.from_arrays([[1]], [[2]], [0])
    kept = check(table, side_file=tmp_path / "rejected.jsonl")
    assert len(kept) == 1
    assert (tmp_path / "rejected.jsonl").read_text() == ""


@pytest.mark.parametrize("bad", [1, 2])
def test_more_bad_rows_than_may_be_skipped_are_an_error(tmp_path, bad):
    table = PairTable.from_arrays(
        [[1]] * 100, [[2]] * 100, [7] * bad + [0] * (100 - bad)
    )
    path = tmp_path / "rejected.jsonl"
    if bad == 1:
        with pytest.warns(UserWarning, match="1 of 100 rows have errors"):
            assert len(check(table, side_file=path)) == 99
    else:
        message = "2 of 100 .* share of 0.01 .*--skip-bad-rows 0.02.* label=7"
        with pytest.raises(DataError, match="(?s)" + message):
            check(table, side_file=path)
    assert len(path.read_text().splitlines()) == bad


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_skipped_rows_is_one(share):
    with pytest.raises(ValueError, match="`skip_bad_rows` must be .*Received"):
        skipped_share(share)


def test_nothing_left_is_an_error(tmp_path):
    table = PairTable.from_arrays([[-1], []], [[2], [3]], [0, 1])
    path = tmp_path / "rejected.jsonl"
    with pytest.raises(DataError, match="No row is left .*2 with errors"):
        check(table, side_file=path)
    assert len(path.read_text().splitlines()) == 2
