"""What travels between workers is small, whatever rows and vectors are."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest

from o2v_keras.storage.output_vectors import Vectors

pytest.importorskip(
    "apache_beam",
    reason="needs Apache Beam (pip install -r requirements-beam.txt); "
    "`make test-beam` runs it",
)

from serving.batch_inference.input_files import input_fields  # noqa: E402
from serving.beam import corpus_files  # noqa: E402
from serving.beam.answer_rows import answer_schema  # noqa: E402
from serving.beam.answer_rows import answer_tables  # noqa: E402


@pytest.fixture
def windows(tmp_path, monkeypatch):
    """Windows of at most 1,000 bytes or one line, and the lines."""
    monkeypatch.setattr(corpus_files, "MOST_BYTES", 1000)
    rng = np.random.default_rng(0)
    sizes = [*rng.integers(1, 90, 60), 800, 2, 3]
    lines = [json.dumps({"in0": rng.integers(1, 9, n).tolist()}) for n in sizes]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(lines))
    fields = input_fields({"in0": "in0"})
    return [*corpus_files.read_windows(str(file), fields, rows=40)], lines


def test_windows_of_long_lines_are_small_and_hold_all_lines(windows):
    found, lines = windows
    assert all(len(w) == 1 or len(w.text) <= 1000 for w in found)
    assert max(len(w.text) for w in found) > 1000
    assert [w.record(row) for w in found for row in range(len(w))] == lines
    numbers = [n for w in found for n in w.numbers]
    assert numbers == [*range(1, len(lines) + 1)]


def test_windows_travel_compressed(windows):
    found, _ = windows
    largest = max(found, key=lambda window: len(window.text))
    packed = pickle.dumps(largest)
    assert len(packed) < 0.7 * len(largest.text)
    assert vars(pickle.loads(packed)) == vars(largest)


def test_tables_of_long_vectors_are_small_and_hold_all_rows(windows):
    (window, *_), _ = windows
    values = np.arange(len(window) * 50, dtype=np.float32)
    vectors = Vectors(values.reshape(-1, 50), reasons={1: "bad"})
    schema = answer_schema(None, "embeddings")
    tables = [*answer_tables(window, vectors, schema, most_bytes=500)]
    assert {len(table) for table in tables} <= {1, 2}
    joined = pa.concat_tables(tables)
    sound = np.delete(np.arange(len(window)), 1)
    assert joined["line"].to_pylist() == (sound + 1).tolist()
    rows = np.array(joined["embeddings"].to_pylist(), np.float32)
    np.testing.assert_array_equal(rows, vectors.values[sound])
