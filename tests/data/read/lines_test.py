import numpy as np
import pytest

from o2v_keras.data.read.lines import TextLines


def records(lines):
    return [lines.record(row) for row in range(len(lines))]


@pytest.mark.parametrize(
    ("text", "expected", "numbers"),
    [
        pytest.param(b"a\nbc\n", ["a", "bc"], [5, 6], id="newlines"),
        pytest.param(b"a\nbc", ["a", "bc"], [5, 6], id="no_last_newline"),
        pytest.param(b"a\r\nbc\r\n", ["a", "bc"], [5, 6], id="crlf"),
        pytest.param(b"\n \t\na\n\n\r\nb", ["a", "b"], [7, 10], id="blank"),
        pytest.param(b" \ta b \r\n  c", ["a b", "c"], [5, 6], id="indented"),
        pytest.param(b" \n\n", [], [], id="only_blank"),
        pytest.param(b"a\n \t", ["a"], [5], id="blank_end"),
        pytest.param(b"", [], [], id="empty"),
        pytest.param(b"\xff{\n", ["\ufffd{"], [5], id="not_utf8"),
    ],
)
def test_lines_without_blanks(text, expected, numbers):
    lines = TextLines.scan(text, first_number=5)
    assert records(lines) == expected
    assert lines.numbers.tolist() == numbers


def test_braced_lines_are_single_objects_or_refused_by_count():
    text = b'{}\n{"a":\n1}\n[{}]\n {} \r\n{\r}\nnull\n{} {}\n\r{}'
    lines = TextLines.scan(text, first_number=1)
    assert lines.braced.tolist() == [
        *(True, False, False, False, True, False, False, True, True)
    ]


def test_selected_lines_keep_their_numbers():
    lines = TextLines.scan(b"a\n\nbb\n{c}\n", first_number=1)
    assert bytes(lines[1:].span) == b"bb\n{c}"
    some = lines[np.array([0, 2])]
    assert records(some) == ["a", "{c}"]
    assert some.numbers.tolist() == [1, 4]
    assert some.braced.tolist() == [False, True]
