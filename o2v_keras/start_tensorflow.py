"""Silences TensorFlow's log lines."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator


def start_tensorflow() -> None:
    """Imports TensorFlow without its start-up lines."""
    with quiet_start():
        importlib.import_module("tensorflow")


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Silences the start-up lines of TensorFlow, if it is imported inside.

    TensorFlow writes some lines before it reads its log level, so they are
    silenced at the file descriptor. Exceptions still reach the caller.

    Example:
    >>> with quiet_start():
    ...     from o2v_keras.models.object2vec import Object2Vec
    """
    if "tensorflow" in sys.modules:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
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
