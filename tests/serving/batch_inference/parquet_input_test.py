import pyarrow as pa
import pyarrow.parquet
import pytest

from serving.batch_inference.input_files import read_windows

TYPES = {
    "int64": pa.list_(pa.int64()),
    "int32": pa.list_(pa.int32()),
    "large": pa.large_list(pa.uint64()),
    "fixed": pa.list_(pa.int16(), 2),
}


def _windows(path, table, rows=2, sides=("in0",)):
    pyarrow.parquet.write_table(table, path, row_group_size=3)
    columns = {side: side for side in sides}
    return list(read_windows([str(path)], columns, rows))


@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)
def test_rows_of_integer_lists(tmp_path, type_):
    rows = [[n, n + 1] for n in range(1, 8)]
    table = pa.table({"in0": pa.array(rows, type_), "label": range(7)})
    windows = _windows(tmp_path / "a.parquet", table)
    ids = [w.parse().columns["in0"] for w in windows]
    found = [c[row].tolist() for c in ids for row in range(len(c))]
    assert found == rows
    assert windows[0].first_line == 1
    assert windows[-1].first_line + len(windows[-1]) == 8
    assert windows[-1].bytes_read == (tmp_path / "a.parquet").stat().st_size


def test_bad_rows_have_reason_and_record(tmp_path):
    rows = [[1], None, [], [2, None], [2**63], [5]]
    table = pa.table({"in0": pa.array(rows, pa.list_(pa.uint64()))})
    (window,) = _windows(tmp_path / "a.parquet", table, rows=9)
    assert window.parse().reasons == {
        1: 'no "in0"',
        2: '"in0" is empty',
        3: '"in0" holds None; ids are integers',
        4: '"in0" holds 9223372036854775808, which int64 cannot',
    }
    assert window.record(3) == '{"in0": [2, null]}'


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"in1": [[1]]}, 'no column "in0". Columns in the file: in1'),
        ({"in0": [1]}, 'column "in0" must be a list of integers .* int64'),
        ({"in0": [[1.5]]}, 'column "in0" must be a list of integers .* double'),
    ],
    ids=["absent", "no_list", "no_integers"],
)
def test_wrong_columns_are_refused(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        _windows(tmp_path / "a.parquet", pa.table(columns))


def test_other_file_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"no Parquet at all")
    with pytest.raises(ValueError, match="a.parquet: cannot be read"):
        list(read_windows([str(path)], {"in0": "in0"}, 2))


TEXT_TYPES = {
    "string": pa.string(),
    "large": pa.large_string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


@pytest.mark.parametrize("type_", TEXT_TYPES.values(), ids=TEXT_TYPES)
def test_rows_of_texts(tmp_path, type_):
    column = pa.array(["", None, "caf\u00e9"]).cast(type_)
    path = tmp_path / "a.parquet"
    (window,) = _windows(path, pa.table({"in0": column}), rows=9)
    records = window.parse({"in0"})
    assert records.reasons == {1: 'no "in0"'}
    texts = records.columns["in0"]
    assert texts.to_pylist() == [b"", None, b"caf\xc3\xa9"]
    assert window.record(1) == '{"in0": null}'


@pytest.mark.parametrize(
    ("column", "text_sides", "message"),
    [
        ([[1]], {"in0"}, "must be text, which the model takes there. It is li"),
        (["a"], set(), "must be a list of integers, which .* It is string"),
    ],
    ids=["ids", "text"],
)
def test_column_of_the_other_kind_is_refused(
    tmp_path, column, text_sides, message
):
    path = tmp_path / "a.parquet"
    (window,) = _windows(path, pa.table({"in0": column}))
    with pytest.raises(ValueError, match=f'a.parquet: column "in0" {message}'):
        window.parse(text_sides)
