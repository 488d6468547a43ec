import gzip
import hashlib
import re

import pytest

from o2v_keras.datasets.data_source import DatasetError
from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download
from tests.datasets.publisher import publisher

CONTENT = bytes(range(256)) * 1000


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("O2V_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("O2V_DATA_DIR", raising=False)


def source(url, checksum=None, content=CONTENT, name="toys.bin"):
    return DataSource(
        name="toys",
        title="Toys",
        homepage="https://toys.example",
        terms="for play.",
        checksums={name: sha256(content)},
        downloads=(Download(f"{url}/toys", checksum, (name,)),),
    )


def test_download_is_kept_and_its_terms_are_shown_once(tmp_path, capsys):
    with publisher({"/toys": CONTENT}) as (url, asked):
        toys = source(url)
        path = toys.path("toys.bin")
        assert path.read_bytes() == CONTENT
        assert toys.path("toys.bin") == path
    assert asked == ["/toys"]
    shown = capsys.readouterr().out
    assert shown == (
        "Downloading Toys (https://toys.example). Terms: for play.\n"
    )
    assert path == tmp_path / "cache/datasets/toys/toys.bin"
    assert [file.name for file in path.parent.iterdir()] == ["toys.bin"]


def test_interrupted_download_leaves_no_file(tmp_path):
    with publisher({"/toys": CONTENT}, len(CONTENT) // 2) as (url, asked):
        toys = source(url)
        with pytest.raises(DatasetError, match="cannot be downloaded"):
            toys.path("toys.bin")
        assert list((tmp_path / "cache/datasets/toys").iterdir()) == []
        assert toys.path("toys.bin").read_bytes() == CONTENT
    assert asked == ["/toys", "/toys"]


@pytest.mark.parametrize("checksum", [sha256(CONTENT), None])
def test_altered_download_is_removed(tmp_path, checksum):
    with publisher({"/toys": CONTENT[:-1]}) as (url, _):
        with pytest.raises(DatasetError, match=sha256(CONTENT[:-1])):
            source(url, checksum).path("toys.bin")
    assert list((tmp_path / "cache/datasets/toys").iterdir()) == []


def test_unpacked_files_appear_together_or_not_at_all(tmp_path):
    def unpack(archive, folder):
        (folder / "a").write_bytes(archive.read_bytes())
        if failing:
            raise OSError("disk full")
        (folder / "b").write_bytes(b"b")

    with publisher({"/toys.zip": CONTENT}) as (url, _):
        toys = DataSource(
            "toys",
            "Toys",
            "https://toys.example",
            "for play.",
            {"a": sha256(CONTENT), "b": None},
            (Download(f"{url}/toys.zip", None, ("a", "b"), unpack),),
        )
        failing = True
        with pytest.raises(OSError, match="disk full"):
            toys.path("a")
        folder = tmp_path / "cache/datasets/toys"
        assert list(folder.iterdir()) == []
        failing = False
        assert toys.path("b").read_bytes() == b"b"
        assert (folder / "a").read_bytes() == CONTENT


def test_local_folder_comes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("O2V_DATA_DIR", str(tmp_path))
    (tmp_path / "toys").mkdir()
    (tmp_path / "toys/toys.bin").write_bytes(CONTENT)
    toys = source("http://127.0.0.1:1")
    assert toys.path("toys.bin") == tmp_path / "toys/toys.bin"
    with toys.open("toys.bin") as stream:
        assert stream.read() == CONTENT


def test_packed_file_is_known_by_its_content(tmp_path, monkeypatch):
    monkeypatch.setenv("O2V_DATA_DIR", str(tmp_path))
    (tmp_path / "toys").mkdir()
    packed = gzip.compress(CONTENT, mtime=7)
    (tmp_path / "toys/toys.gz").write_bytes(packed)
    with source("", name="toys.gz").open("toys.gz") as stream:
        assert stream.read() == CONTENT


def test_altered_local_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("O2V_DATA_DIR", str(tmp_path))
    (tmp_path / "toys").mkdir()
    file = tmp_path / "toys/toys.bin"
    file.write_bytes(CONTENT[1:])
    toys = source("http://127.0.0.1:1")
    with pytest.raises(DatasetError, match="altered copies"):
        toys.path("toys.bin")
    file.write_bytes(CONTENT)
    assert toys.path("toys.bin") == file


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "cannot be downloaded"),
        (None, "the publisher asks for an account"),
    ],
    ids=["no_network", "no_download"],
)
def test_error_says_where_to_put_the_file(url, reason):
    toys = source(url)
    if url is None:
        toys = DataSource("toys", "Toys", "https://toys.example", "", {})
    with pytest.raises(DatasetError, match=reason) as caught:
        toys.path("toys.bin")
    advice = (
        "Get toys.bin from https://toys.example and put it into a folder "
        "toys of the folder that the environment variable O2V_DATA_DIR names."
    )
    assert re.search(re.escape(advice), str(caught.value))


@pytest.mark.parametrize(
    ("caches", "place"),
    [("{}/xdg", "xdg/o2v_keras"), ("", "home/.cache/o2v_keras")],
)
def test_the_users_cache_folder_is_taken(tmp_path, monkeypatch, caches, place):
    monkeypatch.delenv("O2V_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", caches.format(tmp_path))
    with publisher({"/toys": CONTENT}) as (url, _):
        path = source(url).path("toys.bin")
    assert path == tmp_path / place / "datasets" / "toys" / "toys.bin"


def test_without_a_cache_nothing_is_downloaded(monkeypatch):
    monkeypatch.setenv("O2V_CACHE_DIR", "")
    with publisher({"/toys": CONTENT}) as (url, asked):
        with pytest.raises(DatasetError, match="`O2V_CACHE_DIR` is empty"):
            source(url).path("toys.bin")
    assert asked == []
