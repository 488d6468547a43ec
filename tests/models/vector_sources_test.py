import json

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.models.vector_sources import vector_sources


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
            "`enc0_pretrained_embedding_file` must name .* no file .*absent",
            id="no_vectors",
        ),
        pytest.param(
            {"enc0_vocab_file": "absent.json"},
            "`enc0_vocab_file` must name .* no file .*absent.json",
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
