import json

import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.text.vocabulary import Vocabulary


def test_words_fall_by_frequency_then_rise_by_spelling():
    vocabulary = Vocabulary.build(["b a c b", "z a", None, ["b", "new york"]])
    assert vocabulary.words == ("b", "a", "c", "new york", "z")
    assert vocabulary.ids(vocabulary.words).tolist() == [2, 3, 4, 5, 6]
    assert len(vocabulary) == 7


def test_rare_words_are_left_out():
    counts = {"a": 3, "b": 2, "c": 2, "d": 1}
    assert Vocabulary.from_counts(counts, min_count=2).words == ("a", "b", "c")
    small = Vocabulary.from_counts(counts, max_size=6, hash_buckets=3)
    assert small.words == ("a", "b")
    assert len(small) == 6


@pytest.mark.parametrize("hash_buckets", [0, 1, 5])
def test_a_graph_finds_the_same_ids(hash_buckets):
    vocabulary = Vocabulary(["the", "naïve", "犬"], hash_buckets)
    words = ["犬", "cat", "the", "", "naïve", "dog"]
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            vocabulary.words, np.arange(vocabulary.first_id, len(vocabulary))
        ),
        default_value=0,
    )
    buckets = tf.strings.to_hash_bucket_fast(words, max(1, hash_buckets))
    found = table.lookup(tf.constant(words))
    expected = tf.where(found == 0, 1 + buckets, found)
    assert vocabulary.ids(words).tolist() == expected.numpy().tolist()


def test_no_words_have_no_ids():
    assert Vocabulary(["a"], hash_buckets=2).ids([]).tolist() == []


@pytest.mark.parametrize("ending", [".json", ".txt"])
@pytest.mark.parametrize("hash_buckets", [0, 1, 4])
def test_files_are_read_back(tmp_path, ending, hash_buckets):
    vocabulary = Vocabulary(["a", "\u2028", "a\rb", " ", "é"], hash_buckets)
    path = tmp_path / f"words{ending}"
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_json_is_sagemakers(tmp_path):
    path = tmp_path / "vocab.json"
    Vocabulary(["a", "ü"]).save(path)
    assert json.loads(path.read_text()) == {"a": 2, "ü": 3}


def test_line_numbers_of_a_text_file_are_ids(tmp_path):
    path = tmp_path / "vocab.txt"
    vocabulary = Vocabulary(["a", "ü"], hash_buckets=2)
    vocabulary.save(path)
    lines = path.read_text().splitlines()
    assert lines == ["[PAD]", "[UNK0]", "[UNK1]", "a", "ü"]
    assert vocabulary.ids(["ü"]) == [lines.index("ü")]


@pytest.mark.parametrize(
    "ids",
    [
        {"<pad>": 0, "<unk>": 1, "<s>": 2, "the": 3},
        {"[UNK]": 1, "<s>": 2, "the": 3},
        {"<s>": 2, "the": 3},
    ],
    ids=["both reserved", "unknown", "neither"],
)
def test_foreign_vocabularies_keep_their_ids(tmp_path, ids):
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(ids))
    vocabulary = Vocabulary.load(path)
    assert vocabulary.words == ("<s>", "the")
    assert vocabulary.first_id == 2
    assert Vocabulary.load(path, shift_ids=True) == vocabulary


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({"a": 0, "b": 1, "<unk>": 2}, "id 0 is the word 'a', but id 0 is pad"),
        ({"<pad>": 0, "a": 1, "b": 2}, "id 1 is the word 'a', but id 1 is for"),
        ({"<unk>": 1, "a": 2, "b": 5}, "id 3 is no word, but there are larger"),
        ({"<unk>": 1, "a": 3, "b": 4}, "id 2 is no word, but there are larger"),
    ],
)
def test_ids_that_do_not_fit_are_refused_or_shifted(tmp_path, ids, message):
    path = tmp_path / "vocab.json"
    path.write_text(json.dumps(ids))
    with pytest.raises(ValueError, match=rf"{message}.*--shift-ids"):
        Vocabulary.load(path)
    shifted = Vocabulary.load(path, shift_ids=True)
    assert shifted.words == ("a", "b")
    assert shifted.ids(["a", "b", "c"]).tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("v.json", '{"a": 2, "a": 3}', "the word 'a' has two ids, 2 and 3"),
        ("v.json", '{"a": 2, "b": 2}', "id 2 is both 'a' and 'b'"),
        ("v.json", '{"a": 2.0}', "ids must be integers from 0 on.*'a': 2.0"),
        ("v.json", '{"a": -1}', "ids must be integers from 0 on"),
        ("v.json", '["a"]', "must hold one object"),
        ("v.json", '{"a": 2', "is no JSON"),
        ("v.json", "{}", "holds no word"),
        ("v.txt", "[PAD]\n[UNK]\n", "holds no word"),
        ("v.txt", "[PAD]\n[UNK]\na\na\n", "the word 'a' has two ids"),
        ("v.csv", "a", r"must end in \.json or \.txt"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Vocabulary.load(path)


def test_a_text_file_may_have_windows_line_ends(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xef\xbb\xbf[PAD]\r\n[UNK]\r\na\r\n")
    assert Vocabulary.load(path).words == ("a",)


@pytest.mark.parametrize("word", ["a\nb", "a\r", "[PAD]", "[UNK1]", "[UNK2]"])
def test_words_that_no_line_can_hold_go_to_json(tmp_path, word):
    vocabulary = Vocabulary(["x", word], hash_buckets=2)
    with pytest.raises(ValueError, match=r"Save the vocabulary as \.json"):
        vocabulary.save(tmp_path / "vocab.txt")
    assert not any(tmp_path.iterdir())
    vocabulary.save(tmp_path / "vocab.json")
    assert Vocabulary.load(tmp_path / "vocab.json") == vocabulary


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": []}, "`words` must hold a word"),
        ({"words": ["a", ""]}, "not empty.*Received: ''"),
        ({"words": ["\ud800"]}, "encoded as UTF-8"),
        ({"words": ["a", "b", "a"]}, "`words` must be distinct.*'a' 2 times"),
        ({"words": ["a"], "hash_buckets": -1}, "`hash_buckets` must be at"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_count": 0}, "`min_count` must be at least 1"),
        ({"min_count": 3}, "min_count=3 for 1 words"),
        ({"max_size": 2}, "`max_size` must be more than 2"),
        ({"max_size": 5, "hash_buckets": 4}, "`max_size` must be more than 5"),
    ],
)
def test_bad_limits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_counts({"a": 2}, **arguments)
