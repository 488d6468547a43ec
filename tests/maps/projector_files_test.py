import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

from o2v_keras.maps.projector_files import write_projector_files


def test_tensorboard_reads_what_was_written(tmp_path):
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    columns = {"name": ["a\tb", "", "é\nf"], "group": ["x", "y", "x"]}
    write_projector_files(tmp_path / "logs", vectors, columns)
    text = (tmp_path / "logs" / "projector_config.pbtxt").read_text()
    config = text_format.Parse(text, ProjectorConfig()).embeddings[0]
    assert list(config.tensor_shape) == [3, 2]
    tensors = np.fromfile(tmp_path / "logs" / config.tensor_path, "<f4")
    np.testing.assert_array_equal(tensors.reshape(3, 2), vectors)
    metadata = (tmp_path / "logs" / config.metadata_path).read_text()
    rows = [line.split("\t") for line in metadata.splitlines()]
    assert rows == [["name", "group"], ["a b", "x"], ["-", "y"], ["é f", "x"]]


def test_a_single_column_has_no_heading(tmp_path):
    write_projector_files(tmp_path, np.eye(2), {"name": ["a", "b"]})
    assert (tmp_path / "metadata.tsv").read_text() == "a\nb\n"


def test_names_must_be_as_many_as_vectors(tmp_path):
    with pytest.raises(ValueError, match="2 vectors, 1 of 'name'"):
        write_projector_files(tmp_path, np.eye(2), {"name": ["a"]})
