import pytest

from o2v_keras.text.tokenizers.lookup_tokenizers import CategoriesTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoryTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import UnicodeScriptTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The dog's tail, wagging.", "the|dog|'|s|tail|,|wagging|."),
        ("$5 + x^2=~y `z`|w", "$|5|+|x|^|2|=|~|y|`|z|`|||w"),
        ("¿Qué? «hm» – 'tis…", "¿|qué|?|«|hm|»|–|'|tis|.|.|."),
        ("tab\tnew\nline\rfeed\x0bpage\x0c", "tab|new|line|feed|page"),
        ("a\u2028b\u1680c\x85d\u00a0e\u3000f\x00g\x7fh", "a|b|c|d|e|f|g|h"),
        ("STRASSE Straße ﬁn Ａ①", "strasse|strasse|fin|a1"),
        ("ΣΊΣΥΦΟΣ Σίσυφος", "σίσυφοσ|σίσυφοσ"),
        ("I❤️🐕 ok", "i❤🐕|ok"),
        ("שלום, עולם!", "שלום|,|עולם|!"),
        (b"caf\xc3 ok\xff", "caf\ufffd|ok\ufffd"),
        ("a\u00adb\ufeff\u200d", "ab"),
        ("", ""),
        (" \t\u2003\x00", ""),
    ],
)
def test_words_are_split(text, words):
    (parts,) = WordTokenizer.split([text]).to_list()
    expected = [word or "|" for word in words.split("|")] if words else []
    if "||" in words:
        expected.remove("|")
    assert [part.decode() for part in parts] == expected


def test_plain_texts_are_split_as_all_others():
    text = "".join(map(chr, range(128))) + " Some WORDS (and [marks])!"
    # A character beyond ASCII sends the text the long way.
    texts = [f"{t} x" for t in (text, text[9:14], text[32:127])]
    longer = [t[:-1] + "é" for t in texts]
    plain, other = (WordTokenizer.split(t).to_list() for t in (texts, longer))
    assert [p[:-1] for p in plain] == [p[:-1] for p in other]


@pytest.mark.parametrize("hash_buckets", [0, 1, 5])
def test_ids_are_those_of_the_vocabulary(hash_buckets):
    vocabulary = Vocabulary(["the", "naïve", "犬"], hash_buckets)
    tokenizer = WordTokenizer(vocabulary)
    words = ["犬", "cat", "the", "naïve", "dog", "[", "pad"]
    assert tokenizer.vocab_size == len(vocabulary)
    (ids,) = tokenizer.tokenize([" ".join(words)]).to_list()
    assert ids == vocabulary.ids(words).tolist()


def test_every_word_has_its_id():
    tokenizer = WordTokenizer(Vocabulary(["b", "a"], hash_buckets=3))
    assert tokenizer.word_ids() == {"b": 4, "a": 5}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("犬dog?! DOG犬", ["犬", "dog", "?!", "dog", "犬"]),
        ("犬7\x00Ａβ", ["犬", "7", "a", "β"]),
        (b"a\xffb", ["a", "\ufffd", "b"]),
        (" \u2003", []),
    ],
)
def test_scripts_come_apart(text, parts):
    (row,) = UnicodeScriptTokenizer.split([text]).to_list()
    assert [part.decode() for part in row] == parts


@pytest.mark.parametrize("hash_buckets", [0, 5])
def test_a_text_is_one_category_as_it_stands(hash_buckets):
    vocabulary = Vocabulary(["Film noir", "ﬁ", "犬"], hash_buckets)
    texts = ["Film noir", "film noir", "Film noir ", "ﬁ", "fi", "", "[PAD]"]
    texts += ["[UNK]", "[UNK0]", "犬" * 100_000]
    rows = CategoryTokenizer(vocabulary).tokenize(texts).to_list()
    assert rows == [[id_] for id_ in vocabulary.ids(texts)]


def test_a_text_is_several_categories():
    vocabulary = Vocabulary(["film noir", "犬", "a, b"])
    texts = [
        "犬|film noir",
        "a, b",
        "||Film noir|犬|",
        " film noir|犬",
        "|",
        "",
    ]
    rows = CategoriesTokenizer(vocabulary).tokenize(texts).to_list()
    assert rows == [[3, 2], [4], [1, 3], [1, 3], [], []]


def test_bytes_that_are_no_utf8_are_unknown():
    tokenizer = CategoryTokenizer(Vocabulary(["a"]))
    assert tokenizer.tokenize([b"a\xff", b"\x00a", b"a"]).to_list() == [
        [1],
        [1],
        [2],
    ]
