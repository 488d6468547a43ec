import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2v_keras.storage.output_vectors import JsonLines
from o2v_keras.storage.output_vectors import Npy
from o2v_keras.storage.output_vectors import Parquet
from o2v_keras.storage.output_vectors import Vectors
from o2v_keras.storage.output_vectors import write_vectors

NAN = float("nan")


def _vectors(rows, reasons=()):
    return Vectors(np.array(rows, np.float32), dict(reasons))


WINDOWS = [
    _vectors([[0.25, 1.0], [NAN, NAN], [-0.1, 3e-9]], {1: 'no "in1"'}),
    Vectors(np.zeros((1, 0), np.float32), {0: "bad"}),
    _vectors([[0.0, 123456789.0]]),
]


def _joined(tmp_path, output, windows):
    parts = [tmp_path / str(number) for number in range(len(windows))]
    for part, answers in zip(parts, windows, strict=True):
        with open(part, "wb") as file:
            output.write_part(file, answers)
    joined = io.BytesIO()
    output.join(joined, parts)
    joined.seek(0)
    return joined


def test_json_lines_are_those_of_sagemaker(tmp_path):
    joined = _joined(tmp_path, JsonLines("scores"), WINDOWS)
    assert joined.read().decode().splitlines() == [
        '{"scores":[0.25,1.0]}',
        '{"error": "no \\"in1\\""}',
        '{"scores":[-0.1,3e-9]}',
        '{"error": "bad"}',
        '{"scores":[0.0,123456790.0]}',
    ]


def test_json_lines_give_the_same_floats(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (40, 7)).astype(np.float32)
    values *= 10.0 ** rng.integers(-30, 30, (40, 7))
    values[13] = np.nan
    output = JsonLines("embeddings")
    joined = _joined(tmp_path, output, [Vectors(values, {13: "why"})])
    rows = [json.loads(line) for line in joined]
    assert rows.pop(13) == {"error": "why"}
    found = np.array([row["embeddings"] for row in rows], np.float32)
    np.testing.assert_array_equal(found, np.delete(values, 13, axis=0))


def test_parquet_has_null_for_a_bad_row(tmp_path):
    joined = _joined(tmp_path, Parquet("scores"), WINDOWS)
    table = pq.read_table(joined)
    assert str(table.schema.field("scores").type) == "list<element: float>"
    rows = table["scores"].to_pylist()
    assert rows[:2] == [[0.25, 1.0], None]
    assert rows[2] == [float(np.float32(-0.1)), float(np.float32(3e-9))]
    assert rows[3:] == [None, [0.0, float(np.float32(123456789))]]


def test_npy_has_nan_for_a_bad_row(tmp_path):
    values = np.load(_joined(tmp_path, Npy("scores"), WINDOWS))
    expected = [
        [0.25, 1.0],
        [NAN, NAN],
        [-0.1, 3e-9],
        [NAN, NAN],
        [0.0, 123456789.0],
    ]
    np.testing.assert_array_equal(values, np.array(expected, np.float32))
    assert values.dtype == np.float32


@pytest.mark.parametrize("windows", [[], WINDOWS[1:2]], ids=["none", "bad"])
def test_output_without_any_answer(tmp_path, windows):
    rows = len(windows)
    assert np.load(_joined(tmp_path, Npy("scores"), windows)).shape == (rows, 0)
    joined = _joined(tmp_path, Parquet("scores"), windows)
    assert pq.read_table(joined).num_rows == rows
    joined = _joined(tmp_path, JsonLines("scores"), windows)
    assert len(joined.readlines()) == rows


NAMED = [
    Vectors(
        np.array([[0.5], [NAN], [1.5]], np.float32),
        {1: "why"},
        names=[7, 8, 2**40],
    ),
    Vectors(np.full((2, 1), NAN, np.float32), {0: "a", 1: "b"}, [None, {}]),
]
TEXTS = Vectors(np.array([[2.5], [3.5]], np.float32), {}, ['"é\n', 2**64])


def test_json_lines_carry_names(tmp_path):
    output = JsonLines("scores", 'the "id"')
    lines = _joined(tmp_path, output, [*NAMED, TEXTS]).read().splitlines()
    assert [json.loads(line) for line in lines] == [
        {'the "id"': 7, "scores": [0.5]},
        {'the "id"': 8, "error": "why"},
        {'the "id"': 2**40, "scores": [1.5]},
        {"error": "a"},
        {"error": "b"},
        {'the "id"': '"é\n', "scores": [2.5]},
        {'the "id"': 2**64, "scores": [3.5]},
    ]


@pytest.mark.parametrize(
    ("windows", "names"),
    [
        (NAMED, [7, 8, 2**40, None, None]),
        (
            [*NAMED, TEXTS],
            ["7", "8", str(2**40), None, None, '"é\n', str(2**64)],
        ),
        (NAMED[1:], [None, None]),
    ],
    ids=["integers", "mixed", "none"],
)
def test_parquet_carries_names(tmp_path, windows, names):
    joined = _joined(tmp_path, Parquet("scores", "user"), windows)
    table = pq.read_table(joined)
    assert table.column_names == ["user", "scores"]
    assert table["user"].to_pylist() == names
    first = windows[0].values[0].tolist()
    assert table["scores"].to_pylist()[0] == (first if names[0] else None)


VECTORS = np.array([[0.5, 1.5, -2.0], [0.1, 0.2, 0.3]], np.float32)


def read(path):
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".parquet":
        return np.array(pq.read_table(path)["embeddings"].to_pylist())
    lines = path.read_text().splitlines()
    return np.array([json.loads(line)["embeddings"] for line in lines])


@pytest.mark.parametrize("ending", ["npy", "parquet", "jsonl"])
def test_reads_back_equal_and_alone(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    write_vectors(path, VECTORS, "embeddings")
    np.testing.assert_array_equal(read(path).astype(np.float32), VECTORS)
    assert list(tmp_path.iterdir()) == [path]


def test_ids_stand_beside_vectors(tmp_path):
    path = tmp_path / "out.jsonl"
    write_vectors(path, VECTORS, "embedding", [7, "b"])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["id"] for row in rows] == [7, "b"]
    assert rows[1] == {"id": "b", "embedding": [0.1, 0.2, 0.3]}
    path = tmp_path / "out.parquet"
    write_vectors(path, VECTORS, "embedding", [7, 9])
    table = pq.read_table(path)
    assert table["id"].type == pa.int64()
    assert table["id"].to_pylist() == [7, 9]
    assert table["embedding"].type == pa.list_(pa.float32(), 3)
    with pytest.raises(ValueError, match="must end in .jsonl or .parquet wh"):
        write_vectors(tmp_path / "out.npy", VECTORS, "embedding", [7, 9])


def test_another_ending_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="must end in .npy, .parquet, .jsonl"):
        write_vectors(tmp_path / "out.csv", VECTORS, "embeddings")


def test_parquet_lists_have_a_fixed_size(tmp_path):
    write_vectors(tmp_path / "out.parquet", VECTORS, "scores")
    type_ = pq.read_schema(tmp_path / "out.parquet").field("scores").type
    assert type_ == pa.list_(pa.float32(), 3)
