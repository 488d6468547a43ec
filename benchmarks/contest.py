"""Programs that take turns, each in a process of its own.

A contestant is a command that prints a line when it is ready, then for every
line it reads prints one JSON object: what a round of it gave. Waiting for its
turn it does nothing, so programs of different libraries share the machine
without sharing a process, and a noisy moment hits all of them.
"""

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence

from rich.progress import track

# OpenMP's threads, PyTorch's among them, wait by spinning. Where another
# program has a core they would make a step ten times as long.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclasses.dataclass(frozen=True)
class Rate:
    """What the rounds of one contestant gave, by its median round.

    Args:
        median: Amount a second.
        lowest: Amount a second of the slowest round.
        highest: Amount a second of the fastest round.
    """

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, rounds: Sequence[Mapping]) -> "Rate":
        """Sums rounds up that tell `amount` and `seconds`."""
        rates = [result["amount"] / result["seconds"] for result in rounds]
        return cls(statistics.median(rates), min(rates), max(rates))

    def __str__(self):
        return f"{self.median:,.0f} ({self.lowest:,.0f}-{self.highest:,.0f})"


def run_contest(
    commands: Mapping[str, Sequence[str]], rounds: int = 3
) -> dict[str, list[dict]]:
    """Plays rounds in turns (A B C, A B C, ...).

    Args:
        commands: Name of a contestant -> its command. One that begins with
            `-m` is run by this interpreter.
        rounds: Turns each contestant gets.

    Returns:
        Name -> what its rounds gave.

    Raises:
        RuntimeError: If a contestant ends early; the message holds the end of
            what it wrote to standard error.
    """
    results = {name: [] for name in commands}
    with contextlib.ExitStack() as stack:
        # One after another: the first round of one must not share the
        # machine with the start of the next.
        players = {
            name: stack.enter_context(_Player(name, command))
            for name, command in track(
                commands.items(), "starting", transient=True
            )
        }
        turns = [name for _ in range(rounds) for name in players]
        for name in track(turns, "rounds", transient=True):
            results[name].append(json.loads(players[name].play()))
    return results


class _Player(contextlib.AbstractContextManager):
    def __init__(self, name, command):
        command = list(command)
        if command[0] == "-m":
            command.insert(0, sys.executable)
        self._name = name
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **_ENVIRONMENT},
        )
        try:
            self._read()
        except RuntimeError:
            self._process.wait()
            raise

    def play(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            tail = self._errors.read().decode()[-2000:]
            raise RuntimeError(f"{self._name} ended early:\n{tail}")
        return line
