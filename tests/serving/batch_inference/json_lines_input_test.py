import gzip

import numpy as np
import pytest
import zstandard

from serving.batch_inference.input_files import expand_inputs
from serving.batch_inference.input_files import read_windows
from serving.row_batches import batch_inputs

SOUND = b'{"in0": [1, 2], "in1": [3], "label": 1}'


def _windows(path, text, rows=100, sides=("in0", "in1")):
    path.write_bytes(text)
    columns = {side: side for side in sides}
    return list(read_windows([str(path)], columns, rows))


def _lists(records):
    return {
        side: [column[row].tolist() for row in range(len(column))]
        for side, column in records.columns.items()
    }


BAD_LINES = {
    "blank": (b"", "no JSON: the line is blank"),
    "no_json": (b'{"in0": [1]', "no JSON: Expecting ',' delimiter"),
    "two_objects": (SOUND + SOUND, "no JSON: Extra data at column 40"),
    "list": (b"[1, 2]", r"no JSON object: the line is \[1, 2\]"),
    "null": (b"null", "no JSON object: the line is None"),
    "absent_side": (b'{"in0": [1]}', 'no "in1"'),
    "null_side": (b'{"in0": [1], "in1": null}', 'no "in1"'),
    "number": (b'{"in0": 5, "in1": [1]}', '"in0" is no list of ids'),
    "empty": (b'{"in0": [1], "in1": []}', '"in1" is empty'),
    "negative": (b'{"in0": [-4], "in1": [1]}', '"in0" holds -4; ids count'),
    "float": (b'{"in0": [1.0], "in1": [1]}', '"in0" holds 1.0; ids are int'),
    "bool": (b'{"in0": [true], "in1": [1]}', '"in0" holds True; ids are'),
    "null_id": (b'{"in0": [null], "in1": [1]}', '"in0" holds None; ids are'),
    "word": (b'{"in0": ["a"], "in1": [1]}', "\"in0\" holds 'a'; ids are"),
    "huge": (
        b'{"in0": [9223372036854775808], "in1": [1]}',
        '"in0" holds 9223372036854775808, which int64 cannot',
    ),
    "twice": (
        b'{"in0": [1], "in0": [2], "in1": [1]}',
        '"in0" is there 2 times',
    ),
    "deep": (b'{"x": ' + b"[" * 100_000 + b"}", "no JSON"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_line_costs_only_itself(tmp_path, line, reason):
    text = b"\n".join([SOUND, line, SOUND])
    (window,) = _windows(tmp_path / "a.jsonl", text)
    records = window.parse()
    assert list(records.reasons) == [1]
    pytest.raises(ValueError, _raise, records.reasons[1]).match(reason)
    lists = _lists(records)
    assert (lists["in0"][0], lists["in0"][2]) == ([1, 2], [1, 2])
    assert window.record(1) == line.decode()


def _raise(text):
    raise ValueError(text)


def test_objects_over_line_breaks_do_not_shift_rows(tmp_path):
    # As many objects as lines, but not one a line.
    text = SOUND + SOUND + b'\n{"in0": [1],\n"in1": [2]}\n'
    (window,) = _windows(tmp_path / "a.jsonl", text)
    assert sorted(window.parse().reasons) == [0, 1, 2]


@pytest.mark.parametrize("ending", [b"", b"\n"], ids=["cut", "ended"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("eol", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_sound_lines(tmp_path, ending, mark, eol):
    text = mark + SOUND + eol + b' {"in1":[4,5],"in0":[6]} ' + ending
    (window,) = _windows(tmp_path / "a.jsonl", text)
    records = window.parse()
    assert records.reasons == {}
    assert _lists(records) == {"in0": [[1, 2], [6]], "in1": [[3], [4, 5]]}


def test_one_side_needs_no_other(tmp_path):
    text = b'{"in0": [7]}\n{"in0": [8], "in1": "?"}\n'
    (window,) = _windows(tmp_path / "a.jsonl", text, sides=("in0",))
    assert _lists(window.parse()) == {"in0": [[7], [8]]}


@pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf"], ids=["none", "bom"])
def test_empty_file_has_no_window(tmp_path, text):
    assert _windows(tmp_path / "a.jsonl", text) == []


def test_short_file_is_split_into_lines(tmp_path):
    (window,) = _windows(tmp_path / "a.jsonl", b"1\n2")
    assert window.lines == [b"1", b"2"]
    (window,) = _windows(tmp_path / "b.jsonl", b"\n")
    assert window.lines == [b""]


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("gz", gzip.compress), ("zst", zstandard.compress)],
)
def test_compressed_file(tmp_path, ending, compress):
    path = tmp_path / f"a.jsonl.{ending}"
    text = b"".join(b'{"in0": [%d]}\n' % n for n in range(1, 101))
    # Two streams one after the other, as `cat` makes them.
    windows = _windows(path, compress(text) * 2, rows=64, sides=("in0",))
    ids = [_lists(window.parse())["in0"] for window in windows]
    assert sum(ids, []) == [[n] for n in range(1, 101)] * 2
    assert [window.first_line for window in windows] == [1, 65, 129, 193]


@pytest.mark.parametrize(
    ("ending", "compress"),
    [("gz", gzip.compress), ("zst", zstandard.compress)],
)
def test_truncated_stream_is_an_error(tmp_path, ending, compress):
    path = tmp_path / f"a.jsonl.{ending}"
    with pytest.raises(OSError, match="Truncated compressed stream"):
        _windows(path, compress(SOUND * 100)[:-5])


def test_globs_are_sorted_and_files_kept_apart(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_bytes(SOUND + b"\n" + SOUND)
    files = expand_inputs([str(tmp_path / "*.jsonl")])
    windows = list(read_windows(files, {"in0": "in0"}, 100))
    assert [window.file for window in windows] == [
        str(tmp_path / "a.jsonl"),
        str(tmp_path / "b.jsonl"),
    ]
    assert [window.key for window in windows] == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["none*.jsonl"], "none.*: matches no file"),
        (["a.txt"], "a.txt: an input's name must end with .parquet, .jsonl"),
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


def _texts(records, side="in0"):
    rows = range(len(records.columns[side]))
    sound = [row for row in rows if row not in records.reasons]
    return batch_inputs(records.columns, np.array(sound))[side].tolist()


TEXT_LINES = {
    "sound": (b'{"in0": "a dog", "in1": [3]}', b"a dog"),
    "empty": (b'{"in0": "", "in1": [3]}', b""),
    "digits": (b'{"in0": "42", "in1": [3]}', b"42"),
    "escapes": (
        b'{"in0": "\\ud83d\\ude00\\n", "in1": [3]}',
        b"\xf0\x9f\x98\x80\n",
    ),
    "invalid_utf8": (b'{"in0": "\xff", "in1": [3]}', b"\xef\xbf\xbd"),
    "date": (b'{"in0": "2020-01-01", "in1": [3]}', b"2020-01-01"),
}


@pytest.mark.parametrize("bad", [None, b"{}"], ids=["arrow", "one_by_one"])
@pytest.mark.parametrize(("line", "text"), TEXT_LINES.values(), ids=TEXT_LINES)
def test_texts_beside_ids(tmp_path, line, text, bad):
    lines = [line, bad] if bad else [line]
    (window,) = _windows(tmp_path / "a.jsonl", b"\n".join(lines))
    records = window.parse({"in0"})
    assert records.reasons == ({1: 'no "in0"'} if bad else {})
    assert _texts(records) == [text]
    assert _texts(records, "in1") == [[3]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"in0": 5}', '"in0" is no text, such as "a dog": 5'),
        (b'{"in0": [5]}', '"in0" is no text, such as "a dog": [5]'),
        (b'{"in0": null}', 'no "in0"'),
        (b'{"in1": "a"}', 'no "in0"'),
        (b'{"in0": "\\ud800"}', "\"in0\" holds what UTF-8 cannot: '\\ud800'"),
        (b'{"in0": "a", "in0": "b"}', '"in0" is there 2 times'),
    ],
    ids=["number", "ids", "null", "absent", "surrogate", "twice"],
)
def test_line_without_a_text_costs_only_itself(tmp_path, line, reason):
    text = b"\n".join([b'{"in0": "a"}', line, b'{"in0": ""}'])
    (window,) = _windows(tmp_path / "a.jsonl", text, sides=["in0"])
    records = window.parse({"in0"})
    assert records.reasons == {1: reason}
    assert _texts(records) == [b"a", b""]
