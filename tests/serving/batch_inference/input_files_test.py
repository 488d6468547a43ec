import gzip
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf
import zstandard

from serving.batch_inference.input_files import expand_inputs
from serving.batch_inference.input_files import input_fields
from serving.batch_inference.input_files import read_windows
from serving.row_batches import batch_inputs

SOUND = b'{"in0": [1, 2], "in1": [3], "label": 1}'
SIDES = {"in0": "in0", "in1": "in1"}
IN0 = {"in0": "in0"}
PACK = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}


def _windows(path, content, columns=SIDES, rows=100, names=None, texts=()):
    if isinstance(content, pa.Table):
        pyarrow.parquet.write_table(content, path, row_group_size=3)
    else:
        path.write_bytes(content)
    fields = input_fields(columns, names, texts)
    return list(read_windows([str(path)], fields, rows))


def _lists(records):
    return {
        side: [column[row].tolist() for row in range(len(column))]
        for side, column in records.columns.items()
    }


def _texts(records, side="in0"):
    rows = range(len(records.columns[side]))
    sound = [row for row in rows if row not in records.reasons]
    return batch_inputs(records.columns, np.array(sound))[side].tolist()


BAD_LINES = {
    "blank": (b"", "malformed JSON: the line is blank"),
    "no_json": (b'{"in0": [1]', "malformed JSON: Expecting ',' delimiter, at"),
    "two": (SOUND + SOUND, "malformed JSON: more text after the record, at"),
    "list": (b"[1, 2]", "no JSON object: the line is [1, 2]"),
    "null": (b"null", "no JSON object: the line is null"),
    "absent_side": (b'{"in0": [1]}', 'missing: no "in1"'),
    "null_side": (b'{"in0": [1], "in1": null}', 'missing: no "in1"'),
    "empty": (b'{"in0": [1], "in1": []}', '"in1" is empty'),
    "negative": (b'{"in0": [4, -4], "in1": [1]}', '"in0" holds -4; ids count'),
    "float": (b'{"in0": [1.0], "in1": [1]}', "non-integer id: in0[0]=1.0"),
    "bool": (b'{"in0": [true], "in1": [1]}', "non-integer id: in0[0]=True"),
    "null_id": (b'{"in0": [null], "in1": [1]}', "non-integer id: in0[0]=None"),
    "word": (b'{"in0": "a", "in1": [1]}', "a text in place of ids: in0='a'"),
    "huge": (
        b'{"in0": [9223372036854775808], "in1": [1]}',
        "id beyond 64 bits: in0[0]=9223372036854775808",
    ),
    "twice": (
        b'{"in0": [1], "in0": [2], "in1": [1]}',
        'repeated: "in0" is there 2 times',
    ),
    "both": (
        b'{"in0": "a", "in1": []}',
        "a text in place of ids: in0='a'",
    ),
    "deep": (b'{"x": ' + b"[" * 100_000 + b"}", "malformed JSON: nested too"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_line_costs_only_itself(tmp_path, line, reason):
    text = b"\n".join([SOUND, line, SOUND])
    (window,) = _windows(tmp_path / "a.jsonl", text)
    records = window.parse()
    assert list(records.reasons) == [1]
    assert records.reasons[1].startswith(reason)
    in0 = _lists(records)["in0"]
    assert (in0[0], in0[2]) == ([1, 2], [1, 2])
    assert window.record(1) == line.decode()


def test_objects_over_line_breaks_do_not_shift_rows(tmp_path):
    # As many objects as lines, but not one a line.
    text = SOUND + SOUND + b'\n{"in0": [1],\n"in1": [2]}\n'
    (window,) = _windows(tmp_path / "a.jsonl", text)
    assert sorted(window.parse().reasons) == [0, 1, 2]


@pytest.mark.parametrize("ending", [b"", b"\n"], ids=["cut", "ended"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("eol", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_sound_lines(tmp_path, ending, mark, eol):
    text = mark + SOUND + eol + b' {"in1":[4,5],"in0":6} ' + ending
    (window,) = _windows(tmp_path / "a.jsonl", text)
    records = window.parse()
    assert records.reasons == {}
    assert _lists(records) == {"in0": [[1, 2], [6]], "in1": [[3], [4, 5]]}


def test_one_side_needs_no_other(tmp_path):
    text = b'{"in0": [7]}\n{"in0": [8], "in1": "?"}\n'
    (window,) = _windows(tmp_path / "a.jsonl", text, IN0)
    assert _lists(window.parse()) == {"in0": [[7], [8]]}


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"\xef\xbb\xbf", []),
        (b"1\n2", ["1", "2"]),
        (b"\n", [""]),
        (b"1\n\n2\n\n", ["1", "", "2", ""]),
    ],
    ids=["none", "mark", "short", "blank", "blank_at_the_end"],
)
def test_each_line_is_a_row(tmp_path, text, lines, rows):
    windows = _windows(tmp_path / "a.jsonl", text, rows=rows)
    assert [len(w) for w in windows] == [
        len(lines[start : start + rows]) for start in range(0, len(lines), rows)
    ]
    found = {
        int(window.numbers[row]): window.record(row)
        for window in windows
        for row in window.parse().reasons
    }
    assert found == dict(enumerate(lines, 1))


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_lines(tmp_path, ending):
    path = tmp_path / f"a.jsonl{ending}"
    text = b"".join(b'{"in0": [%d]}\n' % n for n in range(1, 101))
    # Two streams one after the other, as `cat` makes them.
    windows = _windows(path, PACK[ending](text) * 2, IN0, rows=64)
    ids = [_lists(window.parse())["in0"] for window in windows]
    assert sum(ids, []) == [[n] for n in range(1, 101)] * 2
    assert [window.first_line for window in windows] == [1, 65, 129, 193]
    assert windows[-1].bytes_read == path.stat().st_size


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".csv.gz"])
def test_a_cut_off_file_is_an_error(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    text = np.random.default_rng(0).bytes(9000).hex().encode()
    packed = PACK[path.suffix](b"in0,in1\n" + text)
    with pytest.raises(ValueError, match=f"a{ending}: is cut off"):
        _windows(path, packed[:-2000], rows=10)


def test_a_file_packed_otherwise_than_it_is_named_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="a.jsonl: is a gzip file. Add .gz"):
        _windows(tmp_path / "a.jsonl", gzip.compress(SOUND))


