import numpy as np
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.text.safetensors_file import read_safetensors
from tests.text.static_folders import write_safetensors


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "int64", "int32", "int8"]
)
def test_reads_what_was_written(tmp_path, dtype):
    tensors = {
        "odd": np.arange(3, dtype="int8"),
        "table": np.arange(6).reshape(2, 3).astype(dtype),
    }
    write_safetensors(tmp_path / "a", tensors)
    content = read_safetensors(tmp_path / "a")
    assert list(content) == ["odd", "table"]
    assert content["table"].dtype == dtype
    np.testing.assert_array_equal(content["table"], tensors["table"])


def test_bfloat16_becomes_float32(tmp_path):
    values = np.array([[1.0, -2.5], [3e38, 0.0]], "float32")
    half = (values.view("uint32") >> 16).astype("uint16")
    write_safetensors(tmp_path / "a", {"x": half})
    read = read_safetensors(tmp_path / "a")["x"]
    assert read.dtype == "float32"
    np.testing.assert_allclose(read, values, rtol=2**-7)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: content[:4],
        lambda content: content[:-1],
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content.replace(b"[2, 3]", b"[2, 9]"),
        lambda content: content.replace(b"data_off", b"data_bla"),
        lambda content: b"a text, not a table of numbers",
    ],
    ids=["empty", "length", "cut", "long", "shape", "entry", "text"],
)
def test_refuses_what_is_no_whole_file(tmp_path, change):
    path = tmp_path / "a"
    write_safetensors(path, {"x": np.ones((2, 3), "float32")})
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match="must be a whole file in the format"):
        read_safetensors(path)


def test_names_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="gone.*No such file"):
        read_safetensors(tmp_path / "gone")
