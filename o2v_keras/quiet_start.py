"""TensorFlow's start for programs whose output people read."""

import importlib
import os
import sys


def start_tensorflow():
    """Imports TensorFlow without its start-up lines.

    They would bury what a command prints. Those that TensorFlow writes
    before it has read its own log level can be silenced only at the file
    descriptor. An exception still reaches the caller.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
