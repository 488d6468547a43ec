import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.neighbors.row_values import read_id_lists
from o2v_keras.neighbors.row_values import read_ids
from o2v_keras.neighbors.row_values import read_names
from o2v_keras.neighbors.row_values import read_tokens

NAMES = ["a", 'é, "b"', "c"]


def write(path, name, values):
    rows = [{name: value, "in1": [1]} for value in values]
    text = "\n".join(map(json.dumps, rows))
    if name and path.name.endswith(".parquet"):
        pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text + "\n\n")
    return path


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("names", [NAMES, [7, 8, 9]], ids=["texts", "numbers"])
def test_names_of_each_format(tmp_path, ending, names):
    path = write(tmp_path / f"films.{ending}", "name", names)
    assert read_names(path, "name") == names
    other = write(tmp_path / "more.jsonl", "name", ["x"])
    assert read_names([path, other], "name") == [*map(str, names), "x"]


def test_ids_stay_as_they_are_written(tmp_path):
    path = write(tmp_path / "films.jsonl", "id", [7, "tt8", -9, 2**70])
    assert read_ids(path, "id") == [7, "tt8", -9, 2**70]


@pytest.mark.parametrize("again", ["8", 8])
def test_an_id_given_twice_is_told_by_both_rows(tmp_path, again):
    path = write(tmp_path / "films.jsonl", "id", [7, 8])
    more = write(tmp_path / "more.jsonl", "id", [9, again])
    message = r"more.jsonl:2: \"id\" must be another .*, as in .*films.jsonl:2"
    with pytest.raises(DataError, match=message):
        read_ids([path, more], "id")


@pytest.mark.parametrize("missing", [None, "", 1.5])
def test_a_missing_id_is_told_by_its_row(tmp_path, missing):
    path = write(tmp_path / "films.jsonl", "id", ["a", missing])
    with pytest.raises(DataError, match='films.jsonl:2: "id" must be an id'):
        read_ids(path, "id")


def test_tokens_may_be_single_or_missing(tmp_path):
    values = [["a", 2], "b c", None, [], 7]
    path = write(tmp_path / "films.jsonl", "genre", values)
    assert read_tokens(path, "genre") == [["a", "2"], ["b c"], [], [], ["7"]]
    path = write(tmp_path / "films.jsonl", "genre", [["a", None]])
    with pytest.raises(DataError, match='films.jsonl:1: "genre" must be a t'):
        read_tokens(path, "genre")


