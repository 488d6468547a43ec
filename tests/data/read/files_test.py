import datetime
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.record import Column

COLUMNS = {
    "in0": Column("plot", "text"),
    "in1": Column("user", "ids"),
    "label": Column("liked", "number"),
}
ROWS = [
    {"plot": "a dog", "user": [7, 8], "liked": 1.0},
    {"plot": "", "user": [], "liked": -2.5},
    {"plot": 'he said "hi",\ntwice', "user": [3], "liked": 0.0},
    {"plot": "näh 犬", "user": [2**63 - 1, 0], "liked": 1e-3},
]


def as_json(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows):
    lines = ["liked,extra,plot,user"]
    for row in rows:
        plot = '"' + row["plot"].replace('"', '""') + '"'
        ids = " ".join(map(str, row["user"]))
        lines.append(f"{row['liked']},x,{plot},{ids}")
    return "\r\n".join(lines).encode()


def as_parquet(rows, path):
    pq.write_table(pa.Table.from_pylist(rows), path)


def read(path, rows=None, columns=COLUMNS):
    """Rows by number, and faults by number."""
    found, rejected = {}, {}
    for piece in read_blocks(str(path), columns, rows):
        values = piece.table.to_pylist()
        found |= dict(zip(piece.numbers.tolist(), values, strict=True))
        for number, _, faults in piece.rejected:
            rejected[number] = [str(fault) for fault in faults]
    return found, rejected


def renamed(row):
    return {f: row.get(column.name) for f, column in COLUMNS.items()}


@pytest.mark.parametrize("rows", [None, 1, 2, 3])
@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", "json.gz"])
def test_all_formats_give_the_same_values(tmp_path, ending, rows):
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        as_parquet(ROWS, path)
    else:
        content = (as_csv if ending == "csv" else as_json)(ROWS)
        path.write_bytes(
            gzip.compress(content) if ending.endswith("gz") else content
        )
    found, rejected = read(path, rows)
    assert list(found.values()) == [renamed(row) for row in ROWS]
    assert rejected == {}


def test_csv_rows_are_named_by_their_first_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(as_csv(ROWS) + b"\r\n\r\nx,y\r\n")
    found, rejected = read(tmp_path / "a.csv")
    assert list(found) == [2, 3, 4, 6]
    assert rejected == {8: ["record: wrong number of fields: 2 of 4"]}


