import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary

SIZES = {"enc0_max_seq_len": 3, "enc0_vocab_size": 99}
OWN = {
    "enc1_network": "pooled_embedding",
    "enc1_max_seq_len": 2,
    "enc1_vocab_size": 50,
}


def words(*names):
    return WordTokenizer(Vocabulary(names))


def test_sizes_follow_the_vocabularies():
    config = Object2VecConfig(
        **SIZES, **OWN, enc0_tokenizer="words", enc1_tokenizer="words"
    )
    in_force = PairTokenizers(words("a"), words("b", "c")).configure(config)
    assert in_force.enc0_vocab_size == 3
    assert in_force.enc1_vocab_size == 4


def test_a_shared_tokenizer_sets_the_sizes_of_both_sides():
    config = Object2VecConfig(**SIZES, enc0_tokenizer="words")
    shared = words("a")
    in_force = PairTokenizers(shared, shared).configure(config)
    assert in_force.enc0_vocab_size == in_force.enc1_vocab_size == 3


def test_a_shared_tokenizer_is_written_once_and_read_as_one(tmp_path):
    config = Object2VecConfig(**SIZES, enc0_tokenizer="words")
    shared = words("a", "b")
    saved = PairTokenizers(shared, shared)
    saved.save(tmp_path)
    loaded = PairTokenizers.load(tmp_path, config)
    assert [p.name for p in tmp_path.iterdir()] == ["in0"]
    assert loaded.in0 is loaded.in1
    assert loaded.fingerprint() == saved.fingerprint()


def test_each_side_comes_back_with_its_own(tmp_path):
    config = Object2VecConfig(**SIZES, **OWN, enc1_tokenizer="words")
    saved = PairTokenizers(in1=words("a", "b"))
    saved.save(tmp_path)
    loaded = PairTokenizers.load(tmp_path, config)
    assert loaded.in0 is None
    assert loaded.in1.word_ids() == {"a": 2, "b": 3}
    assert loaded.fingerprint() == saved.fingerprint()


def test_the_fingerprint_tells_sides_and_words_apart():
    assert PairTokenizers().fingerprint() is None
    found = {
        PairTokenizers(in0=words("a")).fingerprint(),
        PairTokenizers(in1=words("a")).fingerprint(),
        PairTokenizers(in0=words("b")).fingerprint(),
        PairTokenizers(words("a"), words("a")).fingerprint(),
    }
    assert len(found) == 4


def test_a_missing_tokenizer_is_named(tmp_path):
    config = Object2VecConfig(**SIZES, enc0_tokenizer="words")
    with pytest.raises(DataError, match="in0: holds no tokenizer"):
        PairTokenizers.load(tmp_path, config)


def test_a_tokenizer_of_another_kind_is_named(tmp_path):
    PairTokenizers(in0=words("a")).save(tmp_path)
    config = Object2VecConfig(**SIZES, **OWN, enc0_tokenizer="wordpiece")
    with pytest.raises(ValueError, match='in0, "words". Received: enc0_tok'):
        PairTokenizers.load(tmp_path, config)


def test_says_which_sides_share_a_tokenizer():
    shared = words("a", "b")
    assert str(PairTokenizers(shared, shared)) == (
        'in0 and in1: texts, by the tokenizer "words" of 4 ids'
    )
    lines = str(PairTokenizers(words("a"), words("b", "c"))).splitlines()
    assert [line[:4] for line in lines] == ["in0:", "in1:"]
