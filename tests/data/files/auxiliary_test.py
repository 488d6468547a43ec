import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.auxiliary import auxiliary_file


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "words.txt").write_text("the")
    return tmp_path


def test_relative_paths_count_from_the_folder(folder):
    expected = str(folder / "sub" / "words.txt")
    assert auxiliary_file("f", "words.txt", folder / "sub") == expected
    assert auxiliary_file("f", "sub/words.txt", folder) == expected


def test_relative_paths_count_from_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder)
    expected = str(folder / "sub" / "words.txt")
    assert auxiliary_file("f", "sub/words.txt") == expected


def test_whole_paths_need_no_folder(folder):
    path = str(folder / "sub" / "words.txt")
    assert auxiliary_file("f", path, "elsewhere") == path
    assert auxiliary_file("f", f"file://{path}", folder) == f"file://{path}"
    remote = f"file://{folder}/sub"
    assert auxiliary_file("f", "words.txt", remote) == f"file://{path}"


@pytest.mark.parametrize("name", ["a.txt", "sub", "file:///none/a.txt"])
def test_says_where_it_looked(folder, name):
    path = name if "://" in name else str(folder / name)
    message = f"`f` must name a file in the auxiliary .* no file {path}"
    with pytest.raises(DataError, match=message):
        auxiliary_file("f", name, folder)


def test_names_the_argument(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(DataError, match=rf"`--auxiliary DIR`.* {folder}/a"):
        auxiliary_file("f", "a")
