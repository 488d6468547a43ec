"""Processes that make an engine, and the ports that they listen on."""

import os
import pathlib
import signal
import socket
import subprocess
import time


class Processes:
    """Processes in a folder; leaving the context ends those that still run.

    Args:
        folder: Folder that gets a log file of each process.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._started = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._started.values()):
            _end(process, signal.SIGTERM)
        for process in self._started.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                _end(process, signal.SIGKILL)
                process.wait()

    def start(self, name: str, *words: object, **environment: str) -> None:
        """Starts a program; `name` is that of its log."""
        with open(self._folder / f"{name}.log", "wb") as log:
            self._started[name] = subprocess.Popen(
                [*map(str, words)],
                cwd=self._folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def pid(self, name: str) -> int:
        """Returns a process's id."""
        return self._started[name].pid

    def kill(self, name: str) -> None:
        """Ends a process, and those that it started, without a warning."""
        process = self._started.pop(name)
        _end(process, signal.SIGKILL)
        process.wait()

    def wait(self, name: str, is_ready, seconds: float = 240) -> None:
        """Waits until a process that was started is ready.

        Raises:
            RuntimeError: If it ends or takes too long; with its log's end.
        """
        end = time.monotonic() + seconds
        while not is_ready():
            ended = self._started[name].poll() is not None
            if ended or time.monotonic() > end:
                log = (self._folder / f"{name}.log").read_text()[-3000:]
                reason = "ended" if ended else f"not ready in {seconds} s"
                raise RuntimeError(f"{name}: {reason}\n{log}")
            time.sleep(0.2)


def _end(process, number):
    if process.poll() is None:
        os.killpg(process.pid, number)


def free_ports(number: int) -> list[int]:
    """Returns ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def is_listening(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((address, port)) == 0
