import json
import re

import numpy as np
import pyarrow as pa
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pieces
from o2v_keras.data.read_source import text_encoders
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.pair_tokenizers import PairTokenizers
from tests.data.texts import COLUMNS
from tests.data.texts import ROWS
from tests.data.texts import config
from tests.data.texts import in_memory
from tests.data.texts import write


@pytest.fixture(scope="module")
def tokenizers():
    return learn_tokenizers(in_memory(), config(), COLUMNS)


@pytest.fixture
def load(tokenizers):
    def load(source, *arguments, columns=COLUMNS, **settings):
        return load_pairs(
            source,
            tokenizers.configure(config(**settings)),
            *arguments,
            tokenizers=tokenizers,
            columns=columns,
            max_skipped=1,
        )

    return load


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_files_give_what_memory_gives(tmp_path, load, ending):
    table = load(write(tmp_path / f"a.{ending}"))
    assert table.fingerprint() == load(in_memory()).fingerprint()
    lengths = {"in0": [4, 5, 3, 4, 1], "in1": [1, 1, 1, 1, 1]}
    for name, side in table.sides.items():
        assert side.lengths.tolist() == lengths[name]
    assert table.labels.tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_pieces_of_any_size_give_the_same_table(
    tmp_path, load, tokenizers, ending, rows
):
    path = write(tmp_path / f"a.{ending}", ROWS * 3)
    pieces = read_pieces(
        str(path),
        ("in0", "in1"),
        True,
        columns=COLUMNS,
        texts=text_encoders(path, tokenizers),
        rows=rows,
    )
    table = PairTable.concat([piece.table for piece in pieces])
    whole = load(path)
    assert table.fingerprint() == whole.fingerprint()
    assert table.origin.numbers.tolist() == whole.origin.numbers.tolist()


@pytest.mark.parametrize(
    "make",
    [
        np.array,
        lambda texts: np.array(texts, object),
        tuple,
        pa.array,
        lambda texts: pa.chunked_array([texts[:2], texts[2:]]),
        lambda texts: pa.array(texts).dictionary_encode(),
        lambda texts: np.array(texts, np.dtypes.StringDType()),
    ],
    ids=[
        "array",
        "objects",
        "tuple",
        "arrow",
        "chunks",
        "dictionary",
        "strings",
    ],
)
def test_texts_in_memory_take_many_forms(load, make):
    source = in_memory()
    source["plot"] = make(source["plot"])
    assert load(source).fingerprint() == load(in_memory()).fingerprint()


def test_ids_stand_beside_texts(tmp_path, tokenizers):
    rows = [
        {"plot": "a dog", "genre": 5, "liked": 1},
        {"plot": "a cat", "genre": 7, "liked": 0},
    ]
    settings = tokenizers.configure(config()).replace(
        enc1_tokenizer="", enc1_vocab_size=9
    )
    texts = PairTokenizers(in0=tokenizers.in0)
    prints = set()
    for ending in ("jsonl", "csv", "parquet"):
        path = write(tmp_path / f"a.{ending}", rows)
        table = load_pairs(path, settings, tokenizers=texts, columns=COLUMNS)
        assert table.in1.values.tolist() == [5, 7]
        prints.add(table.fingerprint())
    assert len(prints) == 1


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_ids_may_be_in_named_columns(tmp_path, ending):
    rows = [{"user": [1, 2], "film": [3], "seen": 1}]
    if ending == "csv":
        rows = [{"user": "1 2", "film": 3, "seen": 1}]
    path = write(tmp_path / f"a.{ending}", rows)
    ids = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    table = load_pairs(path, ids, columns=PairColumns("user", "film", "seen"))
    assert table.in0[0].tolist() == [1, 2]
    assert table.in1[0].tolist() == [3]


def test_batches_are_made_of_texts(tokenizers):
    settings = tokenizers.configure(config())
    dataset = load_dataset(
        in_memory(),
        settings,
        training=False,
        tokenizers=tokenizers,
        columns=COLUMNS,
    )
    ((inputs, labels),) = list(dataset)
    assert inputs["in0"].shape == (5, 5)
    assert inputs["in1"].shape == (5, 1)
    assert labels.numpy().tolist() == [1, 0, 1, 0, 1]


BAD = [
    {"plot": "  ", "genre": "drama", "liked": 1},
    {"plot": "a dog", "genre": "", "liked": 1},
    {"plot": "a dog", "genre": "drama", "liked": 5},
]


