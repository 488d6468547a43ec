"""Files from the network: whole and unaltered, or not at all."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable

import requests

from o2v_keras.datasets.dataset_error import DatasetError

_TIMEOUT = 30  # seconds, to connect and between two pieces
_PIECE_BYTES = 1 << 16
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416


@dataclasses.dataclass(frozen=True)
class Download:
    """A file at a publisher's, and what is made of it.

    Args:
        url: Where it is.
        sha256: Its checksum; `None` where the publisher's is not known, so
            that the checksums of `files` must do.
        files: Names of the files that it gives.
        unpack: From the downloaded file and a folder to these files in the
            folder. Defaults to `None`: the download is the one file itself.
    """

    url: str
    sha256: str | None
    files: tuple[str, ...]
    unpack: Callable[[pathlib.Path, pathlib.Path], None] | None = None


def fetch(url: str, path: pathlib.Path, sha256: str | None) -> None:
    """Downloads a file; what an interrupted run has got is gone on with.

    The file has another name, `<name>.partial`, until it is whole and its
    checksum has been compared.

    Args:
        url: Where it is.
        path: Where it goes, in an existing folder.
        sha256: Its checksum, or `None`: not compared.

    Raises:
        DatasetError: If the server cannot be reached, answers with an error
            or breaks off, or the checksum differs.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        _append(url, partial)
    except requests.RequestException as error:
        raise DatasetError(f"{url} cannot be downloaded: {error}") from error
    found = content_sha256(partial)
    if sha256 is not None and found != sha256:
        partial.unlink()
        raise DatasetError(
            f"{url} must have the SHA-256 {sha256}. What came was thrown "
            "away; try again, and if that does not help the publisher has "
            f"changed the file. Received: {found}"
        )
    os.replace(partial, path)


def content_sha256(path: pathlib.Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _append(url, partial):
    """Adds to a partial file what it lacks."""
    start = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(
        url, headers=headers, stream=True, timeout=_TIMEOUT
    ) as answer:
        if start and answer.status_code == _RANGE_NOT_SATISFIABLE:
            return  # nothing is lacking
        answer.raise_for_status()
        goes_on = answer.status_code == _PARTIAL_CONTENT
        with partial.open("ab" if goes_on else "wb") as file:
            for piece in answer.iter_content(_PIECE_BYTES):
                file.write(piece)
