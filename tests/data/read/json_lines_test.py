import random
import sys

import pyarrow as pa
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import parse_record

GOOD = '{"in0": [6, 17], "in1": [], "label": 1}'


COLUMNS = {
    "in0": Column("in0", "ids"),
    "in1": Column("in1", "ids"),
    "label": Column("label", "number"),
}


def read(path, columns=COLUMNS, rows=None):
    """Returns the values by line number, and the faults by line number."""
    values, rejected = {}, {}
    for block in read_blocks(str(path), columns, rows):
        for number, row in zip(
            block.numbers.tolist(), block.table.to_pylist(), strict=True
        ):
            values[number] = list(row.values())
        for number, _, faults in block.rejected:
            rejected[number] = [str(fault) for fault in faults]
    return values, rejected


@pytest.fixture
def write(tmp_path):
    def write(content, name="train.jsonl"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(content)
        return path

    return write


def test_reads_ids_and_labels(write):
    path = write(
        '{"label": 3.5, "in0": [9223372036854775807, -1], "in1": [0]}\n'
        f"{GOOD}\n"
    )
    assert read(path) == (
        {1: [[2**63 - 1, -1], [0], 3.5], 2: [[6, 17], [], 1.0]},
        {},
    )


@pytest.mark.parametrize(
    "extra",
    [
        '"text": "a } b \\n {"',
        '"in2": [1.5]',
        '"nested": {"in0": [{"in0": "x"}]}',
        '"bad": NaN',
    ],
)
def test_ignores_other_fields(write, extra):
    path = write(f'{{{extra}, "in0": [1], "in1": [2], "label": 0}}')
    assert read(path) == ({1: [[1], [2], 0.0]}, {})


def test_reads_the_asked_columns_only(write):
    path = write('{"in0": ["x"], "in1": [2], "label": "y"}\n{"in1": [3]}\n')
    columns = {"in1": COLUMNS["in1"]}
    assert read(path, columns) == ({1: [[2]], 2: [[3]]}, {})


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        pytest.param(f"{GOOD}\n{GOOD}", [1, 2], id="no_last_newline"),
        pytest.param(f"{GOOD}\r\n{GOOD}\r\n", [1, 2], id="crlf"),
        pytest.param(f"\n{GOOD}\n\n \t\n{GOOD}\n\n", [2, 5], id="blank_lines"),
        pytest.param(f"\ufeff{GOOD}\n{GOOD}\n", [1, 2], id="byte_order_mark"),
        pytest.param(f"  {GOOD}  \n\t{GOOD}", [1, 2], id="indented"),
    ],
)
def test_line_numbers(write, content, numbers):
    for rows in (1, 2, None):
        pairs, rejected = read(write(content), rows=rows)
        assert pairs == dict.fromkeys(numbers, [[6, 17], [], 1.0])
        assert rejected == {}


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_reads_compressed_files(write, codec):
    text = f"{GOOD}\nx\n{GOOD}\n".encode()
    ending = {"gzip": "gz", "zstd": "zst"}[codec]
    compressed = pa.compress(text, codec, asbytes=True)
    pairs, rejected = read(write(compressed, f"train.jsonl.{ending}"))
    assert list(pairs) == [1, 3]
    assert list(rejected) == [2]


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_damaged_compression_is_an_error(write, ending):
    codec = {"gz": "gzip", "zst": "zstd"}[ending]
    text = "\n".join(GOOD.replace("17", str(n)) for n in range(999))
    compressed = pa.compress(text.encode(), codec, asbytes=True)
    path = write(compressed[:-20], f"cut.jsonl.{ending}")
    with pytest.raises(DataError, match="cut.jsonl.*: is cut off: "):
        read(path)


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        pytest.param("{", ["record: malformed JSON"], id="cut_off"),
        pytest.param(f"{GOOD} {GOOD}", ["record: malformed JSON"], id="two"),
        pytest.param(
            f"{GOOD}null", ["record: malformed JSON"], id="null_after"
        ),
        pytest.param("null", ["record: no JSON object"], id="null"),
        pytest.param("[1]", ["record: no JSON object"], id="array"),
        pytest.param(
            '{"in0": [1], "in1": "a dog"}',
            ["in1: a text in place of ids", 'label: missing: no "label"'],
            id="key",
        ),
        pytest.param(
            '{"in0": null, "in1": [null], "label": 1}',
            [
                'in0: missing: no "in0"',
                "in1: non-integer id: in1[0]=None",
            ],
            id="nulls",
        ),
        pytest.param(
            '{"in0": 5.5, "in1": [1.0], "label": "1"}',
            ["in0: no list", "in1: non-integer id", "label: no number"],
            id="types",
        ),
        pytest.param(
            '{"in0": [1], "in1": [2], "label": 1e999}',
            ["label: not finite"],
            id="infinite",
        ),
    ],
)
def test_rejects_a_line_and_no_other(write, line, faults):
    for neighbours in (0, 1, 100):
        lines = [GOOD] * neighbours + [line] + [GOOD] * neighbours
        pairs, rejected = read(write("\n".join(lines)))
        assert len(pairs) == 2 * neighbours
        assert list(rejected) == [neighbours + 1]
        found = rejected[neighbours + 1]
        assert len(found) == len(faults)
        for text, beginning in zip(found, faults, strict=True):
            assert text.startswith(beginning)


