import pytest

from o2v_keras.text.tokenizers.unicode_script_tokenizer import (
    UnicodeScriptTokenizer,
)


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
