import os

import pytest

from o2v_keras.storage.lock import InUseError
from o2v_keras.storage.output_folder import OutputFolder
from tests.storage.kills import every_kill

FILES = ["ids.json", "logs/*/events.*"]


def output(path, kind="an index", **options):
    return OutputFolder(path, "directory", kind, FILES, **options)


def fill(folder):
    (folder / "ids.json").write_text("[]")
    (folder / "logs" / "train").mkdir(parents=True)
    (folder / "logs" / "train" / "events.1").touch()


def listing(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


@pytest.fixture
def ours(tmp_path):
    folder = tmp_path / "out"
    output(folder).begin()
    fill(folder)
    return folder


@pytest.mark.parametrize("check", ["check", "check_replaceable"])
def test_new_empty_and_own_folders_pass(tmp_path, ours, check):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new", tmp_path / "empty", ours):
        getattr(output(folder), check)()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("check", ["check", "check_replaceable"])
def test_folder_of_others_is_refused_by_name(tmp_path, check):
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError) as info:
        getattr(output(tmp_path), check)()
    assert str(info.value) == (
        "`directory` must be a new or empty folder, or one with an index that "
        f"this program wrote. Received: directory={str(tmp_path)!r}, which "
        "holds a, b, c and 1 more"
    )


def test_result_of_another_kind_is_refused(ours):
    with pytest.raises(ValueError, match="holds ids.json, logs; it holds an i"):
        output(ours, "a search").check()


def test_file_is_no_folder(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ValueError, match="it is a file"):
        output(tmp_path / "a").check()
    with pytest.raises(ValueError, match="Not a directory"):
        output(tmp_path / "a" / "b").begin()


def test_older_result_is_recognised(tmp_path):
    fill(tmp_path)
    older = lambda path: (path / "ids.json").exists()  # noqa: E731
    output(tmp_path, older=older).check_replaceable()
    (tmp_path / "ids.json").unlink()
    with pytest.raises(ValueError, match="which holds logs"):
        output(tmp_path, older=older).check()


def test_files_of_others_in_a_result_are_named_before_it_is_replaced(ours):
    (ours / "logs" / "mine.txt").touch()
    (ours / "logs" / "train" / "mine.txt").touch()
    output(ours).check()
    with pytest.raises(ValueError) as info:
        with output(ours).replaced():
            pass
    assert str(info.value) == (
        "`directory` must hold nothing but an index, which is replaced. "
        f"Received: directory={str(ours)!r}, which also holds logs/mine.txt, "
        "logs/train/mine.txt. Move that away, or name another folder."
    )


def test_clear_removes_our_files_alone(ours):
    (ours / "notes.txt").touch()
    (ours / "logs" / "mine.txt").touch()
    output(ours).clear()
    assert listing(ours) == [".o2v.json", "logs/mine.txt", "notes.txt"]
    assert not (ours / "logs" / "train").exists()


def test_replaced_folder_lists_what_it_was_filled_with(ours):
    with output(ours).replaced() as new:
        (new / "odd [1].txt").touch()
    assert listing(ours) == [".o2v.json", "odd [1].txt"]
    assert output(ours).foreign() == []
    (ours / "odd 1.txt").touch()
    assert output(ours).foreign() == ["odd 1.txt"]


def test_marked_folders_within_are_judged_by_their_own_marker(ours):
    inner = OutputFolder(ours / "cards" / "a", "output", "a card", ["card.md"])
    inner.begin()
    (inner.path / "card.md").touch()
    (inner.path / "ids.json").touch()
    assert output(ours).foreign() == ["cards/a/ids.json"]


def test_second_kind_in_a_folder_is_marked_too(ours):
    OutputFolder(ours, "output", "a card", ["card.md"]).begin()
    (ours / "card.md").touch()
    assert output(ours).is_ours
    assert output(ours).foreign() == []


def test_names_of_others_are_not_written_over(tmp_path):
    (tmp_path / "notes.txt").touch()
    output(tmp_path).check_names()
    (tmp_path / "ids.json").touch()
    with pytest.raises(ValueError, match="which holds ids.json. Move that"):
        output(tmp_path).check_names()
    output(tmp_path).begin()
    output(tmp_path).check_names()


def test_begin_cleans_up_after_a_killed_writer(ours):
    (ours / ".ids.json.o2v-partial").mkdir()
    (ours / ".ids.json.o2v-partial" / "new").touch()
    output(ours).begin()
    assert not (ours / ".ids.json.o2v-partial").exists()


def test_unreadable_marker_marks_nothing(ours):
    (ours / ".o2v.json").write_text("{")
    assert not output(ours).is_ours


def test_killed_anywhere_the_folder_stays_ours(tmp_path):
    folder = tmp_path / "out"
    for kill in every_kill():
        with kill, output(folder).replaced() as new:
            fill(new)
        output(folder).check_replaceable()
        assert set(os.listdir(tmp_path)) <= {"out"}


def test_claimed_folder_is_kept_where_something_is_left(tmp_path):
    with output(tmp_path / "a" / "b").claimed("trains in"):
        with pytest.raises(InUseError, match=f"trains in {tmp_path}/a/b"):
            with output(tmp_path / "a" / "b").claimed("trains in"):
                pass
        fill(tmp_path / "a" / "b")
    assert output(tmp_path / "a" / "b").is_ours


def test_claimed_folder_is_removed_where_nothing_is_left(tmp_path):
    with pytest.raises(KeyError), output(tmp_path / "a").claimed("trains in"):
        raise KeyError
    with output(tmp_path).claimed("trains in"):
        pass
    assert os.listdir(tmp_path) == []
