"""How many rows one request may have, so that it does not take all memory."""

import pathlib

import psutil

from serving.local_server.errors import invalid_argument
from serving.local_server.limits import worker_count
from serving.saved_model_session import SavedModelSession

# Of vectors as wide as the model's widest: what a row takes while it is
# embedded and answered. Measured: 3 for a mean of one id, 54 for a
# convolution over 30.
_VECTORS_PER_ROW = 16
_FLOAT_BYTES = 4

# A batch of the clients' default size is always taken.
_LEAST_ROWS = 256


def default_row_limit(session: SavedModelSession) -> int:
    """Returns how many rows a request may have by the memory that is free.

    All requests that run at a time, of both APIs, may take a quarter of it.
    What a row takes is judged by the model's widest vector: that of an output
    or a variable.

    Args:
        session: The loaded model.

    Example:
    >>> import tempfile
    >>> import tensorflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> spec = tf.TensorSpec([None], tf.int64, name="x")
    >>> double = tf.function(lambda x: {"y": 2 * x}, input_signature=[spec])
    >>> tf.saved_model.save(
    ...     tf.Module(), folder, signatures={"serving_default": double}
    ... )
    >>> session = SavedModelSession(folder)
    >>> default_row_limit(session) >= 256
    True
    >>> session.close()
    """
    row = _VECTORS_PER_ROW * _FLOAT_BYTES * session.widest_vector()
    requests = 2 * worker_count()
    return max(free_memory() // 4 // requests // row, _LEAST_ROWS)


def check_rows(rows: int, limit: int):
    """Refuses a request of too many rows.

    Raises:
        tf.errors.InvalidArgumentError: If there are more rows than the limit.
    """
    if rows > limit:
        raise invalid_argument(
            f"The request has {rows:,} rows, but may have at most {limit:,}. "
            "Send them in several requests, or start the server with a larger "
            "--max_rows_per_request."
        )


def free_memory() -> int:
    """Returns how many bytes this process can still take.

    That is what the machine has available, or what is left below the limit of
    the container if that is less.
    """
    free = psutil.virtual_memory().available
    group = pathlib.Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            used = int((group / "memory.current").read_text())
            free = min(free, max(int(limit) - used, 0))
    except (OSError, ValueError):
        # No container, or one of another kind.
        pass
    return free
