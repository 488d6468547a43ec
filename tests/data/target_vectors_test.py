import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.target_vectors import TargetVectors
from o2v_keras.data.target_vectors import with_target_file

VALUES = np.random.default_rng(0).normal(size=(9, 4))


def make_config(**fields):
    return Object2VecConfig(
        enc0_max_seq_len=3,
        enc0_vocab_size=20,
        output_layer="embedding",
        **{"target_embedding_file": "targets.npy", **fields},
    )


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_are_taken_as_float32_without_reading_the_file(dtype, tmp_path):
    values = VALUES.astype(dtype)
    np.save(tmp_path / "targets.npy", values)
    vectors = TargetVectors(tmp_path / "targets.npy")
    assert (vectors.rows, vectors.dim) == (9, 4)
    assert isinstance(vectors._values, np.memmap)
    taken = vectors.take(np.array([8.0, 0.0, 8.0]))
    assert taken.dtype == "float32"
    np.testing.assert_array_equal(taken, values[[8, 0, 8]])
    weights = np.array([1.0, 2.0, 0.0])
    np.testing.assert_allclose(
        vectors.mean(np.array([8.0, 0.0, 3.0]), weights),
        (values[8] + 2.0 * values[0].astype(float)) / 3,
    )


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(VALUES, id="float64"),
        pytest.param(np.zeros((3, 2), int), id="int"),
        pytest.param(np.zeros(3, "float32"), id="one_dimension"),
        pytest.param(np.zeros((0, 3), "float32"), id="no_rows"),
    ],
)
def test_other_arrays_are_refused(values, tmp_path):
    np.save(tmp_path / "targets.npy", values)
    with pytest.raises(DataError, match="float16 or float32.*targets|targets"):
        TargetVectors(tmp_path / "targets.npy")


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "targets.npy"
    np.save(path, VALUES.astype("float32"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="must be a whole .npy file"):
        TargetVectors(path)
    with pytest.raises(DataError, match="must be on this machine"):
        TargetVectors("gs://bucket/targets.npy")


def test_the_fingerprint_is_that_of_shape_and_numbers(tmp_path):
    found = set()
    changed = VALUES.astype("float32")
    changed[8, 3] += 1
    for number, values in enumerate(
        (
            VALUES.astype("float32"),
            VALUES.astype("float16"),
            changed,
            VALUES.astype("float32").reshape(4, 9),
        )
    ):
        np.save(tmp_path / f"{number}.npy", values)
        found.add(TargetVectors(tmp_path / f"{number}.npy").fingerprint())
    assert len(found) == 4
    np.save(tmp_path / "copy.npy", changed)
    assert TargetVectors(tmp_path / "copy.npy").fingerprint() in found


def test_a_configuration_gets_the_whole_path_and_the_width(tmp_path):
    np.save(tmp_path / "targets.npy", VALUES.astype("float32"))
    config = with_target_file(make_config(), tmp_path)
    assert config.target_embedding_file == str(tmp_path / "targets.npy")
    assert config.target_embedding_dim == 4
    assert with_target_file(config) == config
    other = Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=20)
    assert with_target_file(other) is other
    with pytest.raises(DataError, match="`target_embedding_dim`.* of width 4"):
        with_target_file(make_config(target_embedding_dim=5), tmp_path)
    with pytest.raises(
        DataError, match="`target_embedding_file` must be .* no file .*npy"
    ):
        with_target_file(make_config())
    with pytest.raises(DataError, match="must name the vectors"):
        with_target_file(
            make_config(target_embedding_file="", target_embedding_dim=4)
        )
