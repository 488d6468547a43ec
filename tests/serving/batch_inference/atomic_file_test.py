import os

import pytest

from serving.batch_inference.atomic_file import atomic_file


@pytest.mark.parametrize("old", [None, b"old"], ids=["new", "old"])
def test_half_a_file_never_has_the_name(tmp_path, old):
    path = tmp_path / "a"
    if old:
        path.write_bytes(old)
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as file:
        file.write(b"half")
        file.flush()
        raise KeyboardInterrupt
    assert (path.read_bytes() if path.exists() else None) == old


def test_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path = tmp_path / "a"
    seen = []

    def fsync(file):
        aside = tmp_path / "a.tmp"
        seen.append(aside.read_bytes() if aside.exists() else path.read_bytes())
        seen.append(path.exists())

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_file(path) as file:
        file.write(b"whole")
    # First the file itself, then the folder with the new name.
    assert seen == [b"whole", False, b"whole", True]
