"""Starts the workers of a training, and starts them again when one dies."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

# A training that ended well, or in a user's error, which starting again would
# not change.
_USERS_ERROR = 2
_FINAL = (0, _USERS_ERROR)
_SECONDS_TO_STOP = 5
# Until workers on other machines have noticed that one is gone.
_SECONDS_TO_NOTICE = 15
# How a worker's last report starts: its error, or how it is to be called.
_REPORTS = ("o2v train: ", "usage: o2v train")


def launch(
    command: Sequence[str],
    workers: int | None = None,
    max_restarts: int = 3,
) -> int:
    """Runs the workers of a training until it ends.

    With `workers`, that many processes on this machine, each with its
    `TF_CONFIG` on free ports. Without, one process with this process's
    `TF_CONFIG`: one `launch` on every machine. When a worker fails, all of
    this machine's are stopped and started again with `--resume`; those of
    other machines end by themselves and are started again by theirs.

    The workers' output goes on to this process's, after `[0] ` for worker 0
    and so on where there are several; the error that ends several of them
    alike is printed once. SIGINT and SIGTERM are passed on and end the
    training: whoever still runs 5 seconds later is killed.

    Args:
        command: Words after `o2v`, such as `["train", "--train", ...]`.
        workers: Processes on this machine. Defaults to `None`: one, by
            `TF_CONFIG`.
        max_restarts: How often to start again. Defaults to 3.

    Returns:
        0; 2 after a user's error; 128 and the number of a signal that ended
        this process or, for the last time, a worker; or the status with
        which a worker failed for the last time.

    Raises:
        ValueError: If an argument breaks its rule, or there is no
            `TF_CONFIG` to run one worker by.
    """
    command = list(command)
    _check(command, workers, max_restarts)
    for left in range(max_restarts, -1, -1):
        group = _Group(command, workers)
        status = group.run()
        if status in _FINAL or group.interrupted or not left:
            break
        _say(
            f"a worker ended with status {status}; starting again from the "
            f"last checkpoint ({left} restarts left)"
        )
        if workers is None:
            time.sleep(_SECONDS_TO_NOTICE)
        if "--resume" not in command:
            command.append("--resume")
    if group.interrupted:
        name = signal.Signals(group.interrupted).name
        _say(f"stopped by {name}; go on with --resume")
    elif status == _USERS_ERROR:
        _say("stopped with status 2; starting again would not change that")
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
            "`workers` must be given where the variable `TF_CONFIG` is not "
            "set: how many workers to run on this machine. Received: "
            "workers=None"
        )


class _Group:
    """The workers of this machine, through one attempt."""

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

        An interruption counts as the end by that signal.
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
            # Signals reach it from us alone, not from the terminal as well.
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
        """Each once, by the first of the workers that say the same."""
        printed = []
        for index, report in sorted(self._reports.items()):
            if report not in printed:
                printed.append(report)
                for line in report:
                    self._print(index, line)

    def _wait(self):
        """Returns which worker failed and how, or when all have ended well."""
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
        """Ends what still runs: kindly first, to let a file be finished."""
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
    # All are held until all are known, so that no two are the same.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports
