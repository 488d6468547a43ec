"""Finds the files of published data sets, or downloads them."""

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import io
import os
import pathlib
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import BinaryIO

import requests

from o2v_keras.data.data_error import DataError
from o2v_keras.storage.replace import staged

_TIMEOUT = 30  # seconds, to connect and between two pieces
_PIECE_BYTES = 1 << 16


class DatasetError(DataError):
    """A data set is missing or altered; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Download:
    """A file on a publisher's server and the files that it contains.

    Args:
        url: Its address.
        sha256: SHA-256 of the file, or `None` if it is not known; the
            checksums of `files` are compared in any case.
        files: Names of the files that it contains.
        unpack: `unpack(archive, folder)` writes these files to the folder.
            Defaults to `None`: the download is the one file itself.
    """

    url: str
    sha256: str | None
    files: tuple[str, ...]
    unpack: Callable[[pathlib.Path, pathlib.Path], None] | None = None


@dataclasses.dataclass(frozen=True)
class DataSource:
    """A published data set: its files, its publisher and its licence.

    A file is looked up in the folder `$O2V_DATA_DIR/<name>`, then in
    `datasets/<name>` of the package's cache (`O2V_CACHE_DIR`, else
    `o2v_keras` in `XDG_CACHE_HOME` or `~/.cache`; empty: none). If it is in
    neither, it is downloaded to the cache, and publisher and licence are
    printed.

    Args:
        name: Name of the folder.
        title: Name of the data set.
        homepage: The publisher's page about it.
        terms: Its licence, in a sentence.
        checksums: File -> SHA-256 of its content (of a `.gz` file: unpacked),
            or `None` if several contents are valid.
        downloads: The publisher's files. Empty if the publisher requires an
            account.

    Example:
    >>> from o2v_keras.datasets import stsb
    >>> stsb.SOURCE.homepage
    'https://github.com/PhilipMay/stsb-multi-mt'
    """

    name: str
    title: str
    homepage: str
    terms: str
    checksums: Mapping[str, str | None]
    downloads: tuple[Download, ...] = ()

    def __str__(self) -> str:
        return f"{self.title} ({self.homepage}). Terms: {self.terms}"

    @contextlib.contextmanager
    def open(self, file: str) -> Iterator[BinaryIO]:
        """Opens one of the files, `.gz` unpacked, for reading bytes.

        Args:
            file: One of `checksums`.

        Raises:
            DatasetError: If it cannot be downloaded, or its checksum differs.
        """
        path = self.path(file)
        with _open(path) as stream:
            yield stream

    @contextlib.contextmanager
    def open_text(
        self, file: str, encoding: str = "utf-8"
    ) -> Iterator[io.TextIOWrapper]:
        """Opens one of the files for reading text, line ends as they are.

        Args:
            file: One of `checksums`.
            encoding: Defaults to `"utf-8"`.

        Raises:
            DatasetError: If it cannot be downloaded, or its checksum differs.
        """
        with self.open(file) as stream:
            yield io.TextIOWrapper(stream, encoding=encoding, newline="")

    def path(self, file: str) -> pathlib.Path:
        """Returns the path of a file; downloads it if it is missing.

        Args:
            file: One of `checksums`.

        Raises:
            DatasetError: If it cannot be downloaded, or its checksum differs.
        """
        local = os.environ.get("O2V_DATA_DIR")
        if local and (path := pathlib.Path(local, self.name, file)).is_file():
            self._check(path)
            return path
        cache = _cache_folder()
        if cache is None:
            raise self._missing(file, "`O2V_CACHE_DIR` is empty")
        folder = cache / "datasets" / self.name
        if not (folder / file).is_file():
            self._download(file, folder)
        return folder / file

    def _download(self, file, folder):
        wanted = [d for d in self.downloads if file in d.files]
        if not wanted:
            raise self._missing(file, "the publisher asks for an account")
        print(f"Downloading {self}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._fetch(wanted[0], folder)
        except DatasetError as error:
            raise self._missing(file, str(error)) from error

    def _fetch(self, download, folder):
        """Renames the files into place when all are complete and checked."""
        with staged(folder / "unpacked") as made:
            made.mkdir()
            if download.unpack is None:
                _retrieve(download, made / download.files[0])
            else:
                archive = made / "archive"
                _retrieve(download, archive)
                download.unpack(archive, made)
            for name in download.files:
                self._check(made / name)
            for name in download.files:
                os.replace(made / name, folder / name)

    def _check(self, path):
        expected = self.checksums[path.name]
        if expected is None:
            return
        status = path.stat()
        found = _content_sha256(path, status.st_size, status.st_mtime_ns)
        if found != expected:
            raise DatasetError(
                f"{path} must be the published file, whose content has the "
                f"SHA-256 {expected}: altered copies of data sets are "
                f"common. Get it from {self.homepage}. Received: {found}"
            )

    def _missing(self, file, reason):
        return DatasetError(
            f"{self.title} was not found: {reason}. Get {file} from "
            f"{self.homepage} and put it into a folder {self.name} of the "
            "folder that the environment variable O2V_DATA_DIR names."
        )


def read_checksums(listing: str) -> dict[str, str]:
    """Returns file -> SHA-256 of a listing in the form of `sha256sum`.

    Example:
    >>> read_checksums("06416e597f82b734  u.data")
    {'u.data': '06416e597f82b734'}
    """
    lines = listing.strip().splitlines()
    return {file: digest for digest, file in map(str.split, lines)}


def require_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raises `ValueError` if an argument is none of its choices.

    Example:
    >>> require_choice("name", "train", ("train", "test"))
    """
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value!r}"
        )


def _retrieve(download, path):
    try:
        with (
            requests.get(download.url, stream=True, timeout=_TIMEOUT) as answer,
            path.open("wb") as file,
        ):
            answer.raise_for_status()
            for piece in answer.iter_content(_PIECE_BYTES):
                file.write(piece)
    except requests.RequestException as error:
        raise DatasetError(
            f"{download.url} cannot be downloaded: {error}"
        ) from error
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if download.sha256 not in (None, found):
        raise DatasetError(
            f"{download.url} must have the SHA-256 {download.sha256}. The "
            "download was removed; try again, and if that does not help the "
            f"publisher has changed the file. Received: {found}"
        )


@functools.cache
def _content_sha256(path, size, changed):
    """Caches by size and time too, so that a changed file is read again."""
    with _open(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cache_folder():
    """The folder of downloads, or `None` for no cache."""
    folder = os.environ.get("O2V_CACHE_DIR")
    if folder is not None:
        return pathlib.Path(folder) if folder else None
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # Relative where there is no home.
    return pathlib.Path(caches, "o2v_keras") if os.path.isabs(caches) else None


def _open(path) -> Any:
    return (gzip.open if path.suffix == ".gz" else open)(path, "rb")
