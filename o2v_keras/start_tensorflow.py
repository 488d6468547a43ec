"""Silences TensorFlow's log lines."""

import contextlib
import importlib
import os
import sys
import types
from collections.abc import Iterator


def start_tensorflow():
    """Imports TensorFlow without its start-up lines."""
    quiet_import("tensorflow")


def quiet_import(name: str) -> types.ModuleType:
    """Imports a module that may import TensorFlow, without start-up lines.

    TensorFlow writes some lines before it reads its log level, so they are
    silenced at the file descriptor. Exceptions still reach the caller.

    Args:
        name: Of the module.

    Example:
    >>> quiet_import("o2v_keras.models.object2vec").Object2Vec.__name__
    'Object2Vec'
    """
    if "tensorflow" in sys.modules:
        return importlib.import_module(name)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            return importlib.import_module(name)
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