@pytest.mark.parametrize(
    "line",
    [
        GOOD.replace("{", '{"text": "\\ud800", '),
        GOOD.replace(", ", ",\r"),
        '{"in0": [6, 17], "in1": [], "label": 1, "deep": '
        + 2000 * "["
        + 2000 * "]"
        + "}",
    ],
    ids=["half_a_character", "carriage_return", "too_deep_for_python"],
)
def test_what_one_parser_refuses_the_other_may_read(write, line):
    for neighbor in (GOOD, "oops"):
        pairs, rejected = read(write(f"{GOOD}\n{line}\n{neighbor}"))
        assert pairs[2] == [[6, 17], [], 1]
        assert list(rejected) == ([] if neighbor == GOOD else [3])


@pytest.mark.parametrize("neighbor", [GOOD, "oops"])
def test_a_null_is_no_value_and_no_fault_yet(write, neighbor):
    lines = '{"in0": null, "in1": [3], "label": 1}\n{"in0": [4]}'
    pairs, rejected = read(write(f"{lines}\n{neighbor}\n{GOOD}"))
    assert pairs[1] == [None, [3], 1]
    assert pairs[2] == [[4], None, None]


@pytest.mark.parametrize("neighbor", [GOOD, "oops"])
def test_an_id_alone_is_a_list_of_one(write, neighbor):
    line = '{"in0": 5, "in1": 6, "label": 1}'
    for lines in ([line, line, neighbor], [neighbor, line, line]):
        pairs, _ = read(write("\n".join(lines)))
        assert pairs[2] == [[5], [6], 1]


def test_object_over_two_lines_is_no_json_lines(write):
    # Two lines, and arrow alone would see two objects in them.
    content = '{"in0": [1],\n"in1": [2], "label": 1} ' + GOOD
    pairs, rejected = read(write(content))
    assert pairs == {}
    assert list(rejected) == [1, 2]


def test_line_longer_than_chunk_and_block(write):
    ids = list(range(400_000))
    line = f'{{"in0": {ids}, "in1": [2], "label": 1}}'
    pairs, _ = read(write(f"{GOOD}\n{line}\n{GOOD}\n"), rows=10)
    assert list(pairs) == [1, 2, 3]
    assert pairs[2][0] == ids


LINES = {
    GOOD: True,
    '{"in0": [1], "in1": [2], "label": 0, "x": "\xff"}': True,
    ' {"in1":[3],"in0":[1,2,3],"label":2.5}\t': True,
    '{"in0": [1], "in1": [2]}': True,
    '{"in0": [1.5], "in1": [2], "label": 1}': False,
    '{"in0": [1], "in1": [2], "label": 1': False,
    '{"in0": [null], "in1": [2], "label": 1}': False,
    "null": False,
    "{}{}": False,
}


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_lines_is_sorted_rightly(write, seed):
    rng = random.Random(seed)
    # From all good to mostly bad.
    choices = rng.choices(list(LINES), [9 - seed] * 3 + [seed / 6] * 6, k=900)
    text, good, bad, number = "", [], [], 1
    for line in choices:
        blank = rng.choice(["", "", "\n", " \r\n"])
        number += bool(blank)
        (good if LINES[line] else bad).append(number)
        number += 1
        text += blank + line + rng.choice(["\n", "\r\n"])
    path = write(text.encode("latin-1"))
    pairs, rejected = read(path, rows=rng.choice([10, 99, None]))
    assert list(pairs) == good
    assert list(rejected) == bad


def test_big_file_without_one_good_line_is_soon_diagnosed(write):
    path = write("\n".join([GOOD[:-3]] * 20_000))
    pairs, rejected = read(path)
    assert pairs == {}
    assert len(rejected) == 20_000


@pytest.mark.parametrize(
    "names",
    [
        ['"a"', '"b \\"c\\""', '"\\u00fc"'],
        ["7", "-8", "99999999999999999999"],
        ["7", '"a"', "7.5"],
        ['"a"', "7", "true"],
        ['"2020-01-01"', "null", '{"a": 1}'],
    ],
    ids=["texts", "integers", "numbers", "mixed", "others"],
)
def test_values_of_any_type_beside_ids(write, names):
    path = write("\n".join(f'{{"name": {name}, "in0": [1]}}' for name in names))
    columns = {"in0": COLUMNS["in0"], "name": Column("name", "json")}
    values, rejected = read(path, columns)
    assert rejected == {}
    expected = [parse_record(f'{{"name": {n}}}', columns)[0] for n in names]
    assert [name for _, name in values.values()] == [
        record.get("name") for record in expected
    ]


def test_a_field_may_be_asked_for_as_two_kinds(write):
    path = write('{"in0": "a"}\n')
    columns = {"in0": COLUMNS["in0"], "name": Column("in0", "json")}
    rejected = {1: ["in0: a text in place of ids: in0='a'"]}
    assert read(path, columns) == ({}, rejected)
    path = write('{"in0": 5}\n')
    assert read(path, columns) == ({1: [[5], "5"]}, {})


def test_a_value_too_deep_to_be_written_is_a_fault(write):
    columns = {"in0": COLUMNS["in0"], "name": Column("name", "json")}
    depths = range(sys.getrecursionlimit())
    lines = [f'{{"in0": 1, "name": {"[" * n}{"]" * n}}}' for n in depths[500:]]
    values, rejected = read(write("\n".join(lines)), columns)
    assert len(values) + len(rejected) == len(lines)
    assert rejected
