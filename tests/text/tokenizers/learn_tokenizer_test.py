import json
import pathlib

import pytest

from o2v_keras.datasets.wordnet import load_wordnet_sample
from o2v_keras.text.tokenizers import text_batches
from o2v_keras.text.tokenizers import wordpiece_tokenizer
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer
from o2v_keras.text.vocabulary import Vocabulary

MODEL = pathlib.Path(__file__).with_name("wordnet.model")
TEXTS = ["The dog, the dog!", None, "a Dog", "", "犬 dog's"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("words", ("dog", "the", "!", "'", ",", "a", "s", "犬")),
        ("ngrams", ("dog", "the", "!", "'", ",", "a", "s", "犬")),
        ("category", ("The dog, the dog!", "a Dog", "犬 dog's")),
    ],
)
@pytest.mark.parametrize("rows", [1, 2, 8192])
def test_words_fall_by_frequency(monkeypatch, kind, words, rows):
    monkeypatch.setattr(text_batches, "BATCH_ROWS", rows)
    # An iterator can be read but once.
    assert learn_tokenizer(kind, iter(TEXTS)).vocabulary.words == words


def test_batches_are_bounded_in_characters(monkeypatch):
    monkeypatch.setattr(text_batches, "BATCH_CHARACTERS", 4)
    batches = text_batches.text_batches(["ab", "cd", "éé!!", "", "x"])
    assert [len(batch) for batch in batches] == [2, 1, 2]


def test_rare_words_are_left_out():
    tokenizer = learn_tokenizer("words", TEXTS, min_count=2)
    assert tokenizer.vocabulary.words == ("dog", "the")


@pytest.mark.parametrize(
    ("kind", "hash_buckets", "words"),
    [("words", 0, 4), ("words", 3, 2), ("ngrams", 3, 1), ("category", 0, 3)],
)
def test_there_are_at_most_so_many_ids(kind, hash_buckets, words):
    tokenizer = learn_tokenizer(kind, TEXTS, 6, hash_buckets=hash_buckets)
    assert len(tokenizer.vocabulary.words) == words
    assert tokenizer.vocab_size <= 6


def test_ngrams_have_buckets_by_themselves():
    tokenizer = learn_tokenizer("ngrams", TEXTS)
    assert tokenizer.hash_buckets == 32_768


def test_names_of_padding_and_unknown_words_are_no_categories():
    texts = ["[PAD]", "[UNK]", "[UNK12]", "[pad]", "drama"]
    tokenizer = learn_tokenizer("category", texts, hash_buckets=4)
    assert tokenizer.vocabulary.words == ("[pad]", "drama")


def test_categories_are_learned_one_by_one():
    texts = ["drama|pets", "war|drama", "drama", "a dog|war"]
    tokenizer = learn_tokenizer("categories", texts)
    assert tokenizer.vocabulary.words == ("drama", "war", "a dog", "pets")


def test_a_category_of_two_lines_is_refused():
    with pytest.raises(ValueError, match=r"must hold words that can be lines"):
        learn_tokenizer("category", ["a\nb"])


def test_lone_surrogates_are_replaced():
    assert learn_tokenizer("words", ["a\ud800"]).vocabulary.words == (
        "a\ufffd\ufffd\ufffd",
    )


def test_pieces_of_words_are_learned():
    synsets = load_wordnet_sample()["train"][:300]
    texts = [synset.definition for synset in synsets]
    tokenizer = learn_tokenizer("wordpiece", texts, 300)
    assert tokenizer.vocab_size <= 300
    assert {"the", "##ing"} <= set(tokenizer.vocabulary.words)
    # Made of known characters, an unseen word is known.
    assert 1 not in tokenizer.tokenize(["unbranchedly"]).to_list()[0]
    again = learn_tokenizer("wordpiece", texts, 300)
    assert again.fingerprint() == tokenizer.fingerprint()


@pytest.mark.parametrize("vocab_size", [29, 30, 40])
def test_pieces_never_exceed_the_vocabulary(vocab_size):
    tokenizer = learn_tokenizer("wordpiece", ["walks talking"], vocab_size)
    assert tokenizer.vocab_size <= vocab_size


