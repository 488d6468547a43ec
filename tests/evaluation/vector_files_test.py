import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from o2v_keras.evaluation.vector_files import write_vectors

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


def test_another_ending_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="must end in .npy, .parquet, .jsonl"):
        write_vectors(tmp_path / "out.csv", VECTORS, "embeddings")
