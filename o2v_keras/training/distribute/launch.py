"""Starts the workers of a training, and restarts them if one fails."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from o2v_keras.config.json_object import read_json_object
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.cluster_managers import kubernetes_worker
from o2v_keras.training.distribute.cluster_managers import sagemaker_worker
from o2v_keras.training.distribute.cluster_managers import slurm_worker

CLUSTERS = ("local", "kubernetes", "slurm", "sagemaker")
_SAGEMAKER_RESOURCES = "/opt/ml/input/config/resourceconfig.json"

# Statuses after which a restart is useless: success, and a user's error.
_USERS_ERROR = 2
_FINAL = (0, _USERS_ERROR)
_SECONDS_TO_STOP = 5
# Time for workers on other machines to detect the loss.
_SECONDS_TO_NOTICE = 15
# The first words of a worker's final report: its error or its usage.
_REPORTS = ("o2v train: ", "usage: o2v train")


def launch(
    command: Sequence[str],
    workers: int | None = None,
    max_restarts: int = 3,
    cluster: str | None = None,
) -> int:
    """Runs the workers of a training until it ends.

    On `"local"` it starts `workers` processes on this machine, each with its
    `TF_CONFIG` on free ports. Elsewhere it starts one process: run one
    `launch` in every pod, task or instance. If a worker fails, all workers of
    this machine are stopped and restarted with `--resume`; workers on other
    machines stop on their own, and their `launch` restarts them.

    The workers' output is printed, with several workers after `[0] ` for
    worker 0 and so on; an error of several workers is printed once. SIGINT
    and SIGTERM are forwarded and end the training; workers that still run 5
    seconds later are killed.

    Args:
        command: Words after `o2v`, such as `["train", "--train", ...]`.
        workers: int. Processes on this machine, or with `"kubernetes"` the
            Job's `completions`; otherwise `None`. Defaults to `None`.
        max_restarts: int. Largest number of restarts. Defaults to 3.
        cluster: Where it runs: `"local"`, or `"kubernetes"`, `"slurm"` or
            `"sagemaker"`, whose variables then give `TF_CONFIG`. Defaults to
            `None`: `"local"` with `workers`, otherwise the current
            `TF_CONFIG`.

    Returns:
        The exit status: 0; 2 after a user's error; 128 + n if signal n ended
        this process or, after the last restart, a worker; otherwise the
        status of the worker that failed last.

    Raises:
        ValueError: If an argument is invalid, both `workers` and `TF_CONFIG`
            are missing, or a variable of the cluster is missing or
            contradicts another.
    """
    command = list(command)
    if cluster is None and workers is not None:
        cluster = "local"
    _check(command, workers, max_restarts)
    _check_cluster(cluster, workers)
    for left in range(max_restarts, -1, -1):
        group = _Group(command, _environments(cluster, workers))
        status = group.run()
        if status in _FINAL or group.interrupted or not left:
            break
        _say(
            f"a worker ended with status {status}; restarting from the "
            f"last checkpoint ({left} restarts left)"
        )
        if cluster != "local":
            time.sleep(_SECONDS_TO_NOTICE)
        if "--resume" not in command:
            command.append("--resume")
    if group.interrupted:
        name = signal.Signals(group.interrupted).name
        _say(f"stopped by {name}; continue with --resume")
    elif status == _USERS_ERROR:
        _say("stopped with status 2; a restart would not change that")
    elif status:
        _say(f"stopped with status {status}. {group.last_words}")
    return status


def _say(text):
    print(f"o2v launch: {text}", file=sys.stderr, flush=True)


def _check(command, workers, max_restarts):
    if not command or command[0] != "train":
        raise ValueError(
            "`command` must be `train` with its options, as in `o2v launch "
            f"--workers 2 -- train --train ...`. Received: "
            f"command={' '.join(command)!r}"
        )
    if "--overwrite" in command:
        raise ValueError(
            "`command` must not hold `--overwrite`: a worker that died early "
            "would be resumed as the training to be replaced. Remove the "
            f"model directory first. Received: command={' '.join(command)!r}"
        )
    if workers is not None and workers < 1:
        raise ValueError(
            f"`workers` must be at least 1. Received: workers={workers}"
        )
    if max_restarts < 0:
        raise ValueError(
            "`max_restarts` must be at least 0. "
            f"Received: max_restarts={max_restarts}"
        )


def _check_cluster(cluster, workers):
    has_config = bool(os.environ.get("TF_CONFIG"))
    if cluster not in (None, *CLUSTERS):
        raise ValueError(
            f"`cluster` must be one of {', '.join(CLUSTERS)}. Received: "
            f"cluster={cluster!r}"
        )
    if cluster is None and not has_config:
        raise ValueError(
            "`workers` or `cluster` must be given if the variable `TF_CONFIG` "
            "is not set. Received: neither"
        )
    if cluster == "local" and workers is None:
        raise ValueError(
            "`workers` must be given for the cluster local: the number of "
            "workers on this machine. Received: workers=None"
        )
    if cluster and has_config:
        raise ValueError(
            f"The variable `TF_CONFIG` must be unset for the cluster "
            f"{cluster}, which gives it; or leave `cluster` out. "
            f"Received: TF_CONFIG={os.environ['TF_CONFIG']}"
        )
    if cluster in (None, "local"):
        return
    if cluster != "kubernetes" and workers is not None:
        raise ValueError(
            f"`workers` must be left out for the cluster {cluster}, whose "
            f"variables give it. Received: workers={workers}"
        )


def _environments(cluster, workers):
    """Returns the variables to add for each worker of this machine."""
    if cluster is None:
        return [{}]
    if cluster == "local":
        ports = _free_ports(workers)
        addresses = tuple(f"127.0.0.1:{port}" for port in ports)
        here = [Worker(index, addresses) for index in range(workers)]
    elif cluster == "kubernetes":
        host = socket.getfqdn()
        here = [kubernetes_worker(os.environ, host, workers)]
    elif cluster == "slurm":
        here = [slurm_worker(os.environ)]
    else:
        here = [sagemaker_worker(os.environ, _sagemaker_resources())]
    return [worker.to_environment() for worker in here]


def _sagemaker_resources():
    path = pathlib.Path(_SAGEMAKER_RESOURCES)
    return read_json_object(path, "resources") if path.is_file() else None


class _Group:
    """The workers of this machine in one attempt."""

    def __init__(self, command, environments):
        self._words = [sys.executable, "-m", "o2v_keras", *command]
        self._environments = environments
        self._processes = []
        self._readers = []
        self._last_lines = {}
        self._reports = {}
        # The number of the signal that ended this attempt.
        self.interrupted = 0
        self.last_words = ""

    def run(self):
        """Returns the first status other than 0, or 0.

        The status of an interruption is that of its signal.
        """
        previous = {
            number: signal.signal(number, self._interrupt)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            for environment in self._environments:
                self._start(environment)
            index, status = self._wait()
        finally:
            self._stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
        if not self.interrupted:
            self._print_reports()
        self.last_words = self._last_lines.get(index, "")
        return 128 - status if status < 0 else status

    def _start(self, environment):
        process = subprocess.Popen(
            self._words,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Only this process signals it, not the terminal too.
            start_new_session=True,
        )
        index = len(self._processes)
        reader = threading.Thread(
            target=self._read, args=(index, process.stdout), daemon=True
        )
        reader.start()
        self._processes.append(process)
        self._readers.append(reader)

    def _read(self, index, stream):
        report = self._reports.setdefault(index, [])
        for line in stream:
            if line.strip():
                self._last_lines[index] = line.strip()
            if report or line.startswith(_REPORTS):
                report.append(line)
            else:
                self._print(index, line)

    def _print(self, index, line):
        prefix = f"[{index}] " if len(self._environments) > 1 else ""
        print(f"{prefix}{line}", end="", flush=True)

    def _print_reports(self):
        """Prints each distinct report once, as the first worker's."""
        printed = []
        for index, report in sorted(self._reports.items()):
            if report not in printed:
                printed.append(report)
                for line in report:
                    self._print(index, line)

    def _wait(self):
        """Returns index and status of a failed worker, zeros on success."""
        while not self.interrupted:
            statuses = [process.poll() for process in self._processes]
            for index, status in enumerate(statuses):
                if status:
                    return index, status
            if None not in statuses:
                return 0, 0
            time.sleep(0.1)
        return 0, -self.interrupted

    def _interrupt(self, number, frame):
        self.interrupted = self.interrupted or number

    def _signal(self, number):
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def _stop(self):
        """Terminates running workers, and kills them after a while."""
        self._signal(self.interrupted or signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for process, reader in zip(self._processes, self._readers, strict=True):
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            reader.join(_SECONDS_TO_STOP)
            process.stdout.close()


def _free_ports(number):
    # Keep all sockets open until the end, so that no two ports are equal.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports
