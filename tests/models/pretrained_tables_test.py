import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.layers import table_rows
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models import pretrained_tables
from o2v_keras.models.pretrained_tables import VectorSource
from o2v_keras.models.pretrained_tables import fill_tables
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.text.pretrained_vectors import read_vectors

WORDS = {"the": 2, "zebra": 3, "a": 6}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "v.txt").write_text("the 1 2\na 3 4\n")
    (tmp_path / "w.json").write_text(json.dumps({"the": 2, "a": 3}))
    (tmp_path / "w.txt").write_text("[PAD]\n[UNK]\nthe\na\n")
    np.save(tmp_path / "rows.npy", np.ones((9, 2)))
    np.save(tmp_path / "words.npy", np.ones((2, 2)))
    (tmp_path / "words.txt").write_text("the\na\n")
    return tmp_path


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 9,
        "enc0_token_embedding_dim": 2,
        "enc_dim": 4,
        "enc0_pretrained_embedding_file": "v.txt",
    }
    return Object2VecConfig(**{**fields, **changes})


@pytest.mark.parametrize("vocabulary", ["w.json", "w.txt"])
def test_both_sides_copy_enc0s_files(folder, vocabulary):
    config = make_config(enc0_vocab_file=vocabulary)
    first, second = vector_sources(config, folder)
    assert (first.side, second.side) == ("enc0", "enc1")
    assert first.path == second.path == str(folder / "v.txt")
    assert first.word_ids == second.word_ids == {"the": 2, "a": 3}
    assert not first.by_rows


def test_a_tied_table_has_one_source(folder):
    config = make_config(
        enc0_vocab_file="w.json", tied_token_embedding_weight=True
    )
    (source,) = vector_sources(config, folder)
    assert source.side == "enc0"


def test_a_side_without_vectors_has_none(folder):
    config = make_config(
        enc0_vocab_file="w.json",
        enc1_network="hcnn",
        enc1_vocab_size=9,
        enc1_max_seq_len=3,
    )
    assert [s.side for s in vector_sources(config, folder)] == ["enc0"]


def test_rows_of_an_array_are_those_of_ids(folder):
    config = make_config(enc0_pretrained_embedding_file="rows.npy")
    assert all(source.by_rows for source in vector_sources(config, folder))


def test_words_of_texts_are_the_tokenizers(folder):
    config = make_config(enc0_tokenizer="words")
    for source in vector_sources(config, folder):
        assert source.word_ids is None
        assert not source.by_rows


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param(
            {"enc0_pretrained_embedding_file": "absent.txt"},
            "`enc0_pretrained_embedding_file` must be .* no file .*absent.txt",
            id="no_vectors",
        ),
        pytest.param(
            {"enc0_vocab_file": "absent.json"},
            "`enc0_vocab_file` must be .* no file .*absent.json",
            id="no_vocabulary",
        ),
        pytest.param(
            {},
            "`enc0_vocab_file` must name .* or let enc0_tokenizer make",
            id="no_words",
        ),
        pytest.param(
            {"enc0_pretrained_embedding_file": "words.npy"},
            "`enc0_vocab_file` must name",
            id="no_words_for_array",
        ),
        pytest.param(
            {
                "enc0_pretrained_embedding_file": "rows.npy",
                "enc0_vocab_size": 10,
            },
            "as many as enc0_vocab_size=10, .* Found: 9 rows",
            id="rows",
        ),
        pytest.param(
            {
                "enc0_pretrained_embedding_file": "rows.npy",
                "enc0_tokenizer": "words",
                "enc0_vocab_size": 8,
            },
            "as many as enc0_vocab_size=8, .* Found: 9 rows",
            id="rows_of_texts",
        ),
        pytest.param(
            {"enc0_vocab_file": "w.json", "enc0_vocab_size": 3},
            "w.json: ids must be below enc0_vocab_size=3. Received: 'a': 3",
            id="large_id",
        ),
        pytest.param(
            {"enc0_vocab_file": "zero.json"},
            "id 0 is the word 'the', but id 0 is padding .* --shift-ids",
            id="word_0",
        ),
    ],
)
def test_refuses(folder, changes, error):
    (folder / "zero.json").write_text('{"the": 0}')
    with pytest.raises(ValueError, match=error):
        vector_sources(make_config(**changes), folder)


def make_table(rows=9, dim=2):
    table = TokenEmbedding(rows, dim, "zeros")
    table.build((None, None))
    return table


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("the 1 2\na 3 4\nb 5 0\n")
    return str(path)


def fill(path, word_ids=WORDS, rows=9, seed=0, **source):
    table = make_table(rows)
    sources = [VectorSource("enc0", path, word_ids, **source)]
    coverages = fill_tables(sources, {"enc0": table}, {}, seed)
    return table.embeddings.numpy(), coverages[0]


