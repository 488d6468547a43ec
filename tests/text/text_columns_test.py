import gzip
import os
import pathlib
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.text.text_columns import read_texts

JSON = b'{"plot": "a dog", "genre": "drama"}\n\n{"genre": "x", "id": [3]}\n'
TEXTS = ["a dog", "drama", None, "x"]


@pytest.mark.parametrize(
    ("name", "content", "texts"),
    [
        ("a.jsonl", JSON, TEXTS),
        ("a.json.gz", gzip.compress(JSON), TEXTS),
        (
            "a.csv",
            b'genre,plot\ndrama,"a\ndog"\nx,\n',
            ["a\ndog", "drama", "", "x"],
        ),
        ("a.tsv", b"genre\tplot\ndrama\t1\n", ["1", "drama"]),
    ],
)
def test_texts_are_read_row_by_row(tmp_path, name, content, texts):
    (tmp_path / name).write_bytes(content)
    assert list(read_texts(tmp_path / name, ["plot", "genre"])) == texts


def test_parquet_is_read(tmp_path):
    genre = pa.array(["x", "x"]).dictionary_encode()
    table = pa.table({"plot": ["a", None], "n": [1, 2], "genre": genre})
    pq.write_table(table, tmp_path / "a.parquet")
    found = list(read_texts(str(tmp_path / "*.parquet"), ["genre", "plot"]))
    assert found == ["x", "a", "x", None]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.jsonl",
            b'{"plot": "a"}\n{"plot": 3}',
            "a.jsonl:2: plot: ids in place.*: plot=3",
        ),
        (
            "a.jsonl",
            b'{"plot": "a"}\n{"plot"',
            "a.jsonl:2: record: malformed JSON",
        ),
        (
            "a.jsonl",
            b'{"plot": "a"} {"plot": "b"}',
            "a.jsonl:1: record: malformed JSON: more text",
        ),
        ("a.jsonl", b"\nnull\n", "a.jsonl:2: record: no JSON object"),
        (
            "a.jsonl",
            b'{"plt": "a"}',
            "a.jsonl: no row has a value in the column plot. Columns .*: plt",
        ),
        ("a.jsonl", b"\n", "a.jsonl: holds no record"),
        ("a.csv", b"plt\na\n", 'a.csv: no column "plot". Columns.*: plt'),
        ("a.parquet", b"?", "a.parquet: cannot be read"),
        ("a.jsonl.gz", b"x" * 99, "a.jsonl.gz: is no gzip file"),
        ("a.csv.gz", b"x" * 99, "a.csv.gz: is no gzip file"),
        ("a.jsonl.gz", gzip.compress(JSON)[:-9], "gz: is cut off.* again"),
        ("a.csv.gz", gzip.compress(b"plot\na")[:-9], "gz: is cut off.* again"),
        ("a.txt", b"", "a.txt: has an unknown ending"),
    ],
)
def test_unreadable_files_are_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_texts(tmp_path / name, ["plot"]))


def test_parquet_columns_are_checked(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": [1]}), path)
    with pytest.raises(DataError, match='"n" is int64, must be text'):
        list(read_texts(path, ["n"]))
    with pytest.raises(DataError, match='no column "plot". Its columns: n'):
        list(read_texts(path, ["plot"]))


def test_a_column_must_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("a\n")
    message = re.escape("Received: columns=[]")
    with pytest.raises(ValueError, match=message):
        read_texts(tmp_path / "a.csv", [])


def test_wordnet_is_read():
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        pytest.skip("needs wordnet in the folder that O2V_DATA_DIR names")
    path = pathlib.Path(folder, "wordnet/synsets.tsv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    place = lines[0].split("\t").index("definition")
    expected = [line.split("\t")[place] for line in lines[1:]]
    assert list(read_texts(path, ["definition"])) == expected