def test_globs_are_sorted_and_files_kept_apart(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_bytes(SOUND + b"\n" + SOUND)
    files = expand_inputs([str(tmp_path / "*.jsonl")])
    windows = list(read_windows(files, input_fields(IN0), 100))
    assert [window.file for window in windows] == [
        str(tmp_path / "a.jsonl"),
        str(tmp_path / "b.jsonl"),
    ]
    assert [window.key for window in windows] == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["none*.jsonl"], "none.*: matches no file"),
        (["a.txt"], "a.txt: has an unknown ending. Known are .parquet"),
        (["a.jsonl", "*.jsonl"], "a.jsonl: is named twice"),
        (["empty"], "is a folder without files. Name files"),
        (["s3://a/b.jsonl"], "s3://a/b.jsonl: must be a file of this machine"),
    ],
    ids=["absent", "other_kind", "twice", "folder", "remote"],
)
def test_wrong_inputs_are_refused(tmp_path, names, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for name in ("a.txt", "a.jsonl", "empty/_SUCCESS"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        expand_inputs(names)


def test_a_folder_is_the_data_in_it(tmp_path):
    for name in ("b.csv", "a.jsonl", "_manifest.json", ".b.csv.crc"):
        (tmp_path / name).touch()
    files = (str(tmp_path / "a.jsonl"), str(tmp_path / "b.csv"))
    assert expand_inputs([str(tmp_path)]) == files
    assert expand_inputs([f"{tmp_path}/*"]) == files


TEXT_LINES = {
    "sound": (b'{"in0": "a dog", "in1": [3]}', b"a dog"),
    "empty": (b'{"in0": "", "in1": [3]}', b""),
    "digits": (b'{"in0": "42", "in1": [3]}', b"42"),
    "escapes": (
        b'{"in0": "\\ud83d\\ude00\\n", "in1": [3]}',
        b"\xf0\x9f\x98\x80\n",
    ),
    "date": (b'{"in0": "2020-01-01", "in1": [3]}', b"2020-01-01"),
}


@pytest.mark.parametrize("bad", [None, b"{}"], ids=["alone", "beside_a_bad"])
@pytest.mark.parametrize(("line", "text"), TEXT_LINES.values(), ids=TEXT_LINES)
def test_texts_beside_ids(tmp_path, line, text, bad):
    lines = b"\n".join([line, bad] if bad else [line])
    (window,) = _windows(tmp_path / "a.jsonl", lines, texts={"in0"})
    records = window.parse()
    assert records.reasons == ({1: 'missing: no "in0"'} if bad else {})
    assert _texts(records) == [text]
    assert _texts(records, "in1") == [[3]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"in0": 5}', "ids in place of a text: in0=5"),
        (b'{"in0": null}', 'missing: no "in0"'),
        (b'{"in1": "a"}', 'missing: no "in0"'),
        (b'{"in0": "\\ud800"}', "no UTF-8: in0='\\ud800'"),
        (b'{"in0": "a", "in0": "b"}', 'repeated: "in0" is there 2 times'),
        (b'{"in0": "\xff"}', "no UTF-8: in0='\\udcff'"),
    ],
    ids=["ids", "null", "absent", "surrogate", "twice", "no_utf8"],
)
def test_line_without_a_text_costs_only_itself(tmp_path, line, reason):
    text = b"\n".join([b'{"in0": "a"}', line, b'{"in0": ""}'])
    (window,) = _windows(tmp_path / "a.jsonl", text, IN0, texts={"in0"})
    records = window.parse()
    assert records.reasons == {1: reason}
    assert _texts(records) == [b"a", b""]


