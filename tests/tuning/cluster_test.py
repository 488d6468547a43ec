import os
import socket
import threading

import pytest

from o2v_keras.__main__ import main
from o2v_keras.tuning import cluster as module
from o2v_keras.tuning.cluster import SearchProcess
from tests.tuning.small_search import FIXED
from tests.tuning.small_search import IGNORED
from tests.tuning.small_search import small_search

pytestmark = pytest.mark.filterwarnings(IGNORED)


@pytest.fixture
def taken():
    """A port that someone listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free():
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return port


def set_role(monkeypatch, name, port, ip="127.0.0.1"):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", name)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", ip)
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(port))


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "80.5"])
def test_a_port_is_a_number(monkeypatch, tmp_path, port):
    set_role(monkeypatch, "chief", port)
    message = f"must be a number from 1 to 65535. Received: .*={port}"
    with pytest.raises(ValueError, match=message):
        small_search(tmp_path / "search")


def test_a_chief_needs_a_free_port(monkeypatch, tmp_path, taken):
    set_role(monkeypatch, "chief", taken)
    with pytest.raises(ValueError, match="another process uses this port"):
        small_search(tmp_path / "search")
    assert not (tmp_path / "search").exists()


# An address for documentation, which no machine has.
@pytest.mark.parametrize("ip", ["192.0.2.1", "[2001:db8::1]"])
def test_a_chief_listens_at_an_address_of_its_own(
    monkeypatch, tmp_path, free, ip
):
    set_role(monkeypatch, "chief", free, ip)
    with pytest.raises(ValueError, match="The chief cannot listen at") as info:
        small_search(tmp_path / "search")
    if ip == "192.0.2.1":
        assert "no address of this machine" in str(info.value)


def test_a_worker_says_whom_it_waits_for_and_gives_up(
    monkeypatch, tmp_path, free, capsys
):
    monkeypatch.setattr(module, "_MINUTES_TO_WAIT", 1 / 60)
    set_role(monkeypatch, "worker0", free)
    words = "tune --train t --validation v --directory d".split()
    sizes = [f"--set={n}={v}" for n, v in FIXED.items()]
    status = main([*words, *sizes])
    assert status == os.EX_TEMPFAIL
    printed = capsys.readouterr()
    place = f"127.0.0.1:{free}"
    assert f"waiting for the chief of this search at {place}" in printed.out
    assert f"No chief of this search was at {place}" in printed.err
    assert "KERASTUNER_TUNER_ID=chief" in printed.err


def test_a_worker_goes_on_once_its_chief_is_there(monkeypatch, free):
    set_role(monkeypatch, "worker0", free)
    servers = []

    def start(text):
        assert text.startswith("waiting for the chief")
        servers.append(socket.create_server(("127.0.0.1", free)))

    waiting = threading.Thread(
        target=SearchProcess.from_environment().wait_for_chief, args=(start,)
    )
    waiting.start()
    waiting.join(10)
    assert not waiting.is_alive()
    servers[0].close()


def test_whoever_searches_alone_waits_for_nobody():
    process = SearchProcess()
    process.require_free_address()
    process.wait_for_chief()
