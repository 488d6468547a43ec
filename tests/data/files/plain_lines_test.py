import json

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from o2v_keras.data.files import json_lines
from o2v_keras.data.files.plain_lines import parse_plain_lines
from o2v_keras.data.files.text_lines import TextLines

SIDES = ("in0", "in1")


def parse(text, sides=SIDES, label=True):
    lines = TextLines.scan(text, first_number=1)
    return parse_plain_lines(lines, sides, label)


def columns(text):
    """Lists of each column of plain lines, or `None`."""
    parsed = parse(text)
    if parsed is None:
        return None
    sides = [[row.tolist() for row in parsed[name]] for name in SIDES]
    return [*sides, parsed["label"].tolist()]


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    """Reads a text with arrow alone: columns and number of rejected rows."""
    path = tmp_path_factory.mktemp("careful") / "text.jsonl"

    def read(text):
        path.write_bytes(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_lines, "parse_plain_lines", lambda *_: None)
            parts = list(json_lines.read_json_lines(str(path), SIDES, True))
        rows = [[], [], []]
        for table, _ in parts:
            rows[0] += [row.tolist() for row in table.in0]
            rows[1] += [row.tolist() for row in table.in1]
            rows[2] += table.labels.tolist()
        return rows, sum(len(rejected) for _, rejected in parts)

    return read


def line(in0, in1, label, order=(0, 1, 2), comma=", ", colon=": "):
    fields = [
        f'"in0"{colon}[{comma.join(map(str, in0))}]',
        f'"in1"{colon}[{comma.join(map(str, in1))}]',
        f'"label"{colon}{label}',
    ]
    return "{" + comma.join(fields[i] for i in order) + "}"


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)], ids=["end", "begin", "between"]
)
@pytest.mark.parametrize("comma", [", ", ","], ids=["spaced", "dense"])
@pytest.mark.parametrize("colon", [": ", ":"], ids=["spaced", "dense"])
def test_takes_the_forms_programs_write(order, comma, colon):
    rows = [([6, 17], [], 1), ([0], [1, 2, 3], 0), ([], [12345678], 25)]
    text = "\r\n".join(
        line(*row, order=order, comma=comma, colon=colon) for row in rows
    )
    assert columns(text.encode()) == [
        [[6, 17], [0], []],
        [[], [1, 2, 3], [12345678]],
        [1.0, 0.0, 25.0],
    ]


def test_takes_ids_of_up_to_16_digits_and_refuses_longer_ones():
    ids = [int("9876543210987654"[:digits]) for digits in range(1, 17)]
    assert columns(line(ids, [1], 0).encode()) == [[ids], [[1]], [0.0]]
    assert columns(line([10**16], [1], 0).encode()) is None


@pytest.mark.parametrize(
    "label", ["0.1", "3.8", "2.05", "0.30000000000001", "99999999.9999999"]
)
def test_labels_with_a_point_are_the_nearest_floats(label):
    text = f"{line([1], [2], label)}\n{line([1], [2], 7)}"
    assert columns(text.encode())[2] == [float(label), 7.0]