def test_pieces_are_learned_from_a_fair_sample(monkeypatch):
    monkeypatch.setattr(wordpiece_tokenizer, "SAMPLE_TEXTS", 50)
    texts = [f"w{number}" for number in range(1000)]
    sample = wordpiece_tokenizer._sample(iter(texts))
    assert len(set(sample)) == 50
    assert sample == wordpiece_tokenizer._sample(iter(texts))
    mean = sum(int(text[1:]) for text in sample) / 50
    assert 400 < mean < 600


def test_a_vocabulary_file_is_taken(tmp_path):
    file = tmp_path / "words.json"
    file.write_text(json.dumps({"[UNK]": 1, "dog": 2, "the": 3}))
    tokenizer = learn_tokenizer("words", None, 4, vocab_file=file)
    assert tokenizer.tokenize(["the dog ran"]).to_list() == [[3, 2, 1]]
    shifted = learn_tokenizer("words", None, hash_buckets=5, vocab_file=file)
    assert shifted.vocabulary == Vocabulary(["dog", "the"], hash_buckets=5)
    ngrams = learn_tokenizer("ngrams", None, vocab_file=str(file))
    assert ngrams.vocab_size == 4 + 32_768
    pieces = learn_tokenizer("wordpiece", None, vocab_file=file)
    assert pieces.word_ids() == {"dog": 2, "the": 3}


def test_buckets_of_a_vocabulary_file_are_kept(tmp_path):
    vocabulary = Vocabulary(["dog"], hash_buckets=3)
    vocabulary.save(tmp_path / "v.txt")
    tokenizer = learn_tokenizer("words", [], vocab_file=tmp_path / "v.txt")
    assert tokenizer.vocabulary == vocabulary


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "bert"}, "`kind` must be one of words, .*kind='bert'"),
        ({"vocab_size": 2}, "`vocab_size` must be more than 2"),
        (
            {"kind": "ngrams", "vocab_size": 9, "hash_buckets": 7},
            "`vocab_size` must be more than 9",
        ),
        (
            {"kind": "ngrams", "vocab_size": 30_000},
            "`vocab_size` must be more than 32770",
        ),
        ({"kind": "wordpiece"}, "`vocab_size` must be.*vocab_size=None"),
        (
            {"kind": "wordpiece", "vocab_size": 8},
            "`vocab_size` must be larger: no word.*2 most.*vocab_size=8",
        ),
        (
            {"kind": "wordpiece", "vocab_size": 50, "hash_buckets": 2},
            "`hash_buckets` must be 0 for wordpiece",
        ),
        ({"kind": "sentencepiece"}, "`vocab_file` must name the `.model`"),
        (
            {"kind": "wordpiece", "vocab_size": -1},
            "`vocab_size` must be larger.*vocab_size=-1",
        ),
        ({"min_count": 0}, "`min_count` must be at least 1"),
        ({"min_count": 9}, "`min_count` times.*min_count=9"),
        ({"texts": []}, "must hold a word"),
        ({"texts": [None, " "], "kind": "wordpiece", "vocab_size": 50}, "word"),
        (
            {"min_count": 2, "vocab_file": MODEL},
            "`min_count` must be 1 where the vocabulary is that of a file",
        ),
        (
            {"vocab_file": "/no/such.txt"},
            "/no/such.txt: must be a vocabulary.*No such file",
        ),
        (
            {"kind": "sentencepiece", "vocab_size": 300, "vocab_file": MODEL},
            "makes 301 ids, but `vocab_size` is 300",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        learn_tokenizer(**{"kind": "words", "texts": TEXTS} | arguments)


def test_a_foreign_vocabulary_is_refused(tmp_path):
    file = tmp_path / "v.json"
    file.write_text('{"dog": 0, "the": 1}')
    with pytest.raises(ValueError, match="id 0 is the word 'dog'"):
        learn_tokenizer("words", [], vocab_file=file)
