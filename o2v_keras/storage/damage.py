"""Detection of damaged files."""

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator
from typing import Any


class DamagedFileError(ValueError):
    """A file that this package wrote is damaged.

    Args:
        path: The file.
        reason: The symptom.
        remedy: A sentence that says what to do.
    """

    def __init__(
        self, path: str | os.PathLike[str], reason: object, remedy: str
    ):
        super().__init__(f"{os.fspath(path)} is damaged ({reason}). {remedy}")


@contextlib.contextmanager
def damage_named(path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    """Raises `DamagedFileError` instead of an error in reading a file.

    Missing files and missing permissions raise their own errors.

    Args:
        path: The file.
        remedy: A sentence that says what to do.

    Example:
    >>> with damage_named("ids.json", "Make the index again."):
    ...     json.loads("[1, 2")
    Traceback (most recent call last):
    ...
    o2v_keras.storage.damage.DamagedFileError: ids.json is damaged (Expecting...
    """
    try:
        yield
    except (DamagedFileError, FileNotFoundError, PermissionError, MemoryError):
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise DamagedFileError(path, reason, remedy) from error


def read_json(path: str | os.PathLike[str], remedy: str) -> Any:
    """Reads a JSON file.

    Args:
        path: The file.
        remedy: A sentence that says what to do if it is damaged.

    Raises:
        DamagedFileError: If it holds no JSON.
    """
    with damage_named(path, remedy), open(path, encoding="utf-8") as file:
        return json.load(file)


def check_archive(path: str | os.PathLike[str], remedy: str) -> None:
    """Reads a zip archive as a whole and verifies its checksums.

    Args:
        path: The file.
        remedy: A sentence that says what to do if it is damaged.

    Raises:
        DamagedFileError: If a checksum differs or the file is truncated.
    """
    with damage_named(path, remedy), zipfile.ZipFile(path) as archive:
        broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"{broken} does not match its checksum")
