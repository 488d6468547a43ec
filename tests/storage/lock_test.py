import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from o2v_keras.storage.lock import LOCK_FILE
from o2v_keras.storage.lock import InUseError
from o2v_keras.storage.lock import locked_folder

HOLD = """
import sys, time
from o2v_keras.storage.lock import locked_folder
with locked_folder(sys.argv[1], "trains in"):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_second_one_is_refused_and_told_the_first(tmp_path):
    with locked_folder(tmp_path, "trains in"):
        with pytest.raises(InUseError) as info:
            with locked_folder(tmp_path, "trains in"):
                pass
    assert re.fullmatch(
        rf"Process {os.getpid()} on host {socket.gethostname()}, since "
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, trains in {tmp_path}\. Wait "
        r"until it has ended, stop it, or name another folder\.",
        str(info.value),
    )
    assert os.listdir(tmp_path) == []


def test_lock_is_free_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked_folder(tmp_path, "trains in"):
        raise KeyError
    with locked_folder(tmp_path, "trains in"):
        assert os.listdir(tmp_path) == [LOCK_FILE]


def test_lock_of_a_killed_process_is_taken_over(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout.readline() == "locked\n"
        with pytest.raises(InUseError, match=f"Process {owner.pid} on host"):
            with locked_folder(tmp_path, "trains in"):
                pass
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert os.listdir(tmp_path) == [LOCK_FILE]
    with locked_folder(tmp_path, "trains in"):
        assert str(os.getpid()) in (tmp_path / LOCK_FILE).read_text()


def test_owner_that_has_no_name_yet(tmp_path):
    with locked_folder(tmp_path, "trains in"):
        (tmp_path / LOCK_FILE).write_text("")
        with pytest.raises(InUseError, match="^Another process trains in"):
            with locked_folder(tmp_path, "trains in"):
                pass
