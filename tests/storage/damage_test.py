import zipfile

import pytest

from o2v_keras.storage.damage import DamagedFileError
from o2v_keras.storage.damage import check_archive
from o2v_keras.storage.damage import read_json


def test_json_that_is_cut_off_is_named(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": 1')
    with pytest.raises(DamagedFileError) as info:
        read_json(path, "Make it again.")
    assert str(info.value).startswith(f"{path} is damaged (Expecting ',' ")
    assert str(info.value).endswith("). Make it again.")


def test_missing_file_is_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "a.json", "Make it again.")


def test_any_bit_of_an_archive_counts(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"0123456789" * 9)
        archive.writestr("b", b"9876543210" * 9)
    check_archive(path, "")
    whole = path.read_bytes()
    found = 0
    for place in range(len(whole)):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]
        )
        try:
            check_archive(path, "Make it again.")
        except DamagedFileError:
            found += 1
        else:  # a date that nothing reads, or an entry that is not found
            with zipfile.ZipFile(path) as archive:
                if len(archive.namelist()) == 2:
                    assert archive.read("a") == b"0123456789" * 9
                    assert archive.read("b") == b"9876543210" * 9
    assert found > 180
