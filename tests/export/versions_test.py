import os
import stat

import pytest

from export.versions import publish_version


def _write(folder):
    (folder / "saved_model.pb").write_text("new")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], "1", id="empty"),
        pytest.param(["1", "2"], "3", id="next"),
        pytest.param(["2", "10"], "11", id="numbers_not_words"),
        pytest.param(["007"], "8", id="leading_zeros"),
        pytest.param(
            [".partial-9", "tmp-9", "9.bak", "-9", "\u0669"], "1", id="others"
        ),
    ],
)
def test_default_is_the_next_number(tmp_path, names, expected):
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
    path = publish_version(tmp_path, None, _write)
    assert path == tmp_path / expected
    assert os.listdir(path) == ["saved_model.pb"]
    assert sorted(os.listdir(tmp_path)) == sorted([*names, expected])
    assert all(os.listdir(tmp_path / name) == ["mine"] for name in names)


def test_litter_of_a_killed_export_goes(tmp_path):
    for name in (".version-next.o2v-partial", ".version-7.o2v-partial"):
        (tmp_path / name / "new").mkdir(parents=True)
        _write(tmp_path / name / "new")
    publish_version(tmp_path, 3, _write)
    assert os.listdir(tmp_path) == ["3"]


def test_base_is_made(tmp_path):
    path = publish_version(tmp_path / "a" / "b", 20260101, _write)
    assert path == tmp_path / "a" / "b" / "20260101"
    assert path.is_dir()


def test_what_is_written_has_no_integer_as_name(tmp_path):
    def write(folder):
        assert folder.parent == tmp_path / ".version-1.o2v-partial"
        assert os.listdir(folder) == []

    publish_version(tmp_path, 1, write)


def test_version_is_readable_for_a_server_of_another_user(tmp_path):
    (tmp_path / "usual").mkdir()
    path = publish_version(tmp_path, None, _write)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(
        (tmp_path / "usual").stat().st_mode
    )


@pytest.mark.parametrize("name", ["3", "03"])
def test_existing_version_stays(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "saved_model.pb").write_text("old")

    def write(folder):
        raise AssertionError("refused too late")

    with pytest.raises(ValueError, match="`version` must be a new one.*: vers"):
        publish_version(tmp_path, 3, write)
    assert os.listdir(tmp_path) == [name]


def test_version_that_others_published_meanwhile_stays(tmp_path):
    def write(folder):
        _write(folder)
        (tmp_path / "3").mkdir()

    with pytest.raises(ValueError, match="Received: version=3"):
        publish_version(tmp_path, 3, write)
    assert os.listdir(tmp_path) == ["3"]
    assert os.listdir(tmp_path / "3") == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_a_failure(tmp_path, error):
    def write(folder):
        _write(folder)
        raise error("half-way")

    with pytest.raises(error, match="half-way"):
        publish_version(tmp_path, None, write)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, 2**63])
def test_rejects_invalid_version(tmp_path, version):
    with pytest.raises(ValueError, match="`version` must be an integer from 1"):
        publish_version(tmp_path, version, _write)


def test_rejects_remote_base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="`directory` must be a local folder"):
        publish_version("gs://bucket/base", None, _write)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["file", "file/base"])
def test_rejects_file_as_base(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="where a file stands"):
        publish_version(tmp_path / name, None, _write)