def test_quotes_mean_nothing_in_tsv(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text('plot\tuser\tliked\n"Yes," he\t1\t1\n"\t2\t0\n')
    found, rejected = read(path)
    assert [row["in0"] for row in found.values()] == ['"Yes," he', '"']
    assert rejected == {}


def test_ids_alone_are_lists_of_one(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(
        b'{"plot": "a", "user": 5, "liked": 1}\n'
        b'{"plot": "b", "user": 6, "liked": 1}\n'
    )
    (tmp_path / "b.jsonl").write_bytes(
        b'{"plot": "a", "user": 5, "liked": 1}\n'
        b'{"plot": "b", "user": [6], "liked": 1}\n'
    )
    users = pa.array([5, 6], pa.uint16())
    table = pa.table({"plot": ["a", "b"], "user": users, "liked": [1, 1]})
    pq.write_table(table, tmp_path / "c.parquet")
    for name in ("a.jsonl", "b.jsonl", "c.parquet"):
        found, _ = read(tmp_path / name)
        assert [row["in1"] for row in found.values()] == [[5], [6]]


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ('{"plot": "a", "user": [1]', ["record: malformed JSON"]),
        ("[1]", ["record: no JSON object"]),
        ('{"plot": 3, "user": [1], "liked": 1}', ["in0: ids in place of"]),
        ('{"plot": [3], "user": [1], "liked": 1}', ["in0: ids in place of"]),
        ('{"plot": ["x"], "user": [1], "liked": 1}', ["in0: no text"]),
        ('{"plot": "a", "user": "a b", "liked": 1}', ["in1: a text in place"]),
        ('{"plot": "a", "user": [1, null], "liked": 1}', ["in1: non-integer"]),
        ('{"plot": "a", "user": 1.5, "liked": 1}', ["in1: no list"]),
        (
            '{"plot": "a", "user": 1, "liked": "neutral"}',
            ["label: no number: liked='neutral'"],
        ),
        (
            '{"plot": "a", "user": 9223372036854775808, "liked": 1e999}',
            ["in1: id beyond 64 bits", "label: not finite"],
        ),
        (
            '{"plot": "a", "plot": "b", "user": 1, "liked": 1}',
            ['in0: repeated: "plot" is there 2 times'],
        ),
        (r'{"plot": "\ud800", "user": 1, "liked": 1}', ["in0: no UTF-8"]),
        (
            b'{"plot": "caf\xe9", "user": [1], "liked": 1}',
            ["in0: no UTF-8"],
        ),
        ("[" * 100_000, ["record: malformed JSON: nested too deep"]),
    ],
)
def test_json_faults_are_told_by_line(tmp_path, line, faults):
    line = line if isinstance(line, bytes) else line.encode()
    content = [as_json(ROWS[:2]), line, b"\n", as_json(ROWS[2:])]
    (tmp_path / "a.jsonl").write_bytes(b"".join(content))
    found, rejected = read(tmp_path / "a.jsonl")
    assert list(rejected) == [3]
    assert len(rejected[3]) == len(faults)
    for fault, expected in zip(rejected[3], faults, strict=True):
        assert fault.startswith(expected)
    assert list(found) == [1, 2, 4, 5]
    assert list(found.values()) == [renamed(row) for row in ROWS]


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        (b"neutral,x,a,1", ["label: no number: liked='neutral'"]),
        (b"nan,x,a,1", ["label: no number: liked='nan'"]),
        (b"1_0,x,a,1", ["label: no number: liked='1_0'"]),
        (b" ,x,a,1", ["label: missing: liked=' '"]),
        (b"1,x,a,A dog", ["in1: a text in place of ids: user='A dog'"]),
        (b"1,x,a,1.0", ["in1: non-integer id: user='1.0'"]),
        (b"1,x,a,1 9223372036854775808", ["in1: id beyond 64 bits"]),
        (b"?,x,a,?", ["in1: a text in place", "label: no number"]),
        (b"1,x,a", ["record: wrong number of fields: 3 of 4"]),
        (b"1,x,a,1,2", ["record: wrong number of fields: 5 of 4"]),
        (b'1,x,"a"b,1', ["record: broken quoting: a field does not end"]),
        (b"1,x,a\rb,1", ["record: broken quoting: a field does not end"]),
        (
            b"1,x,caf\xe9,1",
            ["record: no UTF-8: byte 0xe9 at character 8"],
        ),
    ],
)
def test_csv_faults_are_told_by_line(tmp_path, line, faults):
    (tmp_path / "a.csv").write_bytes(
        as_csv(ROWS[:1]) + b"\n" + line + b"\n1,x,after,2"
    )
    found, rejected = read(tmp_path / "a.csv")
    assert list(rejected) == [3]
    assert len(rejected[3]) == len(faults)
    for fault, expected in zip(rejected[3], faults, strict=True):
        assert fault.startswith(expected)
    assert found[4] == {"in0": "after", "in1": [2], "label": 1.0}


@pytest.mark.parametrize("text", ["1", "+1.5", ".5", "2.", "-3e-2", " 7 "])
def test_csv_numbers_are_read(tmp_path, text):
    (tmp_path / "a.csv").write_text(f"plot,user,liked\na,1,{text}\n")
    found, _ = read(tmp_path / "a.csv")
    assert found[2]["label"] == float(text)


def test_a_quote_that_is_never_closed_is_told(tmp_path):
    (tmp_path / "a.csv").write_text('plot,user,liked\na,1,1\n"b,2,1\nc,3,1\n')
    found, rejected = read(tmp_path / "a.csv")
    assert list(found) == [2, 4]
    assert "line and is never closed; 1 of the 1 lines after" in rejected[3][0]
    (tmp_path / "b.csv").write_text('plot,user,liked\na,1,1\n"b,2,1\nc\n')
    found, rejected = read(tmp_path / "b.csv")
    assert list(found) == [2]
    assert "unexpected end of data" in rejected[3][0]


