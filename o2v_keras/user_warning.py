"""Warnings with the line number of the user's code."""

import inspect
import warnings


def warn_user(message: str) -> None:
    """Issues a `UserWarning` at the line that called the package.

    Frames of Keras and others between the package's frames are skipped.
    Python then shows a warning once per call of the user, even if several
    places of the package issue it.

    Args:
        message: What is wrong, and how to fix it.
    """
    level, users_level = 1, 2
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("o2v_keras."):
            users_level = level + 1
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=users_level)
