"""Starts real worker processes on loopback."""

import json
import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[3]


def tf_configs(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for held in sockets:
        held.close()
    return [
        json.dumps(
            {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": index},
            }
        )
        for index in range(count)
    ]


def start_workers(arguments, folder, count=2):
    """Starts `python ARGUMENTS` once a worker; output goes to log files."""
    processes = []
    for index, config in enumerate(tf_configs(count)):
        with open(folder / f"log.{index}", "w") as log:
            processes.append(
                subprocess.Popen(
                    [sys.executable, *arguments],
                    env={**environment(), "TF_CONFIG": config},
                    cwd=folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    return processes


def environment():
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def read_log(folder, index):
    """What a worker printed, without what TensorFlow says at its start."""
    text = (folder / f"log.{index}").read_text()
    lines = text.splitlines()
    return "\n".join(
        line
        for line in lines
        if not line.startswith(("I0000", "WARNING: All log messages"))
    )
