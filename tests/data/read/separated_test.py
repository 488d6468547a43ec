"""Arrow and Python's strict `csv` read alike, whichever takes a chunk."""

import random

import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read import separated
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.record import Column

COLUMNS = {
    "in0": Column("plot", "text"),
    "in1": Column("films", "ids"),
    "label": Column("seen", "number"),
}
FIELDS = {
    "csv": ["a dog", '"a, dog"', '"say ""hi"""', '""', "", "näh 犬", '"""a"""'],
    "tsv": ["a dog", '"a', 'he said "hi"', "", "näh 犬", "a, b"],
}
IDS = ["7", "7 8", "[7, 8]", "", "-3", " 7  8 ", "123456789012345678"]
ODD = {
    "csv": [
        'a "dog",7,1',
        '"a dog"b,7,1',
        '"over\ntwo lines",7,1',
        '"a, dog",7 x,1',
        "a,7",
        "a,7,1,1",
        "a,7,one",
        "a,99999999999999999999,1",
        "a\rb,7,1",
        " ",
        '"a"" b",7,1',
    ],
    "tsv": ["a\t7", "a\t7\t1\t1", "a\t7\tone", "a\t7 x\t1", "a\rb\t7\t1"],
}


@pytest.mark.parametrize("separator", ["\t", ",", ";", "|", "::", " "])
def test_columns_count_from_1_without_a_line_of_names(tmp_path, separator):
    path = tmp_path / "u.data"
    lines = [["7", "4.5", "a"], ["8", "3", "b"], ["9", "x", "c"], ["1"]]
    path.write_text("".join(separator.join(line) + "\n" for line in lines))
    columns = {
        "user": Column("1", "ids"),
        "stars": Column("2", "number"),
        "name": Column("3", "text"),
    }
    separation = separated.Separation(separator, header=False)
    (block,) = read_blocks(str(path), columns, separation=separation)
    assert block.table.to_pylist() == [
        {"user": [7], "stars": 4.5, "name": "a"},
        {"user": [8], "stars": 3.0, "name": "b"},
    ]
    assert block.numbers.tolist() == [1, 2]
    kinds = [(r.number, r.faults[0].kind) for r in block.rejected]
    assert sorted(kinds) == [(3, "no number"), (4, "wrong number of fields")]


def test_columns_without_names_are_listed_by_number(tmp_path):
    path = tmp_path / "u.data"
    path.write_text('\n"a, b",c\n')
    separation = separated.Separation(",", header=False)
    columns = {"user": Column("user", "text")}
    message = 'no column "user". Its columns, without a line of names: 1, 2$'
    with pytest.raises(DataError, match=message):
        list(read_blocks(str(path), columns, separation=separation))
    path.write_text("")
    with pytest.raises(DataError, match="holds no line"):
        list(read_blocks(str(path), columns, separation=separation))


def read(path, rows=None):
    """Values, records and faults by line."""
    found, rejected = {}, {}
    for block in read_blocks(str(path), COLUMNS, rows):
        for row, number in enumerate(block.numbers.tolist()):
            values = {n: block.table[n][row].as_py() for n in COLUMNS}
            found[number] = (values, block.record(row))
        for number, record, faults in block.rejected:
            rejected[number] = (record, faults)
    return found, rejected


def text_of(rng, ending, odd):
    """A file of which a share of the lines is odd."""
    joint = {"csv": ",", "tsv": "\t"}[ending]
    lines = [joint.join(["plot", "films", "seen"])]
    for _ in range(300):
        if rng.random() < odd:
            lines.append(rng.choice(ODD[ending]))
            continue
        ids = rng.choice(IDS)
        ids = f'"{ids}"' if "," in ids and ending == "csv" else ids
        label = rng.choice(["1", "0.5", " 2", "+3e1"])
        lines.append(joint.join([rng.choice(FIELDS[ending]), ids, label]))
        lines += [""] * rng.choice([0, 0, 0, 1])
    return rng.choice(["\n", "\r\n"]).join([*lines, *[""] * rng.choice([0, 1])])


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("odd", [0, 0.01, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_arrow_and_python_read_alike(tmp_path, monkeypatch, ending, odd, seed):
    rng = random.Random(seed)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(text_of(rng, ending, odd).encode())
    taken = []
    regular_of = separated._Regular.of

    def count(*arguments):
        found = regular_of(*arguments)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(separated._Regular, "of", count)
    by_arrow = [read(path, rows) for rows in (None, 1, 5)]
    assert any(taken)
    assert all(taken) or odd
    assert not all(taken) or odd < 0.2
    monkeypatch.setattr(separated._Regular, "of", lambda *_: None)
    by_python = read(path)
    assert by_arrow == [by_python] * 3
    assert odd or not by_python[1]
    assert odd < 0.2 or by_python[1]


def test_a_single_column_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('plot\na\n\n"b, c"\n""\n')
    columns = {"plot": COLUMNS["in0"]}
    (block,) = read_blocks(str(path), columns)
    assert block.table["plot"].to_pylist() == ["a", "b, c", ""]
    assert block.numbers.tolist() == [2, 4, 5]
