"""The cluster of workers (`TF_CONFIG`), and failure detection."""

import contextlib
import dataclasses
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

import tensorflow as tf

from o2v_keras.config.json_object import distinct_keys

_JOBS = ("chief", "worker")
# TensorFlow's errors about a lost worker.
_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
# The message of such an error if Ctrl-C interrupts its creation.
_INTERRUPTED = "REPLACED BY KeyboardInterrupt"
_TASK = re.compile(r"/job:worker/(?:replica:\d+/)?task:(\d+)")
_REASON = re.compile(
    "Collective ops is aborted by: (.*?)(?:The error could be|$)", re.DOTALL
)


@dataclasses.dataclass(frozen=True)
class Worker:
    """One of the processes that train a model together.

    Args:
        index: int. Its number, counted from 0. Worker 0 is the chief, which
            writes models, logs and checkpoints and prints.
        addresses: `host:port` of every worker, by number; empty for a single
            worker.

    Example:
    >>> worker = Worker(1, ("10.0.0.1:2222", "10.0.0.2:2222"))
    >>> worker.count, worker.is_chief
    (2, False)
    """

    index: int = 0
    addresses: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of workers."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes files and prints."""
        return self.index == 0

    @property
    def name(self) -> str:
        """This worker's number and address, for messages."""
        return self.name_of(self.index)

    def name_of(self, index: int) -> str:
        """Returns the number and address of a worker, for messages."""
        return f"worker {index} ({self.addresses[index]})"

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None
    ) -> "Worker":
        """Reads the variable `TF_CONFIG` of `tf.distribute`.

        Its format is `{"cluster": {"worker": ["host:port", ...]}, "task":
        {"type": "worker", "index": 0}}`, optionally with a job `chief` of one
        address, which becomes worker 0.

        Args:
            environment: Variables by name. Defaults to `None`: the
                process's.

        Returns:
            The worker; a single one without `TF_CONFIG` or if its cluster
            has one address.

        Raises:
            ValueError: If `TF_CONFIG` is malformed, has parameter servers or
                an evaluator, or its task is not in its cluster.

        Example:
        >>> config = '''{
        ...     "cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]},
        ...     "task": {"type": "worker", "index": 1}
        ... }'''
        >>> Worker.from_environment({"TF_CONFIG": config}).name
        'worker 2 (c:1)'
        """
        if environment is None:
            environment = os.environ
        text = environment.get("TF_CONFIG", "")
        config = _parse(text) if text.strip() else {}
        if not config.get("cluster"):
            return cls()
        cluster = _cluster(config["cluster"], text)
        job, task = _task(config.get("task"), cluster, text)
        addresses = tuple(a for name in _JOBS for a in cluster.get(name, ()))
        if len(addresses) == 1:
            return cls()
        before = len(cluster.get("chief", ())) if job == "worker" else 0
        return cls(before + task, addresses)


def _parse(text):
    try:
        config = json.loads(text, object_pairs_hook=distinct_keys)
    except ValueError as error:
        raise _error(f"be JSON ({error})", text) from None
    if not isinstance(config, dict):
        raise _error("be a JSON object", text)
    return config


def _cluster(cluster, text):
    if not isinstance(cluster, dict):
        raise _error("have an object of jobs as `cluster`", text)
    foreign = sorted(set(cluster) - set(_JOBS))
    if foreign:
        raise _error(
            f"have only the jobs chief and worker in `cluster`, not "
            f"{', '.join(foreign)}: every process holds the whole model; "
            f"there are no parameter servers or evaluators",
            text,
        )
    for job, addresses in cluster.items():
        if not isinstance(addresses, list) or not all(
            map(_is_address, addresses)
        ):
            raise _error(
                f'have a list of "host:port" strings as `cluster.{job}`', text
            )
    if len(cluster.get("chief", ())) > 1:
        raise _error("have at most one chief in `cluster`", text)
    addresses = [a for job in cluster.values() for a in job]
    if len(set(addresses)) < len(addresses):
        raise _error("have every address in `cluster` once", text)
    return cluster


def _is_address(address):
    host, _, port = str(address).rpartition(":")
    return isinstance(address, str) and bool(host) and port.isdecimal()


def _task(task, cluster, text):
    if not isinstance(task, dict) or not {"type", "index"} <= set(task):
        raise _error("have `task` with `type` and `index`", text)
    job, index = task["type"], task["index"]
    if job not in cluster:
        raise _error(
            f"name a job of its cluster, {' or '.join(cluster)}, in "
            f"`task.type`",
            text,
        )
    size = len(cluster[job])
    try:
        number = int(index)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < size:
        raise _error(
            f"have a `task.index` from 0 to {size - 1}, since `cluster.{job}` "
            f"has {size} address(es)",
            text,
        )
    return job, number


def _error(rule, text):
    return ValueError(f"`TF_CONFIG` must {rule}. Received: TF_CONFIG={text}")


class ChiefHeartbeat:
    """Checks every second, in a thread, that the chief accepts connections.

    TensorFlow reports a lost worker to the chief within about ten seconds,
    but workers whose chief was killed wait forever. A chief that is merely
    slow still accepts connections.

    Args:
        worker: This worker; the chief checks nothing.
        on_loss: Called in the thread if the chief was reachable, then failed
            three checks in a row, and `patience` has passed.
        patience: float. Seconds in which TensorFlow may detect the loss
            first. Defaults to 15.
        interval: float. Seconds between checks. Defaults to 1.

    Example:
    >>> with ChiefHeartbeat(Worker(), on_loss=print):
    ...     pass  # A single worker checks nothing.
    """

    def __init__(
        self,
        worker: Worker,
        on_loss: Callable[[], None],
        patience: float = 15.0,
        interval: float = 1.0,
    ):
        self._worker = worker
        self._on_loss = on_loss
        self._patience = patience
        self._interval = interval
        self._stop = threading.Event()

    def __enter__(self):
        if not self._worker.is_chief:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._stop.set()

    def _watch(self):
        seen, failures = False, 0
        while failures < 3:
            if self._stop.wait(self._interval):
                return
            if self._chief_listens():
                seen, failures = True, 0
            elif seen:
                failures += 1
        if not self._stop.wait(self._patience):
            self._on_loss()

    def _chief_listens(self):
        host, _, port = self._worker.addresses[0].rpartition(":")
        try:
            # IPv6 addresses are in brackets.
            address = host.strip("[]"), int(port)
            socket.create_connection(address, timeout=5).close()
        except OSError:
            return False
        return True


class LostWorkerError(ConnectionError):
    """Another worker is lost; all workers must be restarted."""


@contextlib.contextmanager
def lost_workers_reported() -> Iterator[None]:
    """Stops this worker with a clear message if another one is lost.

    TensorFlow raises most losses as its own errors. The loss of the chief can
    leave this process blocked in TensorFlow, where it cannot receive an
    exception: the process then prints the message and exits with status 75.

    Raises:
        LostWorkerError: Instead of TensorFlow's error, if `TF_CONFIG` has
            several workers.
        KeyboardInterrupt: If it interrupted the creation of an error.
    """
    worker = Worker.from_environment()
    with ChiefHeartbeat(worker, on_loss=lambda: _end_process(worker)):
        try:
            yield
        except _ERRORS as error:
            if worker.count == 1:
                raise
            reason = _REASON.search(str(error))
            reason = " ".join((reason[1] if reason else str(error)).split())
            # TensorFlow's message names the numbers of lost workers.
            lost = set(map(int, _TASK.findall(str(error)))) - {worker.index}
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
        f"`--resume` (`resume=True`): they continue from the last "
        f"checkpoint. `o2v launch` does so automatically."
    )
