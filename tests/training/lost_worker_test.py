import json

import pytest
import tensorflow as tf

from o2v_keras.__main__ import main
from o2v_keras.training.lost_worker import LostWorkerError
from o2v_keras.training.lost_worker import lost_workers_named

# As TensorFlow 2.21 words it.
MESSAGE = """Graph execution error:
Collective ops is aborted by: Error reported from /job:worker/task:1: The \
following tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed.
The error could be from a previous operation. Restart your program to reset.
\t [[{{node CollectiveReduceV2}}]]"""
ERROR = tf.errors.UnavailableError(None, None, MESSAGE)


@lost_workers_named()
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
        "go on from the last checkpoint. `o2v launch` does so by itself. "
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
        "o2v_keras.training.launch.launch",
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
