"""TensorFlow without remarks, for programs whose output people read."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator


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


@contextlib.contextmanager
def without_file_names() -> Iterator[None]:
    """Keeps TensorFlow from logging which files it writes or restores.

    Example:
    >>> with without_file_names():
    ...     tf.get_logger().info("Restoring parameters from model/variables")
    """
    logger = importlib.import_module("tensorflow").get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)
