"""Silences TensorFlow's log lines in commands."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator


def start_tensorflow():
    """Imports TensorFlow without its start-up lines.

    TensorFlow writes some lines before it reads its log level, so they are
    silenced at the file descriptor. Exceptions still reach the caller.
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
    """Silences the names of files that TensorFlow writes or restores.

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
