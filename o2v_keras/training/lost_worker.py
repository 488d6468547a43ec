"""What the other workers do when one is gone."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator

import tensorflow as tf

from o2v_keras.training.chief_watch import ChiefWatch
from o2v_keras.training.worker import Worker

# How TensorFlow reports a peer that it cannot reach any more.
_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
# What comes of Ctrl-C while TensorFlow makes one of these errors.
_INTERRUPTED = "REPLACED BY KeyboardInterrupt"
_TASK = re.compile(r"/job:worker/(?:replica:\d+/)?task:(\d+)")
_REASON = re.compile(
    "Collective ops is aborted by: (.*?)(?:The error could be|$)", re.DOTALL
)


class LostWorkerError(ConnectionError):
    """Another worker is gone; all of them have to start again."""


@contextlib.contextmanager
def lost_workers_named() -> Iterator[None]:
    """Ends this worker in a sentence when another one is gone.

    Most losses TensorFlow raises as errors of its own. That of the chief may
    leave this process waiting within TensorFlow, where no exception can
    reach it: then the process ends with the sentence and status 75.

    Raises:
        LostWorkerError: Instead of TensorFlow's error, where `TF_CONFIG`
            names several workers.
        KeyboardInterrupt: If that came while TensorFlow made its error.
    """
    worker = Worker.from_environment()
    with ChiefWatch(worker, on_loss=lambda: _end_process(worker)):
        try:
            yield
        except _ERRORS as error:
            if worker.count == 1:
                raise
            reason = _REASON.search(str(error))
            reason = " ".join((reason[1] if reason else str(error)).split())
            lost = _lost(worker, str(error))
            raise LostWorkerError(
                f"{_sentence(worker, lost)} TensorFlow says: {reason}"
            ) from error
        except RuntimeError as error:
            if _INTERRUPTED not in str(error):
                raise
            raise KeyboardInterrupt from error


def _end_process(worker):
    print(f"o2v: {_sentence(worker, {0})}", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(os.EX_TEMPFAIL)


def _sentence(worker, lost):
    names = " and ".join(map(worker.name_of, sorted(lost)))
    return (
        f"Lost the connection to {names or 'another worker'}, so "
        f"{worker.name} stops as well. Start all workers again with "
        f"`--resume` (`resume=True`): they go on from the last checkpoint. "
        f"`o2v launch` does so by itself."
    )


def _lost(worker, message):
    """The numbers of the other workers that TensorFlow's message names."""
    return set(map(int, _TASK.findall(message))) - {worker.index}