def test_words_get_their_vectors_and_the_others_drawn_ones(path):
    table, coverage = fill(path)
    np.testing.assert_array_equal(table[[2, 6]], [[1, 2], [3, 4]])
    # Padding keeps its row, and no other one is zero.
    np.testing.assert_array_equal(table[0], [0, 0])
    assert table[1:].all()
    assert str(coverage) == (
        "enc0: 2 of 3 words (66.7 %) have a vector in v.txt; missing: zebra"
    )


def test_drawn_vectors_are_spread_like_the_files(path):
    table, _ = fill(path, rows=20_000)
    drawn = np.delete(table, [0, 2, 6], axis=0)
    mean, deviation = [3, 2], [np.sqrt(8 / 3)] * 2
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), deviation, atol=0.05)


def test_the_seed_alone_decides_what_is_drawn(path):
    first, checksum = fill(path)
    again, same = fill(path)
    other, different = fill(path, seed=1)
    np.testing.assert_array_equal(first, again)
    assert checksum.checksum == same.checksum != different.checksum
    assert (first[[1, 3]] != other[[1, 3]]).all()


def test_parts_are_written_one_by_one(path, monkeypatch):
    whole, _ = fill(path, rows=50)
    monkeypatch.setattr(table_rows, "_PART_BYTES", 7 * 2 * 4)
    sizes = []
    write = pretrained_tables.write_rows

    def spy(variable, rows, values):
        sizes.append(len(values))
        write(variable, rows, values)

    monkeypatch.setattr(pretrained_tables, "write_rows", spy)
    parts, _ = fill(path, rows=50)
    np.testing.assert_array_equal(parts, whole)
    assert sizes == [6, *[7] * 6, 1]


def test_sides_with_the_same_words_share_one_reading(path, monkeypatch):
    calls = []

    def count(*arguments):
        calls.append(arguments)
        return read_vectors(*arguments)

    monkeypatch.setattr(pretrained_tables, "read_vectors", count)
    tables = {"enc0": make_table(), "enc1": make_table()}
    sources = [VectorSource(side, path) for side in tables]
    fill_tables(sources, tables, dict.fromkeys(tables, WORDS), seed=0)
    assert len(calls) == 1
    first, second = (table.embeddings.numpy() for table in tables.values())
    np.testing.assert_array_equal(first, second)
    word_ids = {"enc0": WORDS, "enc1": {"b": 4}}
    fill_tables(sources, tables, word_ids, seed=0)
    assert len(calls) == 3
    np.testing.assert_array_equal(tables["enc1"].embeddings[4], [5, 0])


def test_a_text_side_needs_its_tokenizer(path):
    with pytest.raises(ValueError, match="must have one for in0"):
        fill(path, word_ids=None)


def test_rows_of_an_array_are_copied(tmp_path):
    rows = np.arange(18.0).reshape(9, 2)
    np.save(tmp_path / "rows.npy", rows)
    table, coverage = fill(str(tmp_path / "rows.npy"), None, by_rows=True)
    np.testing.assert_array_equal(table[1:], rows[1:])
    np.testing.assert_array_equal(table[0], [0, 0])
    assert "8 of 8 ids (100.0 %) have a vector in rows.npy" in str(coverage)


def test_every_replica_is_filled(path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        table = make_table()
    fill_tables([VectorSource("enc0", path, WORDS)], {"enc0": table}, {}, 0)
    alone, _ = fill(path)
    for copy in table_rows.local_copies(table.embeddings):
        np.testing.assert_array_equal(copy.numpy(), alone)


def test_glove_covers_common_words():
    folder = os.environ.get("O2V_DATA_DIR")
    name = "glove/glove.6B.50d.top50k.txt.gz"
    if not folder or not pathlib.Path(folder, name).is_file():
        pytest.skip(f"needs {name} in the folder that O2V_DATA_DIR names")
    words = {"king": 2, "queen": 3, "cabbage": 4, "o2v_keras": 5}
    table = make_table(9, 50)
    source = VectorSource("enc0", str(pathlib.Path(folder, name)), words)
    (coverage,) = fill_tables([source], {"enc0": table}, {}, 0)
    assert list(coverage.missing) == ["o2v_keras"]
    rows = table.embeddings.numpy()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-9)
    assert rows[2] @ rows[3] > rows[2] @ rows[4]


def test_an_array_must_have_a_row_for_each_id(tmp_path):
    path = str(tmp_path / "rows.npy")
    np.save(path, np.ones((8, 2), np.float32))
    with pytest.raises(DataError, match="each of the 9 ids of enc0. Found: 8"):
        fill(path, word_ids=None, by_rows=True)