def csv_rows(count):
    return ["plot,user,liked", *(f"text {i},{i},1" for i in range(count))]


@pytest.mark.parametrize("rows", [None, 7])
@pytest.mark.parametrize(
    ("closing", "words"),
    [
        (None, "is not closed up to line 1002; 999 of the 999 lines"),
        (6, "is closed in line 9; 6 of the 6 lines"),
        (298, "is closed in line 301; 298 of the 298 lines"),
        (900, "ends badly in line 903; 900 of the 900 lines"),
    ],
)
def test_a_quote_left_open_loses_no_other_row(tmp_path, rows, closing, words):
    lines = csv_rows(2000)
    lines[2] = '"' + lines[2]
    if closing:
        after = " b" if "badly" in words else ""
        lines[2 + closing] = f'text"{after},8,1'
    (tmp_path / "a.csv").write_text("\n".join(lines))
    found, rejected = read(tmp_path / "a.csv", rows)
    assert list(rejected) == [3]
    assert rejected[3][0].startswith("record: open quote: a quote is opened")
    assert f"{words} after it look like rows" in rejected[3][0]
    assert [*found] == [2, *range(4, 2002)]


def test_texts_of_many_lines_are_not_suspected(tmp_path):
    lines = csv_rows(3)
    text = "eggs, 2, large\nmilk\n\nbread, 1, white\n" * 30
    lines[2:2] = [f'"{text}",5,0']
    (tmp_path / "a.csv").write_text("\n".join(lines))
    found, rejected = read(tmp_path / "a.csv", rows=2)
    assert not rejected and len(found) == 4
    assert found[3] == {"in0": text, "in1": [5], "label": 0.0}


def test_where_no_number_tells_rows_more_lines_are_suspicious(tmp_path):
    columns = {"in0": Column("plot", "text")}
    for count in (18, 22):
        poem = "so much depends, upon\n" * count
        (tmp_path / "a.csv").write_text(f'plot,x\n"{poem}",1\nb,2\n')
        _, rejected = read(tmp_path / "a.csv", columns=columns)
        assert (2 in rejected) == (count == 22)


def test_a_long_text_is_read(tmp_path):
    text = "a" * 1_000_000
    (tmp_path / "a.csv").write_text(f"plot,user,liked\n{text},1,1\n")
    found, _ = read(tmp_path / "a.csv")
    assert found[2]["in0"] == text


def test_parquet_rows_with_faults_are_told(tmp_path):
    users = pa.array([[1], [1, None], None, [2**64 - 1]], pa.list_(pa.uint64()))
    plots = pa.array([b"a", b"b", b"c", b"d"])
    table = pa.table({"plot": plots.cast(pa.string()), "user": users})
    table = table.append_column("liked", pa.array([1, 2, 3, None]))
    pq.write_table(table, tmp_path / "a.parquet")
    found, rejected = read(tmp_path / "a.parquet")
    assert list(found) == [0, 2]
    assert found[2] == {"in0": "c", "in1": None, "label": 3.0}
    assert rejected[1] == ["in1: non-integer id: user[1]=None"]
    assert rejected[3][0].startswith("in1: id beyond 64 bits")


def test_parquet_bytes_that_are_no_text_are_told(tmp_path):
    offsets = pa.py_buffer(np.array([0, 1, 2], np.int32))
    plots = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"\xe9a"))
    table = pa.table({"plot": plots, "user": [1, 2], "liked": [1, 1]})
    pq.write_table(table, tmp_path / "a.parquet")
    found, rejected = read(tmp_path / "a.parquet")
    assert list(found) == [1]
    assert rejected == {
        0: ['in0: no UTF-8: "plot" holds bytes that are no UTF-8']
    }


