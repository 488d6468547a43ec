import pytest

from o2v_keras.text.tokenizers.category_tokenizer import CategoryTokenizer
from o2v_keras.text.vocabulary import Vocabulary


@pytest.mark.parametrize("hash_buckets", [0, 5])
def test_a_text_is_one_category_as_it_stands(hash_buckets):
    vocabulary = Vocabulary(["Film noir", "ﬁ", "犬"], hash_buckets)
    texts = ["Film noir", "film noir", "Film noir ", "ﬁ", "fi", "", "[PAD]"]
    texts += ["[UNK]", "[UNK0]", "犬" * 100_000]
    rows = CategoryTokenizer(vocabulary)(texts).to_list()
    assert rows == [[id_] for id_ in vocabulary.ids(texts)]


def test_bytes_that_are_no_utf8_are_unknown():
    tokenizer = CategoryTokenizer(Vocabulary(["a"]))
    assert tokenizer([b"a\xff", b"\x00a", b"a"]).to_list() == [[1], [1], [2]]
