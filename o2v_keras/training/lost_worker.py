"""What the other workers do when one is gone."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from o2v_keras.training.worker import Worker

# How TensorFlow reports a peer that it cannot reach any more.
_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
_TASK = re.compile(r"/job:(chief|worker)/(?:replica:\d+/)?task:(\d+)")


class LostWorkerError(ConnectionError):
    """Another worker is gone; all of them have to start again."""


@contextlib.contextmanager
def lost_workers_named() -> Iterator[None]:
    """Turns TensorFlow's errors about unreachable peers into one sentence.

    Raises:
        LostWorkerError: Instead of such an error, where `TF_CONFIG` names
            several workers.
    """
    try:
        yield
    except _ERRORS as error:
        worker = Worker.from_environment()
        if worker.count == 1:
            raise
        raise LostWorkerError(
            f"Lost the connection to {_lost(worker, str(error))}, so "
            f"{worker.name} stops as well. Start all workers again with "
            f"`--resume` (`resume=True`): they go on from the last "
            f"checkpoint. `o2v launch` does so by itself. TensorFlow says: "
            f"{_first_line(error)}"
        ) from error


def _lost(worker, message):
    """Names the workers that TensorFlow's message is about, if any."""
    others = sorted(
        {
            int(task)
            for _, task in _TASK.findall(message)
            if int(task) < worker.count
        }
        - {worker.index}
    )
    if not others:
        return "another worker"
    return " and ".join(f"worker {i} ({worker.addresses[i]})" for i in others)


def _first_line(error):
    return str(error).strip().partition("\n")[0]
