import gzip

import numpy as np
import pytest
import zstandard

from serving.batch_inference.input_files import read_windows

COLUMNS = {"in0": "user", "in1": "plot"}
LINES = (
    "plot,user,id\n"
    "a dog,1 2,u1\n"
    "\n"
    '"a, ""long""\ncat",3,u2\n'
    "a,b,c,d\n"
    ",4,7\n"
    "x,,u4\n"
    "x,-5,u5\n"
    "x,1.5,u6\n"
    "x,99999999999999999999,u7\n"
    "last,8,\n"
)
# Broken records have no text.
WORDS = [
    b"a dog",
    b'a, "long"\ncat',
    None,
    b"",
    b"x",
    b"x",
    None,
    None,
    b"last",
]
REASONS = {
    2: "wrong number of fields: 4 of 3",
    4: '"user" is empty',
    5: '"user" holds -5; ids count from 0',
    6: "non-integer id: user='1.5'",
    7: "id beyond 64 bits: user='99999999999999999999'",
}


def _windows(path, text, rows=100, columns=COLUMNS, id_column=None):
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return list(read_windows([str(path)], columns, rows, id_column, {"in1"}))


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zst"])
def test_each_record_is_a_row(tmp_path, ending, rows):
    windows = _windows(tmp_path / f"a{ending}", LINES, rows, id_column="id")
    assert [w.key for w in windows] == [(0, n) for n in range(len(windows))]
    texts, ids, names, reasons, lines, done = [], [], [], {}, [], []
    for window in windows:
        found = window.parse({"in1"})
        for row, reason in found.reasons.items():
            reasons[len(names) + row] = reason
        texts += found.columns["in1"].to_pylist()
        column = found.columns["in0"]
        ids += [column[row].tolist() for row in range(len(window))]
        names += found.names
        lines += [window.line(row) for row in range(len(window))]
        done.append(window.bytes_read)
    assert texts == WORDS
    assert names == ["u1", "u2", None, "7", "u4", "u5", None, None, ""]
    assert reasons == REASONS
    assert lines == [2, 4, 6, 7, 8, 9, 10, 11, 12]
    assert (ids[0], ids[1], ids[3], ids[8]) == ([1, 2], [3], [4], [8])
    assert windows[0].record(0) == "a dog,1 2,u1"
    assert done == sorted(done)
    if ending == ".csv":
        assert 0 < done[-1] <= len(LINES)


def test_tabs_and_no_quotes_in_tsv(tmp_path):
    text = 'plot\tuser\na "dog\t7\n'
    (window,) = _windows(tmp_path / "a.tsv", text)
    found = window.parse({"in1"})
    assert found.columns["in1"].to_pylist() == [b'a "dog']
    assert found.columns["in0"][0].tolist() == [7]
    assert found.reasons == {}


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(ValueError, match='a.csv: no column "plot". Columns'):
        _windows(tmp_path / "a.csv", "user,text\n1,2\n")


def test_a_file_of_names_alone_has_no_row(tmp_path):
    assert _windows(tmp_path / "a.csv", "user,plot\n") == []


def test_a_cut_off_file_is_an_error(tmp_path):
    path = tmp_path / "a.csv.gz"
    data = gzip.compress(np.random.default_rng(0).bytes(9000).hex().encode())
    path.write_bytes(data[:-2000])
    with pytest.raises(ValueError, match="a.csv.gz: is cut off"):
        list(read_windows([str(path)], COLUMNS, 10))
