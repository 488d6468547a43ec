"""Warnings that point at the user's line."""

import sys
import warnings


def warn_user(message: str) -> None:
    """Issues a `UserWarning` at the line that called the package.

    Whatever lies between, `keras.Model.fit` included, that is the line that
    the user wrote. One call of his so says a thing once, though the package
    may come upon it in several places.

    Args:
        message: What is wrong, and what helps.
    """
    level, users_level = 1, 2
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("o2v_keras."):
            users_level = level + 1
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=users_level)
