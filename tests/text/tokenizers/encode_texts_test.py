import gc
import weakref

import pytest

from o2v_keras.text.tokenizers import text_batches
from o2v_keras.text.tokenizers.encode_texts import encode_texts
from o2v_keras.text.tokenizers.encode_texts import tokenizer_graph
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary


@pytest.fixture
def tokenizer():
    return WordTokenizer(Vocabulary([str(number) for number in range(200)]))


@pytest.mark.parametrize("rows", [1, 7, 8192])
def test_rows_stay_in_order(monkeypatch, tokenizer, rows):
    monkeypatch.setattr(text_batches, "BATCH_ROWS", rows)
    texts = (" ".join(map(str, range(n % 5, n))) for n in range(100))
    encoded = encode_texts(tokenizer, texts)
    assert [row.tolist() for row in encoded] == [
        list(range(2 + n % 5, 2 + n)) for n in range(100)
    ]


def test_no_text_has_no_row(tokenizer):
    encoded = encode_texts(tokenizer, [])
    assert len(encoded) == 0
    assert encoded.values.dtype == encoded.offsets.dtype == "int64"


def test_lone_surrogates_are_unknown(tokenizer):
    encoded = encode_texts(tokenizer, ["1 \ud800 2", "\udfff"])
    assert [row.tolist() for row in encoded] == [[3, 1, 4], [1]]


def test_few_batches_are_read_ahead(monkeypatch, tokenizer):
    monkeypatch.setattr(text_batches, "BATCH_ROWS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    graph, done, ahead = tokenizer_graph(tokenizer), [], []

    def counted(batch):
        ids = graph(batch)
        done.append(batch)
        return ids

    monkeypatch.setattr(
        "o2v_keras.text.tokenizers.encode_texts.tokenizer_graph",
        lambda tokenizer: counted,
    )

    def texts():
        for read in range(1, 51):
            ahead.append(read - len(done))
            yield "1"

    encode_texts(tokenizer, texts())
    assert max(ahead) <= 3


def test_an_error_of_the_texts_is_raised(tokenizer):
    def texts():
        yield "1"
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        encode_texts(tokenizer, texts())


def test_a_tokenizer_that_encoded_can_go(tokenizer):
    tokenizer = WordTokenizer(tokenizer.vocabulary)
    encode_texts(tokenizer, ["1"])
    alive = weakref.ref(tokenizer)
    del tokenizer
    gc.collect()
    assert alive() is None
