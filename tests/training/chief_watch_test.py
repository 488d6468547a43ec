import socket
import threading

import pytest

from o2v_keras.training.chief_watch import ChiefWatch
from o2v_keras.training.worker import Worker


@pytest.fixture
def chief():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def watch(chief, index=1, patience=0.0):
    """Returns a watch over `chief` and the event it sets at the loss."""
    lost = threading.Event()
    address = f"127.0.0.1:{chief.getsockname()[1]}"
    worker = Worker(index, (address, "127.0.0.1:1"))
    return ChiefWatch(worker, lost.set, patience, interval=0.01), lost


def accept(chief):
    for _ in range(3):
        chief.accept()[0].close()


def test_notices_that_the_chief_is_gone(chief):
    watching, lost = watch(chief)
    with watching:
        accept(chief)
        assert not lost.is_set()
        chief.close()
        assert lost.wait(10)


def test_leaves_tensorflow_time_to_notice(chief):
    watching, lost = watch(chief, patience=60)
    with watching:
        accept(chief)
        chief.close()
        assert not lost.wait(0.3)


def test_waits_for_a_chief_that_has_not_started(chief):
    watching, lost = watch(chief)
    chief.close()
    with watching:
        assert not lost.wait(0.3)


def test_nothing_is_lost_after_the_end(chief):
    watching, lost = watch(chief)
    with watching:
        accept(chief)
    chief.close()
    assert not lost.wait(0.3)


def test_the_chief_watches_nobody(chief):
    watching, lost = watch(chief, index=0)
    chief.settimeout(0.3)
    with watching, pytest.raises(TimeoutError):
        chief.accept()
    assert not lost.is_set()