def test_names_of_csv_may_hold_line_ends(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text('name,in1\n007,1\n"a\nb",2\n')
    assert read_names(path, "name") == ["007", "a\nb"]


def test_lists_may_be_single_or_missing(tmp_path):
    values = [[1, 2], 3, None, []]
    path = write(tmp_path / "seen.jsonl", "seen", values)
    ids = read_id_lists(path, "seen", np.arange(9))
    assert ids == [[1, 2], [3], [], []]


CELLS = [
    "100 101 102",
    "100,101, 102",
    "100|101|102",
    "100; 101;102",
    "[100, 101, 102]",
    '["100", "101", "102"]',
    "['100' '101' '102']",
    " 100.0\t101 102 ",
]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("known", [np.arange(200), np.arange(200).astype("U")])
def test_cells_of_several_ids_mean_the_same_in_every_format(
    tmp_path, ending, known
):
    path, cells = tmp_path / f"seen.{ending}", CELLS
    if known.dtype.kind == "U":
        cells = [cell.replace(".0", "") for cell in CELLS]
    if ending == "csv":
        quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
        path.write_text("\n".join([" in0 , seen", *(f"1,{q}" for q in quoted)]))
    elif ending == "tsv":
        cells = [cell.replace("\t", " ") for cell in cells]
        path.write_text("\n".join(["in0\tseen", *(f"1\t{c}" for c in cells)]))
    else:
        write(path, "seen", cells)
    expected = known[100:103].tolist()
    assert read_id_lists(path, "seen", known) == [expected] * len(CELLS)
    if ending in ("jsonl", "parquet"):
        write(path, "seen", [[100, 101, 102]])
        assert read_id_lists(path, "seen", known) == [expected]


def test_a_text_that_is_an_id_is_not_split(tmp_path):
    known = np.array(["Alien", "Good, the Bad", "Me and You", "Alien, You"])
    cells = ["Me and You", "Good, the Bad|Alien", "Alien, Me and You"]
    path = write(tmp_path / "seen.jsonl", "seen", cells)
    assert read_id_lists(path, "seen", known) == [
        ["Me and You"],
        ["Good, the Bad", "Alien"],
        ["Alien", "Me and You"],
    ]


@pytest.mark.parametrize("known", [np.arange(9), np.array(["7", "8"])])
def test_ids_that_the_index_lacks_are_counted(tmp_path, known):
    path = tmp_path / "seen.csv"
    path.write_text("in0,seen\n1,7 8\n2,7 tt9 9\n3,\n")
    message = r"2 of 5 ids are none of .* 'tt9' \(.*seen.csv:3\)"
    with pytest.warns(UserWarning, match=message):
        ids = read_id_lists(path, "seen", known)
    assert [list(map(int, row)) for row in ids] == [[7, 8], [7], []]


def test_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text("name,name,in1\na,b,1\n")
    with pytest.raises(DataError, match='films.csv: several columns "name"'):
        read_names(path, "name")
    path = tmp_path / "films.parquet"
    columns = [pa.array(["a"]), pa.array(["b"])]
    table = pa.Table.from_arrays(columns, names=["name", "name"])
    pa.parquet.write_table(table, path)
    with pytest.raises(DataError, match='films.parquet: several col.* "name"'):
        read_names(path, "name")
    path = tmp_path / "films.jsonl"
    path.write_text('{"name": "a", "name": "b"}\n')
    with pytest.raises(
        DataError, match='films.jsonl:1: .*"name" is there 2 tim'
    ):
        read_names(path, "name")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_names_that_are_no_utf8_are_told_by_row(tmp_path, ending):
    path = tmp_path / f"films.{ending}"
    place = "films.parquet: row 1" if ending == "parquet" else ":3"
    if ending == "csv":
        path.write_bytes(b"name\na\nb\xe9\n")
    elif ending == "jsonl":
        path.write_bytes(b'{"name": "a"}\n\n{"name": "b\xe9"}\n')
    else:
        offsets = pa.py_buffer(np.array([0, 1, 2], np.int32))
        names = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"a\xe9"))
        pa.parquet.write_table(pa.table({"name": names}), path)
    with pytest.raises(DataError, match=f"{place}: .*no UTF-8"):
        read_names(path, "name")


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        (["a", None], "name", 'films.jsonl:2: "name" must be a text or'),
        ([True], "name", "Received: True"),
        ([[1]], "name", r"Received: \[1\]"),
        (["a"], "title", "no row has a value in the column title"),
    ],
)
def test_unusable_names_are_refused(tmp_path, values, column, message):
    path = write(tmp_path / "films.jsonl", "name", values)
    with pytest.raises(DataError, match=message):
        read_names(path, column)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_missing_columns_are_refused(tmp_path, ending):
    path = tmp_path / f"films.{ending}"
    if ending == "csv":
        path.write_text("name,in1\na,1\n")
    else:
        write(path, "name", ["a"])
    with pytest.raises(DataError, match='no column "title".*: name, in1'):
        read_names(path, "title")


def test_files_without_names_are_refused(tmp_path):
    path = tmp_path / "films.tfrecord"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="leave out .* columns of names"):
        read_names(path, "name")
    path = tmp_path / "films.jsonl"
    path.write_text('{"name": "a"}\n[1]\n')
    with pytest.raises(
        DataError, match="films.jsonl:2: record: no JSON object"
    ):
        read_names(path, "name")
    path.write_text('{"name": "a"}\n{\n')
    with pytest.raises(DataError, match="films.jsonl:2: "):
        read_names(path, "name")


def test_quotes_of_tsv_are_characters(tmp_path):
    path = tmp_path / "films.tsv"
    path.write_text('title\tyear\n"Heat\t1995\nSay "no"\t2001\n')
    assert read_names(path, "title") == ['"Heat', 'Say "no"']
