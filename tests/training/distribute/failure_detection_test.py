import json
import socket
import threading

import pytest
import tensorflow as tf

from o2v_keras.__main__ import main
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.failure_detection import ChiefHeartbeat
from o2v_keras.training.distribute.failure_detection import LostWorkerError
from o2v_keras.training.distribute.failure_detection import (
    lost_workers_reported,
)

# As TensorFlow 2.21 words it.
MESSAGE = """Graph execution error:
Collective ops is aborted by: Error reported from /job:worker/task:1: The \
following tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed.
The error could be from a previous operation. Restart your program to reset.
\t [[{{node CollectiveReduceV2}}]]"""
ERROR = tf.errors.UnavailableError(None, None, MESSAGE)


@pytest.fixture
def chief():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def watch(chief, index=1, patience=0.0):
    """Returns a watch over `chief` and the event it sets at the loss."""
    lost = threading.Event()
    address = f"127.0.0.1:{chief.getsockname()[1]}"
    worker = Worker(index, (address, "127.0.0.1:1"))
    return ChiefHeartbeat(worker, lost.set, patience, interval=0.01), lost


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


@lost_workers_reported()
def fail(error):
    raise error


def set_cluster(monkeypatch, cluster, job="worker", index=0):
    task = {"type": job, "index": index}
    text = json.dumps({"cluster": cluster, "task": task})
    monkeypatch.setenv("TF_CONFIG", text)


def test_names_the_lost_worker_and_what_to_do(monkeypatch):
    set_cluster(monkeypatch, {"worker": ["a:1", "b:1", "c:1"]})
    with pytest.raises(LostWorkerError) as raised:
        fail(ERROR)
    assert str(raised.value) == (
        "Lost the connection to worker 1 (b:1), so worker 0 (a:1) stops as "
        "well. Start all workers again with `--resume` (`resume=True`): they "
        "continue from the last checkpoint. `o2v launch` does so "
        "automatically. "
        "TensorFlow says: Error reported from /job:worker/task:1: The "
        "following tasks are unhealthy (stopped sending heartbeats): "
        "/job:worker/replica:0/task:1 The tasks have crashed."
    )


def test_a_worker_alone_keeps_tensorflows_error(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(tf.errors.UnavailableError):
        fail(ERROR)


def test_other_errors_pass(monkeypatch):
    set_cluster(monkeypatch, {"worker": ["a:1", "b:1"]})
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids"):
        fail(tf.errors.InvalidArgumentError(None, None, "ids"))


def test_command_ends_with_a_status_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr(
        "o2v_keras.training.distribute.launch.launch",
        lambda *_: fail_with(LostWorkerError("Lost it.")),
    )
    assert main(["launch", "--", "train"]) == 75
    assert capsys.readouterr().err == "o2v launch: Lost it.\n"


def fail_with(error):
    raise error


def test_an_interruption_within_tensorflows_error_stays_one():
    message = (
        "MISMATCH of original and normalized active exception types: ORIGINAL "
        "UnavailableError REPLACED BY KeyboardInterrupt: <EMPTY MESSAGE>"
    )
    with pytest.raises(KeyboardInterrupt):
        fail(RuntimeError(message))
    with pytest.raises(RuntimeError, match="another"):
        fail(RuntimeError("another"))
