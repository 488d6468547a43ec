import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.convert.convert import convert
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from tests.data import texts
from tests.data.texts import COLUMNS as TEXTS

ROWS = 203


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": ROWS + 1,
        "mini_batch_size": 4,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_table(rows=ROWS):
    """Rows that their first id in `in0` tells apart."""
    rng = np.random.default_rng(rows)
    in0 = [[row + 1, *rng.integers(1, 9, row % 3)] for row in range(rows)]
    in1 = [rng.integers(1, 9, rng.integers(1, 4)) for _ in range(rows)]
    return PairTable.from_arrays(in0, in1, rng.integers(0, 2, rows))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same rows as files of every format, of several units each."""
    folder, table = tmp_path_factory.mktemp("files"), make_table()
    records = [
        {
            "in0": table.in0[row].tolist(),
            "in1": table.in1[row].tolist(),
            "label": table.labels[row],
        }
        for row in range(ROWS)
    ]
    for name in ("lines", "parquet"):
        (folder / name).mkdir()
    for number, rows in enumerate(np.array_split(np.arange(ROWS), 11)):
        lines = "".join(json.dumps(records[row]) + "\n" for row in rows)
        path = folder / "lines" / f"{number:02d}.jsonl.gz"
        path.write_bytes(gzip.compress(lines.encode()))
    for number, rows in enumerate(np.array_split(np.arange(ROWS), 3)):
        pyarrow.parquet.write_table(
            pa.Table.from_pylist([records[row] for row in rows]),
            folder / "parquet" / f"{number}.parquet",
            row_group_size=20,
        )
    for name, compression in (("plain", None), ("gzip", "gzip")):
        convert(
            folder / "lines",
            folder / name,
            shard_rows=17,
            compression=compression,
            verbose=0,
        )
    return folder


def rows_of(blocks):
    return [block.in0.values[block.in0.offsets[:-1]] - 1 for block in blocks]


@pytest.mark.parametrize("kind", ["lines", "parquet", "plain", "gzip"])
def test_an_epoch_holds_every_row_once(files, kind):
    stream = PairStream(files / kind, make_config(), block_rows=50)
    assert stream.num_rows == ROWS
    assert stream.block_sizes == [40, 41, 40, 41, 41]
    blocks = list(stream.blocks(epoch=3))
    assert [len(block) for block in blocks] == stream.block_sizes
    rows = rows_of(blocks)
    assert sorted(np.concatenate(rows)) == list(range(ROWS))
    table = make_table()
    for block, block_rows in zip(blocks, rows, strict=True):
        expected = table.take(block_rows)
        assert block.fingerprint() == expected.fingerprint()


def test_order_follows_from_seed_and_epoch(files):
    def epoch(number, seed=0):
        stream = PairStream(files / "parquet", make_config(seed=seed), 50)
        return np.concatenate(rows_of(stream.blocks(number)))

    first = epoch(0)
    assert (epoch(0) == first).all()
    assert (epoch(1) != first).any()
    assert (epoch(0, seed=1) != first).any()


def test_blocks_mix_units(files):
    stream = PairStream(files / "plain", make_config(), block_rows=50)
    for rows in rows_of(stream.blocks(0))[:2]:
        assert len(set(rows // 17)) == 8


def test_a_block_of_all_rows_is_the_table(files):
    for kind in ("lines", "parquet", "plain"):
        (block,) = PairStream(files / kind, make_config(), ROWS).blocks(5)
        assert block.fingerprint() == make_table().fingerprint()


def test_fingerprint_follows_rows_and_layout(files):
    def fingerprint(kind, rows=50):
        return PairStream(files / kind, make_config(), rows).fingerprint()

    first = fingerprint("parquet")
    assert fingerprint("parquet") == first
    assert fingerprint("lines") != first
    assert fingerprint("parquet", rows=30) != first


def test_every_row_is_observed_in_order(files):
    seen = []
    PairStream(files / "parquet", make_config(), 50, observe=seen.append)
    observed = PairTable.concat(seen)
    assert observed.fingerprint() == make_table().fingerprint()


def test_all_errors_are_named_before_training(files):
    config = make_config(enc0_vocab_size=5, num_classes=2)
    with pytest.raises(DataError, match="203 rows read, 201 with") as error:
        PairStream(files / "plain", config, 50)
    assert "pairs-00000-of-00012.tfrecord: row 4: in0[0]=5\n" in str(
        error.value
    )
    assert "enc0_vocab_size=204 would fit all ids" in str(error.value)


def test_bad_rows_are_left_out_of_every_epoch(files, tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"in0": [9999], "in1": [1], "label": 1}\noops\n'
    )
    paths = [tmp_path / "a.jsonl", files / "plain"]
    with pytest.warns(UserWarning, match="2 of 205 rows have errors"):
        stream = PairStream(
            paths, make_config(), 50, tmp_path / "bad.jsonl", max_skipped=1
        )
    lines = (tmp_path / "bad.jsonl").read_text().splitlines()
    assert [json.loads(line)["line"] for line in lines] == [1, 2]
    rows = np.concatenate(rows_of(stream.blocks(0)))
    assert sorted(rows) == list(range(ROWS))


@pytest.mark.parametrize("kept", [3, 8], ids=["fewer", "more"])
def test_files_that_change_are_an_error(tmp_path, kept):
    line = '{"in0": [1], "in1": [1], "label": 1}\n'
    (tmp_path / "a.jsonl").write_text(line * 6)
    stream = PairStream(tmp_path / "a.jsonl", make_config(), 6)
    (tmp_path / "a.jsonl").write_text(line * kept)
    with pytest.raises(DataError, match="a.jsonl: has another number of rows"):
        list(stream.blocks(0))


def test_remote_parquet_files_stream(files):
    import tensorflow as tf

    tf.io.gfile.makedirs("ram://stream")
    source = str(files / "parquet" / "0.parquet")
    tf.io.gfile.copy(source, "ram://stream/0.parquet", overwrite=True)
    stream = PairStream("ram://stream/*.parquet", make_config(), 68)
    expected = read_pairs(source).table.fingerprint()
    assert next(stream.blocks(0)).fingerprint() == expected


@pytest.mark.parametrize("rows", [3, 5.5, "9"])
def test_rejects_small_blocks(files, rows):
    with pytest.raises(ValueError, match="`stream_rows` must be .* at least"):
        PairStream(files / "plain", make_config(), rows)


def test_rejects_data_in_memory():
    with pytest.raises(ValueError, match="must be a path.*Received: PairTable"):
        PairStream(make_table(), make_config(), 9)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_texts_are_streamed(tmp_path, ending):
    tokenizers = learn_tokenizers(texts.in_memory(), texts.config(), TEXTS)
    settings = tokenizers.configure(texts.config(mini_batch_size=2))
    columns = {"tokenizers": tokenizers, "columns": TEXTS}
    path = texts.write(tmp_path / f"a.{ending}")
    stream = PairStream(path, settings, 100, **columns)
    table = load_pairs(path, settings, **columns)
    for epoch in (0, 1):
        (block,) = stream.blocks(epoch)
        assert block.fingerprint() == table.fingerprint()


def test_streamed_texts_with_faults_are_kept_as_written(tmp_path):
    tokenizers = learn_tokenizers(texts.in_memory(), texts.config(), TEXTS)
    settings = tokenizers.configure(texts.config(mini_batch_size=2))
    columns = {"tokenizers": tokenizers, "columns": TEXTS}
    bad = [
        {"plot": "", "genre": "crime", "liked": 1},
        {"plot": "a", "genre": "crime", "liked": "no"},
        {"plot": "a " * 40_000, "genre": "crime", "liked": 7},
    ]
    path = texts.write(tmp_path / "a.jsonl", [*texts.ROWS, *bad])
    side_file = tmp_path / "rejected.jsonl"
    with pytest.warns(UserWarning) as warned:
        stream = PairStream(
            path, settings, 100, side_file, **columns, max_skipped=1
        )
    found = " ".join(str(warning.message) for warning in warned)
    assert "in0: longer than 65,536 bytes (1 row)" in found
    assert "3 of 8 rows have errors" in found
    lines = map(json.loads, side_file.read_text().splitlines())
    assert [(line["line"], json.loads(line["record"])) for line in lines] == [
        (6, bad[0]),
        (7, bad[1]),
        (8, bad[2]),
    ]
    (block,) = stream.blocks(0)
    assert len(block) == len(texts.ROWS)
