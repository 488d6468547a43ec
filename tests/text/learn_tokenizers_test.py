import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from tests.data.texts import COLUMNS
from tests.data.texts import ROWS
from tests.data.texts import config
from tests.data.texts import in_memory
from tests.data.texts import write


def test_each_side_learns_from_its_own_column():
    tokenizers = learn_tokenizers(in_memory(), config(), COLUMNS)
    assert tokenizers.in0.word_ids()["dog"] == 3
    assert "drama" not in tokenizers.in0.word_ids()
    assert list(tokenizers.in1.word_ids()) == ["crime", "drama", "film noir"]


def test_one_tokenizer_learns_from_both_columns():
    shared = config(
        enc1_network="enc0",
        enc1_max_seq_len=None,
        enc1_vocab_size=None,
        enc1_tokenizer=None,
    )
    tokenizers = learn_tokenizers(in_memory(), shared, COLUMNS)
    assert tokenizers.in0 is tokenizers.in1
    assert {"dog", "drama"} < tokenizers.in0.word_ids().keys()


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_files_teach_what_memory_teaches(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}")
    found = learn_tokenizers(path, config(), COLUMNS)
    expected = learn_tokenizers(in_memory(), config(), COLUMNS)
    assert found.fingerprint() == expected.fingerprint()


def test_settings_reach_the_tokenizers():
    settings = config(enc0_min_count=2, enc0_hash_buckets=3, enc0_vocab_size=6)
    tokenizers = learn_tokenizers(in_memory(), settings, COLUMNS)
    assert tokenizers.in0.vocab_size == 6
    assert list(tokenizers.in0.word_ids().values()) == [4, 5]


def test_a_ready_vocabulary_is_taken(tmp_path):
    (tmp_path / "words.json").write_text('{"dog": 2, "cat": 3}')
    settings = config(
        enc0_vocab_file=str(tmp_path / "words.json"), enc1_tokenizer=""
    )
    tokenizers = learn_tokenizers({}, settings, COLUMNS)
    assert tokenizers.in0.word_ids() == {"dog": 2, "cat": 3}
    assert tokenizers.in1 is None


def test_broken_records_are_left_to_the_reading(tmp_path):
    path = write(tmp_path / "a.jsonl", [*ROWS, {"plot": 3, "genre": [1]}])
    found = learn_tokenizers(path, config(), COLUMNS)
    expected = learn_tokenizers(in_memory(), config(), COLUMNS)
    assert found.fingerprint() == expected.fingerprint()


def test_sources_without_texts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must have the columns plot"):
        learn_tokenizers({"in0": ["a"]}, config(), COLUMNS)
    table = PairTable.from_arrays([[1]], [[2]], [1])
    with pytest.raises(ValueError, match="Received: PairTable"):
        learn_tokenizers(table, config())
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(DataError, match="TFRecord files hold ids only"):
        learn_tokenizers(tmp_path / "a.tfrecord", config())
    with pytest.raises(DataError, match='no column "in0"'):
        learn_tokenizers(write(tmp_path / "a.csv"), config())
