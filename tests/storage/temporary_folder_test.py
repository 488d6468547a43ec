import os
import signal
import subprocess
import sys
import tempfile

import pytest

from o2v_keras.storage import temporary_folder
from o2v_keras.storage.temporary_folder import TemporaryFolder

HOLD = """
import time
from o2v_keras.storage.temporary_folder import TemporaryFolder
print(TemporaryFolder("use").path, flush=True)
time.sleep(60)
"""


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    temporary_folder._sweep.cache_clear()
    return tmp_path


def test_folder_is_removed_at_the_end(scratch):
    with TemporaryFolder("use") as path:
        (path / "a").touch()
        assert path.parent == scratch
    assert os.listdir(scratch) == []


def test_folder_of_a_living_process_stays_and_of_a_killed_one_goes(scratch):
    (scratch / "o2v-use-mine").mkdir()
    command = [sys.executable, "-c", HOLD]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with owner:
        made = owner.stdout.readline().strip()
        with TemporaryFolder("use"):
            assert os.path.isdir(made)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    temporary_folder._sweep.cache_clear()
    assert os.path.isdir(made)
    with TemporaryFolder("use"):
        assert not os.path.exists(made)
    assert os.listdir(scratch) == ["o2v-use-mine"]
