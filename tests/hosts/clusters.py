"""A training on three hosts, started as a cluster's manager starts it."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from o2v_keras.training.checkpoint import Checkpoint
from tests.hosts.hosts import make_hosts
from tests.training.distribute.worker_processes import environment
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import write_records

WORKERS = 3
CONFIG = make_config(
    optimizer="sgd",
    learning_rate=0.1,
    output_layer="in_batch_softmax",
    learn_temperature=True,
    # No kinks, where rounding could choose another side.
    similarity="dot",
    mini_batch_size=12,
    epochs=5,
    early_stopping_patience=9,
)
TRAIN = make_source(300, label=1)
COMMAND = [
    *("train", "--train", "train.jsonl", "--model-dir", "model"),
    *("--hyperparameters", "hyperparameters.json", "--resume"),
    *("--checkpoint-minutes", "0.02"),
]


def pods():
    """Full names of the hosts, their variables and options: Kubernetes."""
    names = [f"fit-{i}.fit.default.svc.cluster.local" for i in range(WORKERS)]
    variables = [{"JOB_COMPLETION_INDEX": str(i)} for i in range(WORKERS)]
    return names, variables, ["kubernetes", "--workers", str(WORKERS)]


def instances():
    """The same of SageMaker."""
    names = [f"algo-{i}" for i in range(1, WORKERS + 1)]
    variables = [
        {"SM_HOSTS": json.dumps(names), "SM_CURRENT_HOST": name}
        for name in names
    ]
    return names, variables, ["sagemaker"]


def write_data(folder):
    """Writes what `COMMAND` reads."""
    write_records(folder / "train.jsonl", TRAIN)
    (folder / "hyperparameters.json").write_text(json.dumps(CONFIG.to_dict()))


class Cluster:
    """Hosts, each with a launcher.

    Args:
        hosts: From `make_hosts`.
        variables: Those of each host.
        options: Words after `--cluster`.
        folder: Where the data are, and the model will be.
    """

    def __init__(self, hosts, variables, options, folder):
        self.hosts = hosts
        self._variables = variables
        self._options = options
        self._folder = folder
        self._launchers = {}

    def start(self, index):
        """Starts the launcher of a host."""
        with open(self._folder / f"log.{index}", "a") as log:
            self._launchers[index] = self.hosts[index].start(
                [
                    *(sys.executable, "-m", "o2v_keras", "launch"),
                    *("--cluster", *self._options, "--", *COMMAND),
                ],
                cwd=self._folder,
                env={**environment(), **self._variables[index]},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, index):
        """Kills the launcher of a host and its worker, as a power cut does."""
        launcher = self._launchers[index]
        pids = [launcher.pid, *_children(launcher.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        launcher.wait()

    def wait(self, seconds=300):
        """Returns the statuses of all launchers; `None` if one still runs."""
        end = time.monotonic() + seconds
        launchers = [self._launchers[i] for i in range(len(self.hosts))]
        while time.monotonic() < end:
            statuses = [launcher.poll() for launcher in launchers]
            if None not in statuses:
                break
            time.sleep(0.2)
        return statuses

    def stop(self):
        """Ends what still runs."""
        for index, launcher in self._launchers.items():
            if launcher.poll() is None:
                self.kill(index)

    def wait_for_epoch(self, epoch, seconds=200):
        """Returns once a checkpoint lies in this epoch or a later one."""
        end = time.monotonic() + seconds
        path = self._folder / "model" / "checkpoint.zip"
        while time.monotonic() < end:
            # The file is away for a moment while another takes its place.
            with contextlib.suppress(FileNotFoundError):
                if Checkpoint(path).epoch >= epoch:
                    return
            time.sleep(0.02)
        raise AssertionError(f"No checkpoint in epoch {epoch}.\n{self.logs}")

    @property
    def logs(self):
        """What all launchers printed."""
        paths = sorted(self._folder.glob("log.*"))
        return "\n".join(f"== {p.name}\n{p.read_text()}" for p in paths)


@contextlib.contextmanager
def started(manager, folder):
    """Yields a `Cluster` on new hosts, all launchers started.

    Args:
        manager: `pods` or `instances`.
        folder: An empty folder.
    """
    write_data(folder)
    names, variables, options = manager()
    with make_hosts(names) as hosts:
        cluster = Cluster(hosts, variables, options, folder)
        try:
            for index in range(len(hosts)):
                cluster.start(index)
            yield cluster
        finally:
            cluster.stop()


def _children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return map(int, path.read_text().split())