@pytest.mark.parametrize("bad", [[], [b'{"id": 8, "in0": "?"}', b"?"]])
def test_a_record_without_sides_may_have_a_name(tmp_path, bad):
    lines = [b'{"in0": 1, "id": "u"}', b'{"id": 7, "in0": [2]}', *bad]
    text = b"\n".join(lines)
    (window,) = _windows(tmp_path / "a.jsonl", text, IN0, names="id")
    records = window.parse()
    assert records.names == ["u", 7, 8, None][: len(lines)]
    assert sorted(records.reasons) == [2, 3][: len(bad)]
    assert window.id_column == "id"


def test_lines_are_sent_to_another_process_and_parsed_there(tmp_path):
    text = b'{"in0": "a"}\n?'
    (window,) = _windows(tmp_path / "a.jsonl", text, IN0)
    window = pickle.loads(pickle.dumps(window)).of_texts({"in0"})
    assert _texts(window.parse()) == [b"a"]
    window = pickle.loads(pickle.dumps(window))
    assert window.record(1) == "?"


CSV_COLUMNS = {"in0": "user", "in1": "plot"}
CSV = (
    b"plot,user,id\n"
    b"a dog,1 2,u1\n"
    b"\n"
    b'"a, ""long""\ncat",3,u2\n'
    b"a,b,c,d\n"
    b",4,7\n"
    b"x,,u4\n"
    b"x,-5,u5\n"
    b"x,1.5,u6\n"
    b"x,99999999999999999999,u7\n"
    b"last,8,\n"
)
CSV_RECORDS = [record.decode() for record in CSV.split(b"\n")]
# Broken records have no text.
CSV_TEXTS = [
    b"a dog",
    b'a, "long"\ncat',
    None,
    b"",
    b"x",
    b"x",
    None,
    None,
    b"last",
]
CSV_REASONS = {
    2: "wrong number of fields: 4 of 3",
    4: '"user" is empty',
    5: '"user" holds -5; ids count from 0',
    6: "non-integer id: user='1.5'",
    7: "id beyond 64 bits: user='99999999999999999999'",
}


@pytest.mark.parametrize("rows", [1, 2, 100])
@pytest.mark.parametrize("ending", PACK)
def test_each_record_is_a_row(tmp_path, ending, rows):
    path = tmp_path / f"a.csv{ending}"
    windows = _windows(
        path, PACK[ending](CSV), CSV_COLUMNS, rows, "id", {"in1"}
    )
    assert [w.key for w in windows] == [(0, n) for n in range(len(windows))]
    texts, ids, names, reasons, lines, done = [], [], [], {}, [], []
    for window in windows:
        found = window.parse()
        for row, reason in found.reasons.items():
            reasons[len(names) + row] = reason
            place = window.numbers[row] - 1
            assert window.record(row) == CSV_RECORDS[place]
        texts += found.columns["in1"].to_pylist()
        column = found.columns["in0"]
        ids += [column[row].tolist() for row in range(len(window))]
        names += found.names
        lines += window.numbers.tolist()
        done.append(window.bytes_read)
    assert texts == CSV_TEXTS
    assert names == ["u1", "u2", None, "7", "u4", "u5", None, None, ""]
    assert reasons == CSV_REASONS
    assert lines == [2, 4, 6, 7, 8, 9, 10, 11, 12]
    assert (ids[0], ids[1], ids[3], ids[8]) == ([1, 2], [3], [4], [8])
    assert windows[0].record(0) == "a dog,1 2,u1"
    assert done == sorted(done)
    if not ending:
        assert 0 < done[-1] <= len(CSV)


def test_tabs_and_no_quotes_in_tsv(tmp_path):
    text = b'plot\tuser\na "dog\t7\n'
    path = tmp_path / "a.tsv"
    (window,) = _windows(path, text, CSV_COLUMNS, texts={"in1"})
    found = window.parse()
    assert found.columns["in1"].to_pylist() == [b'a "dog']
    assert found.columns["in0"][0].tolist() == [7]
    assert found.reasons == {}


