import gzip
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.neighbors.row_values import read_id_lists
from o2v_keras.neighbors.row_values import read_names

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


def test_names_of_csv_may_hold_line_ends(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text('name,in1\n007,1\n"a\nb",2\n')
    assert read_names(path, "name") == ["007", "a\nb"]


def test_lists_may_be_single_or_missing(tmp_path):
    values = [[1, 2], 3, None, []]
    path = write(tmp_path / "seen.jsonl", "seen", values)
    assert read_id_lists(path, "seen") == [[1, 2], [3], [], []]


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        (["a", None], "name", 'row 2: "name" must be a text or an integer'),
        ([True], "name", "Received: True"),
        ([[1]], "name", r"Received: \[1\]"),
        (["a"], "title", 'no row has the field "title"'),
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
    with pytest.raises(DataError, match="Leave the column out"):
        read_names(path, "name")
    path = tmp_path / "films.jsonl"
    path.write_text('{"name": "a"}\n[1]\n')
    with pytest.raises(DataError, match="films.jsonl:2: must be one JSON"):
        read_names(path, "name")
    path.write_text('{"name": "a"}\n{\n')
    with pytest.raises(DataError, match="films.jsonl:2: "):
        read_names(path, "name")


def test_quotes_of_tsv_are_characters(tmp_path):
    path = tmp_path / "films.tsv"
    path.write_text('title\tyear\n"Heat\t1995\nSay "no"\t2001\n')
    assert read_names(path, "title") == ['"Heat', 'Say "no"']