def test_reads_what_is_asked_for_among_constant_fields():
    text = b'{"source": "a, b", "id": 7, "in1": [4], "x": [null, -1.5]}\n'
    parsed = parse(text * 2, ["in1"], label=False)
    assert list(parsed) == ["in1"]
    assert parsed["in1"].values.tolist() == [4, 4]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(line([1], [2], -1), id="negative_label"),
        pytest.param(line([-1], [2], 1), id="negative_id"),
        pytest.param(line([1.0], [2], 1), id="float_id"),
        pytest.param(line(["07"], [2], 1), id="leading_zero"),
        pytest.param(line([1], [2], "01"), id="leading_zero_of_label"),
        pytest.param(line([1], [2], "1."), id="no_decimals"),
        pytest.param(line([1], [2], "1.1.1"), id="two_points"),
        pytest.param(line([1], [2], "1e3"), id="exponent"),
        pytest.param(line([1], [2], "0.1234567890123456"), id="long_label"),
        pytest.param(line([1], [2], "NaN"), id="nan"),
        pytest.param(line([1], [2], "true"), id="true"),
        pytest.param(line([1], [2], "[1]"), id="list_label"),
        pytest.param('{"in0": 1, "in1": [2], "label": 1}', id="number_side"),
        pytest.param('{"in0": [1], "in1": [2]}', id="no_label"),
        pytest.param(line(["1 2"], [2], 1), id="no_comma"),
        pytest.param(line([1, ""], [2], 1), id="comma_at_end"),
        pytest.param(line(["", 1], [2], 1), id="comma_at_begin"),
        pytest.param(line([1, "", 2], [2], 1), id="two_commas"),
        pytest.param(line(["1,,2"], [2], 1), id="commas_side_by_side"),
        pytest.param(line(["1,-2"], [2], 1), id="minus_after_comma"),
        pytest.param(
            line([1], [2], '1, "in0": [3]'), id="repeated_field"
        ),
        pytest.param(line([1], [2], 1) * 2, id="two_objects"),
        pytest.param(
            '{"a": {"in0": [1]}, "in1": [2], "label": 1}', id="nested"
        ),
        pytest.param(line([1], [2], '1, "x": "\\ud800"'), id="escape"),
        pytest.param(line([1], [2], '1, "x": "é"'), id="not_ascii"),
        pytest.param("null", id="null"),
        pytest.param(line([1], [2], 1)[:-1], id="cut_off"),
        pytest.param("[" * 9999 + "]" * 9999, id="deep"),
    ],
)  # fmt: skip
def test_leaves_the_rest_alone(text):
    plain = line([1], [2], 1)
    assert columns(text.encode()) is None
    if text:
        assert columns(f"{plain}\n{text}\n{plain}".encode()) is None


def test_a_constant_that_looks_like_a_slot_is_none():
    # One slot stands for the list; no text around it may pass for another.
    for label in ("-0", "0e0", "NaN", "-NaN"):
        for extra in ("", '"x": 5, '):
            text = f'{{{extra}"in0": [3], "in1": [4], "label": {label}}}'
            assert columns(text.encode()) is None


IDS = st.lists(st.integers(0, 10**17) | st.integers(0, 99), max_size=4)
LABELS = st.integers(0, 9) | st.decimals(0, 9, places=3).map(str)
ROWS = st.lists(st.tuples(IDS, IDS, LABELS), min_size=1, max_size=4)
# Where, how much is taken away, and what is put there.
EDITS = st.lists(
    st.tuples(
        st.integers(0, 999),
        st.integers(0, 2),
        st.text('0123456789 ,.:-[]{}"\n\rein', max_size=2),
    ),
    max_size=2,
)


@settings(max_examples=300, deadline=None)
@given(
    rows=ROWS,
    order=st.permutations(range(3)),
    comma=st.sampled_from([", ", ",", " , "]),
    colon=st.sampled_from([": ", ":", " :"]),
    edits=EDITS,
)
@example([([1], [2], 1)], (0, 1, 2), ", ", ": ", [(9, 0, "-")])
@example([([1], [2], 1)] * 2, (2, 0, 1), ",", ":", [(0, 0, " ")])
def test_agrees_with_the_careful_parser(
    careful, rows, order, comma, colon, edits
):
    text = "\n".join(line(*row, order, comma, colon) for row in rows)
    for place, taken, put in edits:
        place %= len(text) + 1
        text = text[:place] + put + text[place + taken :]
    text = text.encode()
    found = columns(text)
    if found is not None:
        expected, rejected = careful(text)
        assert found == expected
        assert rejected == 0


def test_is_used_for_ordinary_files(monkeypatch, tmp_path):
    monkeypatch.setattr(json_lines, "_parse_with_arrow", None)
    generator = np.random.default_rng(0)
    records = [
        {"label": 1, "in0": [i], "in1": generator.integers(1, 99, 9).tolist()}
        for i in range(5_000)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    parts = list(json_lines.read_json_lines(str(path), SIDES, True, 9_999))
    assert len(parts) > 3
    ids = [row.tolist() for table, _ in parts for row in table.in1]
    assert ids == [record["in1"] for record in records]
    numbers = np.concatenate([table.origin.numbers for table, _ in parts])
    assert numbers.tolist() == list(range(1, 5_001))
