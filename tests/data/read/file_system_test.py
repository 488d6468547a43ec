import functools
import gzip
import http.server
import io
import pathlib
import re
import sys
import threading

import fsspec
import pyarrow as pa
import pyarrow.parquet
import pytest

from o2v_keras.data.convert.convert import convert
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import UnreadableError
from o2v_keras.data.read.file_system import file_state
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.data.read.paths import auxiliary_file
from o2v_keras.data.read.paths import expand_paths
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


def test_tensorflow_writes_to_what_it_knows_only(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(JSON)
    message = "s3://b.*: TensorFlow cannot write s3:// here"
    with pytest.raises(OSError, match=message):
        convert(tmp_path / "a.jsonl", "s3://b/pairs", verbose=0)


def contents():
    """The same nine rows in each format that fsspec reads."""
    table = pa.table({"in0": [[1]] * 9, "in1": [[2]] * 9, "label": [1] * 9})
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(table, parquet)
    separated = b"in0,in1,label\n" + b"1,2,1\n" * 9
    return {
        "a.jsonl": JSON,
        "a.jsonl.gz": gzip.compress(JSON),
        "a.jsonl.zst": bytes(pa.compress(JSON, "zstd")),
        "a.csv": separated,
        "a.csv.gz": gzip.compress(separated),
        "a.tsv": separated.replace(b",", b"\t"),
        "a.parquet": parquet.getvalue(),
    }


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    for name, content in contents().items():
        files.pipe_file(f"/data/{name}", content)
    yield files
    files.rm("/", recursive=True)


@pytest.fixture(params=[True, False], ids=["ranges", "whole"])
def web(request, tmp_path):
    """The address of a server of files, which gives ranges or none."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if "secret" in self.path:
                return self.send_error(403)
            wanted = self.headers.get("Range") if request.param else None
            if wanted is None:
                return super().do_GET()
            first, last = wanted.removeprefix("bytes=").split("-")
            content = pathlib.Path(self.translate_path(self.path)).read_bytes()
            part = content[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Length", len(part))
            place = f"bytes {first}-{last}/{len(content)}"
            self.send_header("Content-Range", place)
            self.end_headers()
            self.wfile.write(part)

        do_HEAD = (
            do_GET
            if request.param
            else (http.server.SimpleHTTPRequestHandler.do_HEAD)
        )

        def log_message(self, *_):
            pass

    (tmp_path / "data").mkdir()
    for name, content in contents().items():
        (tmp_path / "data" / name).write_bytes(content)
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", contents())
def test_remote_files_are_read(memory, name):
    path = f"memory://data/{name}"
    table = read_pairs(path).table
    assert table.in1.values.tolist() == [2] * 9
    assert table.locate(0).startswith(path)


def test_globs_and_folders_of_an_object_store(memory):
    expected = [f"memory:///data/{name}" for name in sorted(contents())]
    assert expand_paths("memory://data") == expected
    assert expand_paths("memory://d*/*.csv*") == expected[:2]
    memory.pipe_file("/data/_SUCCESS", b"")
    memory.pipe_file("/data/[b].csv", b"")
    memory.pipe_file("/data/deep/_old/c.tsv", b"")
    memory.pipe_file("/data/deep/c.tsv", b"")
    assert "memory:///data/_SUCCESS" not in expand_paths("memory://data")
    assert expand_paths("memory://data/[b].csv") == ["memory://data/[b].csv"]
    found = [f"memory:///data/{name}" for name in ("a.tsv", "deep/c.tsv")]
    assert expand_paths("memory://data/**/*.tsv") == found
    with pytest.raises(DataError, match="memory://data/b.: matches no file"):
        expand_paths("memory://data/b*")
    with pytest.raises(DataError, match="data/a.csv: is named twice"):
        expand_paths(["memory://data/a.csv"] * 2)


@pytest.mark.parametrize("name", contents())
def test_files_of_a_web_server_are_read(web, name):
    table = read_pairs(f"{web}/data/{name}").table
    assert table.in1.values.tolist() == [2] * 9


def test_globs_and_folders_of_a_web_server(web):
    expected = [f"{web}/data/{name}" for name in sorted(contents())]
    assert expand_paths(f"{web}/data/") == expected
    assert expand_paths(f"{web}/data/*.parquet") == [f"{web}/data/a.parquet"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("memory://none/a.jsonl", "no such file"),
        (
            "s3://b/a.jsonl",
            "to read s3:// a package is missing. Run `pip install s3fs`",
        ),
        ("gopher://b/a.csv", "gopher:// is no file system that fsspec knows"),
        ("http://127.0.0.1:1/a.csv", "cannot be read: Cannot connect to host"),
    ],
)
def test_remote_paths_that_lead_nowhere_are_named(memory, path, message):
    match = f"^{re.escape(path)}: {message}"
    with pytest.raises(UnreadableError, match=match):
        open_stream(path)
    with pytest.raises(DataError, match=match):
        expand_paths(path)


def test_a_web_servers_refusal_is_named(web):
    for name, message in (
        ("secret.jsonl", "no permission to read it: the server answers 403"),
        ("none.jsonl", "no such file"),
    ):
        with pytest.raises(DataError, match=f"{web}/{name}: {message}"):
            expand_paths(f"{web}/{name}")


def test_a_missing_package_of_http_is_named(monkeypatch):
    known = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(known, "http", raising=False)
    name = "fsspec.implementations.http"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(DataError, match="Run `pip install aiohttp`"):
        expand_paths("http://127.0.0.1:1/a.csv")


def test_a_failure_while_reading_names_the_path(memory, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise RuntimeError("connection lost")

    files = type(memory)
    monkeypatch.setattr(files, "_open", lambda *_, **__: Broken(b"a" * 99))
    message = "memory://data/a.parquet: cannot be read: connection lost"
    with pytest.raises(DataError, match=message):
        read_pairs("memory://data/a.parquet")
    with pytest.raises(DataError, match="a.csv: cannot be read: connection"):
        read_pairs("memory://data/a.csv")


def test_auxiliary_files_may_be_remote(memory):
    path = "memory://data/a.csv"
    assert auxiliary_file("f", "a.csv", "memory://data") == path
    with pytest.raises(DataError, match="there is no file memory://data/b"):
        auxiliary_file("f", "memory://data/b")
    with pytest.raises(DataError, match="Run `pip install s3fs`"):
        auxiliary_file("f", "s3://b/words.txt")


def test_the_state_of_a_file_changes_with_it(memory, tmp_path):
    for path, write in (
        ("memory://data/a.csv", memory.pipe_file),
        (str(tmp_path / "a"), lambda p, c: pathlib.Path(p).write_bytes(c)),
    ):
        write(path, b"a")
        before = file_state(path)
        assert file_state(path) == before
        write(path, b"bc")
        assert file_state(path) != before
        assert file_state(path)["bytes"] == 2
