import decimal

import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.pairs import read_pieces
from o2v_keras.data.read.parquet import row_group_sizes

INT_LISTS = pa.list_(pa.int64())


@pytest.fixture
def write(tmp_path):
    def write(columns):
        path = str(tmp_path / "x.parquet")
        pyarrow.parquet.write_table(pa.table(columns), path)
        return path

    return write


def read(path, sides=("in0", "in1"), label=True):
    # Small batches, so that row numbers go across them.
    parts = list(read_pieces(path, sides, label, rows=2))
    pairs = {}
    rejected = {}
    for table, refused, _ in parts:
        for row in range(len(table)):
            values = [side[row].tolist() for side in table.sides.values()]
            labels = [] if table.labels is None else [table.labels[row]]
            pairs[table.locate(row)] = [*values, *labels]
        for row, faults in enumerate(refused.faults):
            place = refused.origin.locate(row)
            rejected[place] = [str(fault) for fault in faults]
    return pairs, rejected


@pytest.mark.parametrize(
    ("type_", "labels"),
    [
        (INT_LISTS, pa.array([0, 1, 2], pa.int8())),
        (pa.large_list(pa.uint16()), pa.array([0, 1, 2], pa.float32())),
        (pa.list_(pa.int8(), 2), pa.array(map(decimal.Decimal, range(3)))),
        (pa.list_(pa.uint64()), pa.array([0, 1, 2], pa.uint64())),
    ],
    ids=["list", "large_list", "fixed_size_list", "unsigned_list"],
)
def test_reads_any_integer_lists(write, type_, labels):
    path = write(
        {
            "in0": pa.array([[1, 2], [3, 4], [5, 6]], type_),
            "other": ["a", "b", "c"],
            "label": labels,
            "in1": pa.array([[7], [], [8, 9]], INT_LISTS),
        }
    )
    assert read(path) == (
        {
            f"{path}: row 0": [[1, 2], [7], 0.0],
            f"{path}: row 1": [[3, 4], [], 1.0],
            f"{path}: row 2": [[5, 6], [8, 9], 2.0],
        },
        {},
    )


def test_rejects_rows_with_nulls(write):
    path = write(
        {
            "in0": pa.array(
                [None, [1, None], [2], [3], [2**64 - 1], None],
                pa.list_(pa.uint64()),
            ),
            "in1": pa.array([[1], [2], [3], [], [5], None], INT_LISTS),
            "label": pa.array([1, 1, None, 1, 1, 1]),
        }
    )
    pairs, rejected = read(path)
    assert pairs == {f"{path}: row 3": [[3], [], 1.0]}
    assert rejected == {
        f"{path}: row 0": ['in0: missing: no "in0"'],
        f"{path}: row 1": ["in0: non-integer id: in0[1]=None"],
        f"{path}: row 2": ['label: missing: no "label"'],
        f"{path}: row 4": [
            "in0: id beyond 64 bits: in0[0]=18446744073709551615"
        ],
        f"{path}: row 5": [
            'in0: missing: no "in0"',
            'in1: missing: no "in1"',
        ],
    }


def test_reads_the_asked_columns_only(write):
    path = write({"in0": ["x"], "in1": pa.array([[2]], INT_LISTS)})
    pairs, rejected = read(path, sides=["in1"], label=False)
    assert (list(pairs.values()), rejected) == ([[[2]]], {})


def test_lists_that_are_all_empty_have_no_type(write):
    path = write({"in0": pa.array([[], []])})
    pairs, _ = read(path, sides=["in0"], label=False)
    assert list(pairs.values()) == [[[]], [[]]]


def test_names_all_columns_that_do_not_fit(write):
    path = write({"in0": ["a", "b"], "in1": [[0.5], [1.0]], "target": [1, 0]})
    with pytest.raises(DataError) as error:
        read(path)
    assert str(error.value) == (
        f'{path}: column "in0" is string, must be integers or lists of '
        "integers; texts need a tokenizer, such as enc0_tokenizer "
        '"words"; column "in1" is list<element: double>, must be integers or '
        "lists of integers; texts need a tokenizer, such as enc0_tokenizer "
        '"words"; no column '
        '"label". Its columns: in0, in1, target'
    )


@pytest.mark.parametrize("labels", [[True], ["1"]], ids=["bool", "string"])
def test_rejects_labels_that_are_no_numbers(write, labels):
    path = write({"in0": [[1]], "in1": [[1]], "label": labels})
    with pytest.raises(DataError, match='column "label" is .* be a number'):
        read(path)


def test_rejects_a_file_that_is_no_parquet(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text('{"in0": [1]}')
    with pytest.raises(DataError, match="x.parquet: cannot be read"):
        read(str(path))


def test_reads_one_row_group_with_its_own_row_numbers(tmp_path):
    path = str(tmp_path / "a.parquet")
    ids = pa.array([[n] for n in range(1, 8)], pa.list_(pa.int64()))
    pyarrow.parquet.write_table(pa.table({"in0": ids}), path, row_group_size=3)
    assert row_group_sizes(path) == [3, 3, 1]
    ((table, *_),) = read_pieces(path, ["in0"], False, row_group=1)
    assert table.in0.values.tolist() == [4, 5, 6]
    assert table.locate(1) == f"{path}: row 4"


@pytest.mark.parametrize("name", ["in1", "label", "weight"])
def test_columns_of_one_name_are_an_error(tmp_path, name):
    path = str(tmp_path / "x.parquet")
    names = ["in0", "in1", "label", "weight", name]
    columns = [[[1]], [[2]], [1], [1], [[3]] if name == "in1" else [0]]
    table = pa.Table.from_arrays([*map(pa.array, columns)], names)
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(DataError, match=f'several columns "{name}"'):
        read(path)
