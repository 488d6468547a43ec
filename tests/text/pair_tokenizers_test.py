import subprocess
import sys
import zipfile

import keras
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.tokenizers.ngram_tokenizer import NGramTokenizer
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


def test_a_shared_tokenizer_is_read_as_one(tmp_path):
    shared = words("a", "b")
    saved = PairTokenizers(shared, shared)
    saved.save(tmp_path / "t.keras")
    loaded = PairTokenizers.load(tmp_path / "t.keras")
    assert loaded.in0 is loaded.in1
    assert loaded.fingerprint() == saved.fingerprint()
    with zipfile.ZipFile(tmp_path / "t.keras") as archive:
        names = [n for n in archive.namelist() if n.startswith("assets/")]
    assert names == ["assets/in0/vocabulary.txt"]


def test_each_side_comes_back_with_its_own(tmp_path):
    saved = PairTokenizers(words("c"), words("a", "b"))
    saved.save(tmp_path / "t.keras")
    loaded = PairTokenizers.load(tmp_path / "t.keras")
    assert loaded.in0.word_ids() == {"c": 2}
    assert loaded.in1.word_ids() == {"a": 2, "b": 3}
    assert loaded.fingerprint() == saved.fingerprint()


@pytest.mark.parametrize("name", ["_tokenizers.keras", "tokenizers.keras"])
def test_a_folder_names_its_tokenizers(tmp_path, name):
    PairTokenizers(in1=words("a")).save(tmp_path / name)
    loaded = PairTokenizers.load(tmp_path)
    assert loaded.in0 is None
    assert loaded.in1.word_ids() == {"a": 2}


def test_a_fingerprint_does_not_depend_on_names():
    one = WordTokenizer(Vocabulary(["a"]), name="one")
    assert one.fingerprint() == words("a").fingerprint()


def test_the_fingerprint_tells_sides_and_words_apart():
    assert PairTokenizers().fingerprint() is None
    found = {
        PairTokenizers(in0=words("a")).fingerprint(),
        PairTokenizers(in1=words("a")).fingerprint(),
        PairTokenizers(in0=words("b")).fingerprint(),
        PairTokenizers(words("a"), words("a")).fingerprint(),
        PairTokenizers(in0=NGramTokenizer(Vocabulary(["a"]), 8)).fingerprint(),
        PairTokenizers(in0=NGramTokenizer(Vocabulary(["a"]), 9)).fingerprint(),
    }
    assert len(found) == 6


def test_what_holds_no_tokenizers_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no tokenizers. Name a model"):
        PairTokenizers.load(tmp_path)
    (tmp_path / "a.keras").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"a\.keras: holds no tokenizers"):
        PairTokenizers.load(tmp_path / "a.keras")
    inputs = keras.Input((2,))
    keras.Model(inputs, inputs).save(tmp_path / "b.keras")
    with pytest.raises(DataError, match="must hold tokenizers.*a Functional"):
        PairTokenizers.load(tmp_path / "b.keras")


def test_a_process_that_knows_no_kind_loads_all(tmp_path):
    ngrams = NGramTokenizer(Vocabulary(["a"]), 8)
    PairTokenizers(ngrams, words("b")).save(tmp_path / "t.keras")
    code = (
        "from o2v_keras.text.pair_tokenizers import PairTokenizers\n"
        f"print(PairTokenizers.load({str(tmp_path)!r} + '/t.keras'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        'in0: texts, by the tokenizer "ngrams" of 11 ids',
        'in1: texts, by the tokenizer "words" of 3 ids',
    ]


def test_a_side_takes_a_tokenizer_alone():
    with pytest.raises(TypeError, match="`in1` must be a Tokenizer or None"):
        PairTokenizers(in1=["a"])


def test_says_which_sides_share_a_tokenizer():
    shared = words("a", "b")
    assert str(PairTokenizers(shared, shared)) == (
        'in0 and in1: texts, by the tokenizer "words" of 4 ids'
    )
    lines = str(PairTokenizers(words("a"), words("b", "c"))).splitlines()
    assert [line[:4] for line in lines] == ["in0:", "in1:"]