def test_parquet_names_all_columns_that_do_not_fit(tmp_path):
    table = pa.table({"plot": [1], "user": ["a"]})
    pq.write_table(table, tmp_path / "a.parquet")
    message = (
        'column "plot" is int64, must be text, .*; column "user" is string, '
        'must be integers .* enc0_tokenizer "words"; no column "liked". '
        "Its columns: plot, user"
    )
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv: holds no line"),
        ("a.csv", b"plot,user,liked\n", "a.csv: holds no record"),
        (
            "a.csv",
            b"plot,user\n",
            'no column "liked". Columns by its first line, .* plot, user',
        ),
        ("a.csv", b"plot,plot,user,liked\n", 'several columns "plot"'),
        ("a.csv", b"\xff\xfep\x00", "a.csv:1: the line of names: no UTF-8"),
        (
            "a.jsonl",
            b'{"plot": "a", "user": 1}\n',
            "no row has a value in the column liked. .*: plot, user",
        ),
        ("a.txt", b"", "unknown ending. Known are .parquet, .tfrecord"),
    ],
)
def test_files_that_cannot_be_read_are_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


def test_records_are_given_as_written(tmp_path):
    (tmp_path / "a.csv").write_bytes(as_csv(ROWS) + b"\r\n")
    (piece,) = read_blocks(str(tmp_path / "a.csv"), COLUMNS)
    assert piece.record(2) == '0.0,x,"he said ""hi"",\ntwice",3'
    (tmp_path / "a.jsonl").write_bytes(as_json(ROWS))
    (piece,) = read_blocks(str(tmp_path / "a.jsonl"), COLUMNS)
    assert piece.record(0) == json.dumps(ROWS[0])
    as_parquet(ROWS, tmp_path / "a.parquet")
    (piece,) = read_blocks(str(tmp_path / "a.parquet"), COLUMNS)
    assert json.loads(piece.record(3)) == ROWS[3]


def test_parquet_columns_of_one_name_are_an_error(tmp_path):
    columns = [*map(pa.array, (["a"], ["b"], [[1]], [1]))]
    table = pa.Table.from_arrays(columns, ["plot", "plot", "user", "liked"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match='several columns "plot"'):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    "cell", ["7 8", "7,8", "7|8", "7;8", "[7, 8]", " 7 , 8 ", "[7 8]"]
)
def test_csv_cells_of_several_ids(tmp_path, cell):
    (tmp_path / "a.csv").write_text(f'plot,user,liked\na,"{cell}",1\n')
    found, rejected = read(tmp_path / "a.csv")
    assert not rejected
    assert found[2]["in1"] == [7, 8]


@pytest.mark.parametrize("cell", ["[7", "7]", "7,,8", "7,", "|7", "[[7]]"])
def test_csv_cells_that_are_no_list_are_told(tmp_path, cell):
    (tmp_path / "a.csv").write_text(f'plot,user,liked\na,"{cell}",1\n')
    found, rejected = read(tmp_path / "a.csv")
    assert rejected[2] == [f"in1: non-integer id: user='{cell}'"]


def test_values_of_any_type_come_as_json(tmp_path):
    rows = [{"name": "a"}, {"name": 7}, {"name": [7, "ä"]}, {"name": None}]
    (tmp_path / "a.jsonl").write_bytes(as_json(rows))
    (tmp_path / "a.csv").write_text("name\na\n7\n")
    table = pa.table({"name": [[7, 8], None, []]})
    pq.write_table(table, tmp_path / "a.parquet")
    dates = pa.table({"name": [datetime.date(2020, 1, 2)]})
    pq.write_table(dates, tmp_path / "dates.parquet")
    expected = {
        "a.jsonl": ['"a"', "7", '[7, "ä"]', None],
        "a.csv": ['"a"', '"7"'],
        "a.parquet": ["[7, 8]", None, "[]"],
        "dates.parquet": ['{"date": "2020-01-02"}'],
    }
    columns = {"name": Column("name", "json")}
    for name, values in expected.items():
        found, rejected = read(tmp_path / name, columns=columns)
        assert [row["name"] for row in found.values()] == values
        assert not rejected
    with pytest.raises(DataError, match="TFRecord files hold ids only"):
        read(tmp_path / "a.tfrecord", columns=columns)


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", "plot,user,liked\n", 0),
        ("a.jsonl", "\n", 0),
        ("b.jsonl", "{}", 1),
    ],
)
def test_a_file_may_be_empty(tmp_path, name, content, rows):
    (tmp_path / name).write_text(content)
    blocks = read_blocks(str(tmp_path / name), COLUMNS, may_be_empty=True)
    assert sum(len(block.numbers) for block in blocks) == rows
