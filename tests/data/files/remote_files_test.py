import gzip

import pyarrow as pa
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.auxiliary import auxiliary_file
from o2v_keras.data.files.convert import convert
from o2v_keras.data.files.data_files import expand_paths
from o2v_keras.data.files.remote_files import open_stream
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.neighbors.row_values import read_names

JSON = b'{"in0": [1], "in1": [2], "label": 1}\n' * 9
CSV = b"in0,in1,label\n1,2,1\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", gzip.compress(JSON), "is a gzip file. Add .gz to its name"),
        ("a.csv", gzip.compress(CSV), "is a gzip file. Add .gz to its name"),
        ("a.tsv", b"\x28\xb5\x2f\xfd\x00", "is a zstd file. Add .zst to its"),
        ("a.jsonl.gz", JSON, "is no gzip file, though .* begins with b'{\"in'"),
        ("a.csv.gz", CSV, "is no gzip file, though .* begins with b'in0,'"),
        ("a.csv.zst", CSV, "is no zstd file, though its name ends in .zst"),
        ("a.jsonl.gz", b"\0" * 512, r"is no gzip file.* b'\\x00\\x00"),
        (
            "a.jsonl.gz",
            gzip.compress(JSON) + b"\0" * 512,
            ".*filled up with zer",
        ),
        (
            "a.csv.gz",
            gzip.compress(CSV) + b"\0" * 512,
            ".*filled up with zeros",
        ),
        ("a.tfrecord", gzip.compress(JSON), "is a gzip file. Add .gz to its"),
        ("a.tfrecord.gz", b"\x31\0\0\0", "is no gzip file, though its name"),
    ],
)
def test_files_packed_otherwise_than_they_are_named(
    tmp_path, name, content, message
):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name}: {message}"):
        read_pairs(path)
    if "tfrecord" not in name:
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read_names(path, "in0")


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_packed_files_are_read(tmp_path, ending):
    path = tmp_path / f"a.jsonl.{ending}"
    with pa.output_stream(path) as stream:
        stream.write(JSON)
    with open_stream(str(path)) as stream:
        assert stream.read() == JSON


def test_file_systems_that_tensorflow_lacks_are_named(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(JSON)
    message = "s3://b.*: TensorFlow cannot read or write s3:// here"
    with pytest.raises(DataError, match=message):
        expand_paths("s3://b/a.jsonl")
    with pytest.raises(DataError, match=message):
        auxiliary_file("enc0_vocab_file", "s3://b/words.txt")
    with pytest.raises(OSError, match=message):
        open_stream("s3://b/a.jsonl")
    with pytest.raises(OSError, match=message):
        convert(tmp_path / "a.jsonl", "s3://b/pairs", verbose=0)