def test_a_missing_column_of_csv_is_named(tmp_path):
    with pytest.raises(ValueError, match='a.csv: no column "plot". Columns'):
        _windows(tmp_path / "a.csv", b"user,text\n1,2\n", CSV_COLUMNS)


def test_a_file_of_names_alone_has_no_row(tmp_path):
    assert _windows(tmp_path / "a.csv", b"user,plot\n", CSV_COLUMNS) == []


ID_TYPES = {
    "int64": pa.list_(pa.int64()),
    "int32": pa.list_(pa.int32()),
    "large": pa.large_list(pa.uint64()),
    "fixed": pa.list_(pa.int16(), 2),
}


@pytest.mark.parametrize("type_", ID_TYPES.values(), ids=ID_TYPES)
def test_rows_of_integer_lists(tmp_path, type_):
    rows = [[n, n + 1] for n in range(1, 8)]
    table = pa.table({"in0": pa.array(rows, type_), "label": range(7)})
    windows = _windows(tmp_path / "a.parquet", table, IN0, rows=2)
    found = [_lists(window.parse())["in0"] for window in windows]
    assert sum(found, []) == rows
    numbers = [window.numbers.tolist() for window in windows]
    assert sum(numbers, []) == [*range(1, 8)]
    assert windows[-1].bytes_read == (tmp_path / "a.parquet").stat().st_size


def test_bad_rows_of_parquet_have_reason_and_record(tmp_path):
    rows = [[1], None, [], [2, None], [2**63], [5]]
    table = pa.table(
        {
            "in0": pa.array(rows, pa.list_(pa.uint64())),
            "id": ["a", "b", "c", "d", "e", None],
        }
    )
    (window,) = _windows(tmp_path / "a.parquet", table, IN0, names="id")
    records = window.parse()
    assert records.reasons == {
        1: 'missing: no "in0"',
        2: '"in0" is empty',
        3: "non-integer id: in0[1]=None",
        4: "id beyond 64 bits: in0[0]=9223372036854775808",
        5: '"id" names the row and must be a text or an integer: null',
    }
    assert records.names == ["a", "b", "c", "d", "e", None]
    assert window.record(3) == '{"in0": [2, null], "id": "d"}'
    assert window.record(1) == '{"in0": null, "id": "b"}'


@pytest.mark.parametrize(
    ("columns", "texts", "message"),
    [
        ({"in1": [[1]]}, (), 'no column "in0". Its columns: in1'),
        ({"in0": [[1.5]]}, (), 'column "in0" is .*double.*, must be integers'),
        ({"in0": ["a"]}, (), 'column "in0" is string, must be integers or'),
        ({"in0": [[1]]}, {"in0"}, 'column "in0" is list.*, must be text'),
    ],
    ids=["absent", "no_integers", "text", "ids"],
)
def test_wrong_columns_are_refused(tmp_path, columns, texts, message):
    with pytest.raises(ValueError, match=f"a.parquet: {message}"):
        _windows(tmp_path / "a.parquet", pa.table(columns), IN0, texts=texts)


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a.parquet: cannot be read"):
        _windows(tmp_path / "a.parquet", b"no Parquet at all")


TEXT_TYPES = {
    "string": pa.string(),
    "large": pa.large_string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


@pytest.mark.parametrize("type_", TEXT_TYPES.values(), ids=TEXT_TYPES)
def test_rows_of_texts(tmp_path, type_):
    column = pa.array(["", None, "caf\u00e9"]).cast(type_)
    table = pa.table({"in0": column})
    (window,) = _windows(tmp_path / "a.parquet", table, IN0, texts={"in0"})
    records = window.parse()
    assert records.reasons == {1: 'missing: no "in0"'}
    texts = records.columns["in0"]
    assert texts.to_pylist() == [b"", None, b"caf\xc3\xa9"]
    assert window.record(1) == '{"in0": null}'


def test_features_of_tfrecord(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for ids in ([1, 2], [], [3]):
            feature = tf.train.Feature(int64_list={"value": ids})
            example = tf.train.Example(features={"feature": {"in0": feature}})
            writer.write(example.SerializeToString())
        writer.write(b"?")
    (window,) = _windows(path, path.read_bytes(), IN0)
    records = window.parse()
    assert _lists(records)["in0"] == [[1, 2], [], [3], []]
    assert window.numbers.tolist() == [1, 2, 3, 4]
    assert records.reasons[1] == '"in0" is empty'
    assert records.reasons[3].startswith("no such Example")