@pytest.mark.parametrize(
    ("ending", "places"),
    [
        ("jsonl", ["a.jsonl:6", "a.jsonl:7", "a.jsonl:8"]),
        ("csv", ["a.csv:8", "a.csv:9", "a.csv:10"]),
        ("parquet", ["a.parquet: row 5", "row 6", "row 7"]),
    ],
)
def test_bad_rows_are_told_and_kept_as_written(tmp_path, load, ending, places):
    path = write(tmp_path / f"a.{ending}", ROWS + BAD)
    with pytest.raises(DataError) as error:
        load(path)
    for place in places:
        assert place in str(error.value)
    assert "in0: text without a token (1 row)" in str(error.value)
    assert "in1: text without a token (1 row)" in str(error.value)
    assert "labels are integers from 0 to 1" in str(error.value)

    side_file = tmp_path / "rejected.jsonl"
    with pytest.warns(UserWarning, match="3 of 8 rows have errors"):
        table = load(path, False, side_file)
    assert table.fingerprint() == load(in_memory()).fingerprint()
    lines = side_file.read_text().splitlines()
    records = [json.loads(line)["record"] for line in lines]
    if ending == "csv":
        assert records == ["  ,drama,1", "a dog,,1", "a dog,drama,5"]
    else:
        assert [json.loads(record) for record in records] == BAD


def test_bad_rows_in_memory_are_kept_as_texts(tmp_path, load):
    side_file = tmp_path / "rejected.jsonl"
    with pytest.warns(UserWarning, match="3 of 8 rows have errors"):
        load(in_memory(ROWS + BAD), False, side_file)
    lines = side_file.read_text().splitlines()
    records = [json.loads(json.loads(line)["record"]) for line in lines]
    assert records == BAD


def test_long_texts_are_warned_of(tmp_path, load):
    rows = [*ROWS, {"plot": "a " * 40_000, "genre": "drama", "liked": 1}]
    path = write(tmp_path / "a.csv", rows)
    message = (
        r"in0: longer than 65,536 bytes \(1 row\)\s+"
        rf"{re.escape(str(path))}:8: in0 has 80,000 bytes"
    )
    with pytest.warns(UserWarning, match=message):
        load(path)
    with pytest.warns(UserWarning, match="in0: longer than max_seq_len"):
        load(in_memory(rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plot": [[1], [2]]}, r"`plot` must be texts.*plot\[0\]=\[1\]"),
        ({"plot": ["a", None]}, r"`plot` must be texts.*plot\[1\]=None"),
        ({"plot": ["a", "\ud800"]}, r"plot\[1\].*half a character"),
        ({"plot": np.array([["a"]])}, r"plot of shape \(1, 1\)"),
    ],
)
def test_other_things_than_texts_are_refused(load, change, message):
    source = {"plot": ["a", "b"], "genre": ["drama"] * 2, "liked": [1, 0]}
    with pytest.raises(ValueError, match=message):
        load(source | change)


def test_texts_without_a_tokenizer_are_refused(tmp_path):
    ids = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    source = {"in0": ["a dog"], "in1": [[1]], "label": [1]}
    message = "set `enc0_tokenizer`"
    with pytest.raises(ValueError, match=message):
        load_pairs(source, ids)
    rows = [{"in0": "a dog", "in1": [1], "label": 1}]
    with pytest.raises(DataError, match=message):
        load_pairs(write(tmp_path / "a.jsonl", rows), ids)
    message = 'column "in0" is string.* enc0_tokenizer "words"'
    with pytest.raises(DataError, match=message):
        load_pairs(write(tmp_path / "a.parquet", rows), ids)


def test_tokenizers_must_be_those_of_the_configuration(tokenizers):
    with pytest.raises(ValueError, match="enc0_tokenizer='words' and"):
        load_pairs(in_memory(), config(), columns=COLUMNS)
    ids = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    with pytest.raises(ValueError, match="enc0_tokenizer='' and tok"):
        load_pairs(in_memory(), ids, tokenizers=tokenizers)


def test_tfrecord_files_hold_no_texts(tmp_path, load):
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(DataError, match="TFRecord files hold ids only"):
        load(tmp_path / "a.tfrecord")


def test_a_column_named_twice_is_refused(tmp_path, load):
    with pytest.raises(ValueError, match="must name different columns"):
        load(write(tmp_path / "a.csv"), columns=PairColumns("plot", "plot"))
