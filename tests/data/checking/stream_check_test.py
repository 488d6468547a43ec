import json

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.checking.checks import check_pairs
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.checking.stream_check import StreamCheck
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


def check(tables, **settings):
    with StreamCheck(Object2VecConfig(**LIMITS), **settings) as checker:
        kept = [
            checker.sound_rows(table, RejectedRows.none()) for table in tables
        ]
        checker.finish()
    return kept


def test_reports_as_if_all_were_in_memory():
    table, parts = pieces()
    with pytest.raises(DataError) as expected:
        check_pairs(table, Object2VecConfig(**LIMITS)).raise_for_errors()
    with pytest.raises(DataError) as error, pytest.warns(UserWarning) as warned:
        check(parts)
    assert sorted(str(error.value).splitlines()) == sorted(
        str(expected.value).splitlines()
    )
    assert "enc0_vocab_size=20 would fit" in str(error.value)
    assert "enc0_max_seq_len=4 would keep all" in str(warned[0].message)


def test_bad_rows_go_to_a_side_file(tmp_path):
    lines = ['{"in0": [1], "in1": [1], "label": 1}', "oops"]
    (tmp_path / "a.jsonl").write_text("\n".join(lines * 3))
    table = read_pairs(tmp_path / "a.jsonl")
    _, parts = pieces()
    side_file = tmp_path / "bad.jsonl"
    config = Object2VecConfig(**{**LIMITS, "enc0_max_seq_len": 4})
    with StreamCheck(config, side_file=side_file, max_skipped=0.6) as checker:
        kept = len(checker.sound_rows(table.table, table.rejected))
        assert not side_file.exists()
        kept += sum(
            len(checker.sound_rows(part, RejectedRows.none())) for part in parts
        )
        with pytest.warns(UserWarning, match="8 of 14 rows .*bad.jsonl holds"):
            checker.finish()
    assert kept == 6
    entries = [json.loads(line) for line in side_file.read_text().splitlines()]
    assert [entry.get("line", entry.get("row")) for entry in entries] == [
        *(2, 4, 6),
        *(0, 1, 3, 4, 7),
    ]
    assert entries[3]["reasons"] == ["in0: id >= vocab_size: in0[0]=11"]


def test_no_row_left_is_an_error(tmp_path):
    table = PairTable.from_arrays([[99]], [[1]], [1])
    with pytest.raises(DataError, match="No row is left"):
        check([table], side_file=tmp_path / "bad.jsonl")
    with pytest.raises(DataError, match="must hold at least one row"):
        check([])
