"""Files of a file system that only Beam knows."""

import json

import numpy as np
import pytest

pytest.importorskip(
    "apache_beam",
    reason="needs Apache Beam (pip install -r requirements-beam.txt); "
    "`make test-beam` runs it",
)

from apache_beam.io.filesystem import FileMetadata  # noqa: E402
from apache_beam.io.localfilesystem import LocalFileSystem  # noqa: E402

from serving.beam.__main__ import main  # noqa: E402
from serving.local_model import LocalModel  # noqa: E402
from tests.export.exports import make_model  # noqa: E402
from tests.export.exports import write_export  # noqa: E402

_SCHEME = "elsewhere"


class Elsewhere(LocalFileSystem):
    """`elsewhere://tmp/a` is the file `/tmp/a`."""

    @classmethod
    def scheme(cls):
        return _SCHEME

    def _list(self, dir_or_prefix):
        for found in super()._list(_here(dir_or_prefix)):
            yield FileMetadata(
                _there(found.path),
                found.size_in_bytes,
                found.last_updated_in_seconds,
            )

    def has_dirs(self):
        return False

    def exists(self, path):
        return super().exists(_here(path))

    def open(self, path, *arguments, **settings):
        return super().open(_here(path), *arguments, **settings)

    def match(self, patterns, limits=None):
        # Object stores match a prefix, not folder by folder.
        return super(LocalFileSystem, self).match(patterns, limits)


def _here(path):
    return path.replace(f"{_SCHEME}:/", "", 1)


def _there(path):
    return f"{_SCHEME}:/{path}"


def test_model_and_corpus_may_be_elsewhere(tmp_path):
    write_export(make_model({"enc0_network": "hcnn"}), tmp_path / "model" / "1")
    rows = [[1, 2], [3]]
    for name, row in zip(("a.jsonl", "b.jsonl"), rows, strict=True):
        (tmp_path / name).write_text(json.dumps({"in0": row}))
    words = ["embed", "--side", "in0"]
    words += ["--model", _there(f"{tmp_path}/model/1/")]
    words += ["--input", _there(f"{tmp_path}/*.jsonl")]
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    (file,) = tmp_path.glob("out-*.jsonl")
    found = {
        line["file"]: line["embeddings"]
        for line in map(json.loads, file.read_text().splitlines())
    }
    names = [_there(f"{tmp_path}/{name}") for name in ("a.jsonl", "b.jsonl")]
    expected = LocalModel(tmp_path / "model").embed(in0=rows)
    np.testing.assert_allclose(
        [found[name] for name in names], expected, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [("model", "no such directory"), ("input", "no such file")],
)
def test_what_is_not_there_is_told(tmp_path, capfd, name, message):
    (tmp_path / "a.jsonl").write_text('{"in0": [1], "in1": [2]}')
    words = {"model": f"{tmp_path}/model", "input": f"{tmp_path}/a.jsonl"}
    words[name] = _there(f"{tmp_path}/missing")
    words = [w for n, v in words.items() for w in (f"--{n}", v)]
    assert main(["predict", *words, "--output", f"{tmp_path}/out"]) == 2
    assert f"{_SCHEME}:/{tmp_path}/missing: {message}" in capfd.readouterr().err
