import contextlib
import errno
import fcntl
import os
import shutil
import threading

import pytest

from o2v_keras.storage.replace import DiskFullError
from o2v_keras.storage.replace import disk_full_named
from o2v_keras.storage.replace import repair
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import replaced_folder
from o2v_keras.storage.replace import sweep
from o2v_keras.storage.replace import write_file
from tests.storage.kills import Killed
from tests.storage.kills import every_kill


def write_folder(path, text):
    with replaced_folder(path) as new:
        (new / "inner").mkdir()
        (new / "a.txt").write_text(text)
        (new / "inner" / "b.txt").write_text(text)


def read_folder(path):
    files = sorted(path.rglob("*.txt"))
    return {f.relative_to(path).as_posix(): f.read_text() for f in files}


def whole(text):
    return {"a.txt": text, "inner/b.txt": text}


@pytest.mark.parametrize("repairs", [repair, lambda path: sweep(path.parent)])
def test_killed_anywhere_a_folder_is_old_or_new(tmp_path, repairs):
    path = tmp_path / "out"
    seen = set()
    for kill in every_kill():
        shutil.rmtree(path, ignore_errors=True)
        write_folder(path, "old")
        with kill:
            write_folder(path, "new")
        repairs(path)
        assert read_folder(path) in (whole("old"), whole("new"))
        assert os.listdir(tmp_path) == ["out"]
        seen.add(path.joinpath("a.txt").read_text())
    assert seen == {"old", "new"}


def test_killed_anywhere_the_rerun_works(tmp_path):
    path = tmp_path / "out"
    write_folder(path, "old")
    for kill in every_kill():
        with kill:
            write_folder(path, "new")
        write_folder(path, "rerun")
        assert read_folder(path) == whole("rerun")
        assert os.listdir(tmp_path) == ["out"]


def test_killed_while_repairing_a_folder_is_old_or_new(tmp_path):
    path = tmp_path / "out"
    write_folder(path, "old")
    for first in every_kill():
        for second in every_kill():
            with first:
                write_folder(path, "new")
            with second:
                repair(path)
            repair(path)
            assert read_folder(path) in (whole("old"), whole("new"))
            assert os.listdir(tmp_path) == ["out"]


def test_what_is_being_removed_never_comes_back(tmp_path):
    # The new folder is moved away by its user before the next run.
    path = tmp_path / "out"
    for kill in every_kill():
        shutil.rmtree(path, ignore_errors=True)
        write_folder(path, "old")
        with kill:
            write_folder(path, "new")
        if path.exists() and read_folder(path) == whole("new"):
            shutil.rmtree(path)
        repair(path)
        found = read_folder(path) if path.exists() else whole("old")
        assert found == whole("old")


def test_killed_anywhere_a_file_is_old_or_new(tmp_path):
    path = tmp_path / "out.txt"
    for kill in every_kill():
        write_file(path, "old")
        with kill:
            write_file(path, "new")
        assert path.read_text() in ("old", "new")
        repair(path)
        assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("replaced", [replaced_file, replaced_folder])
def test_error_leaves_the_old_one_and_no_litter(tmp_path, replaced):
    path = tmp_path / "out"
    with replaced(path) as new:
        new = new / "a" if new.is_dir() else new
        new.write_text("old")
    with pytest.raises(KeyboardInterrupt), replaced(path):
        raise KeyboardInterrupt
    written = path / "a" if path.is_dir() else path
    assert written.read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(errno.ENOSPC, "No space left"), id="number"),
        pytest.param(OSError(errno.EDQUOT, "quota"), id="quota"),
        pytest.param(
            RuntimeError("write failed: errno = 28, 'No space left on device'"),
            id="words",
        ),
    ],
)
def test_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "out.txt"
    write_file(path, "old")
    with pytest.raises(DiskFullError, match="out.txt could not be written"):
        with replaced_file(path) as new:
            new.write_text("n")
            raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_other_errors_pass_a_full_disks_name():
    with pytest.raises(KeyError), disk_full_named("x"):
        raise KeyError("x")


def test_second_writer_of_a_file_waits(tmp_path):
    path = tmp_path / "out.txt"
    other = threading.Thread(target=write_file, args=(path, "second"))
    with replaced_file(path) as new:
        other.start()
        other.join(0.05)
        assert other.is_alive()
        new.write_text("first")
    other.join(10)
    assert path.read_text() == "second"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_sweep_leaves_what_is_being_written(tmp_path):
    with replaced_file(tmp_path / "out.txt") as new:
        new.write_text("a")
        sweep(tmp_path)
        repair(tmp_path / "out.txt")
        assert new.exists()
    sweep(tmp_path / "missing")


def test_file_system_without_locks_is_written_but_not_swept(
    tmp_path, monkeypatch
):
    def refuse(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    path = tmp_path / "out"
    write_folder(path, "old")
    with contextlib.suppress(Killed), monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        write_folder(path, "new")
        (tmp_path / ".x.o2v-partial").mkdir()
        sweep(tmp_path)
    assert read_folder(path) == whole("new")
    assert (tmp_path / ".x.o2v-partial").exists()


def test_files_of_others_in_a_staging_folder_stay(tmp_path):
    staging = tmp_path / ".out.o2v-partial"
    staging.mkdir()
    (staging / "notes.txt").touch()
    (staging / "new").touch()
    write_file(tmp_path / "out", "a")
    assert os.listdir(staging) == ["notes.txt"]


def test_links_are_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "real")
    write_folder(tmp_path / "out", "a")
    write_folder(tmp_path / "out", "b")
    assert (tmp_path / "out").is_symlink()
    assert read_folder(tmp_path / "disk" / "real") == whole("b")


def test_device_is_written_to_and_not_replaced():
    write_file("/dev/null", "a")
    assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")


@pytest.mark.parametrize(
    ("name", "text"),
    [("none/out.txt", "there is no folder"), ("folder", "must be a file")],
)
def test_impossible_file_is_named(tmp_path, name, text):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=text):
        write_file(tmp_path / name, "a")


def test_mounted_volume_is_not_replaced():
    with pytest.raises(OSError, match="inside a mounted volume"):
        with replaced_folder("/proc"):
            pass
