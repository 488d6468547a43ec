"""Starts the workers of a training, and restarts them if one fails."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

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
) -> int:
    """Runs the workers of a training until it ends.

    With `workers`, it starts that many processes on this machine, each with
    its `TF_CONFIG` on free ports. Without, it starts one process with the
    current `TF_CONFIG`: run one `launch` on every machine. If a worker fails,
    all workers of this machine are stopped and restarted with `--resume`;
    workers on other machines stop on their own, and their `launch` restarts
    them.

    The workers' output is printed, with several workers after `[0] ` for
    worker 0 and so on; an error of several workers is printed once. SIGINT
    and SIGTERM are forwarded and end the training; workers that still run 5
    seconds later are killed.

    Args:
        command: Words after `o2v`, such as `["train", "--train", ...]`.
        workers: int. Processes on this machine. Defaults to `None`: one, by
            `TF_CONFIG`.
        max_restarts: int. Largest number of restarts. Defaults to 3.

    Returns:
        The exit status: 0; 2 after a user's error; 128 + n if signal n ended
        this process or, after the last restart, a worker; otherwise the
        status of the worker that failed last.

    Raises:
        ValueError: If an argument is invalid, or both `workers` and
            `TF_CONFIG` are missing.
    """
    command = list(command)
    _check(command, workers, max_restarts)
    for left in range(max_restarts, -1, -1):
        group = _Group(command, workers)
        status = group.run()
        if status in _FINAL or group.interrupted or not left:
            break
        _say(
            f"a worker ended with status {status}; restarting from the "
            f"last checkpoint ({left} restarts left)"
        )
        if workers is None:
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
    if workers is None and not os.environ.get("TF_CONFIG"):
        raise ValueError(
            "`workers` must be given if the variable `TF_CONFIG` is not "
            "set: the number of workers on this machine. Received: "
            "workers=None"
        )


class _Group:
    """The workers of this machine in one attempt."""

    def __init__(self, command, workers):
        self._words = [sys.executable, "-m", "o2v_keras", *command]
        self._configs = _configs(workers) if workers else [None]
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
            for config in self._configs:
                self._start(config)
            index, status = self._wait()
        finally:
            self._stop()
            for number, handler in previous.items():
                signal.signal(number, handler)
        if not self.interrupted:
            self._print_reports()
        self.last_words = self._last_lines.get(index, "")
        return 128 - status if status < 0 else status

    def _start(self, config):
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if config is not None:
            environment["TF_CONFIG"] = json.dumps(config)
        process = subprocess.Popen(
            self._words,
            env=environment,
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
        prefix = f"[{index}] " if len(self._configs) > 1 else ""
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


def _configs(workers):
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    return [
        {
            "cluster": {"worker": addresses},
            "task": {"type": "worker", "index": index},
        }
        for index in range(workers)
    ]


def _free_ports(number):
    # Keep all sockets open until the end, so that no two ports are equal.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports
