"""The cluster of workers, as `TF_CONFIG` says it."""

import dataclasses
import json
import os
from collections.abc import Mapping

from o2v_keras.config.json_object import distinct_keys

_JOBS = ("chief", "worker")


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

    def to_environment(self) -> dict[str, str]:
        """Returns the variable that `from_environment` reads.

        Example:
        >>> worker = Worker(1, ("a:1", "b:1"))
        >>> Worker.from_environment(worker.to_environment()) == worker
        True
        """
        config = {
            "cluster": {"worker": self.addresses},
            "task": {"type": "worker", "index": self.index},
        }
        return {"TF_CONFIG": json.dumps(config)}


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
