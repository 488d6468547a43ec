"""Where a data set comes from, and under which terms."""

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import BinaryIO

import requests

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.cache_folder import cache_folder
from o2v_keras.storage.replace import staged

_TIMEOUT = 30  # seconds, to connect and between two pieces
_PIECE_BYTES = 1 << 16
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416


class DatasetError(DataError):
    """A data set is missing or altered; the message says what to do."""


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


@dataclasses.dataclass(frozen=True)
class DataSource:
    """A published data set: its files, its publisher and its terms.

    A file is looked for in the folder `name` of the folder that the
    environment variable `O2V_DATA_DIR` names, then in `datasets/<name>` of
    the package's cache (`O2V_CACHE_DIR`, or `~/.cache/o2v_keras`), to which
    it is downloaded if need be. Publisher and terms are printed then, once.

    Args:
        name: Name of the folder.
        title: What the data set is called.
        homepage: Where its publisher describes it.
        terms: Its licence, in a sentence.
        checksums: File -> SHA-256 of its content (of a `.gz` file, unpacked),
            or `None` where several contents may be right.
        downloads: Where files come from. Empty if the publisher gives them
            only to who has registered.

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

    def __str__(self):
        return f"{self.title} ({self.homepage}). Terms: {self.terms}"

    @contextlib.contextmanager
    def open(self, file: str) -> Iterator[BinaryIO]:
        """Opens one of the files, `.gz` unpacked, for reading bytes.

        Raises:
            DatasetError: As `path`.
        """
        path = self.path(file)
        with _open(path) as stream:
            yield stream

    def path(self, file: str) -> pathlib.Path:
        """Returns where a file lies; downloads it if it lies nowhere.

        Args:
            file: One of `checksums`.

        Raises:
            DatasetError: If it is nowhere and cannot be downloaded, or its
                content is not what was published.
        """
        local = os.environ.get("O2V_DATA_DIR")
        if local and (path := pathlib.Path(local, self.name, file)).is_file():
            self._check(path)
            return path
        cache = cache_folder()
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
        """Files get their names when all of them are made and checked."""
        whole = folder / f"{download.files[0]}.download"
        if not whole.is_file():
            fetch(download.url, whole, download.sha256)
        try:
            with staged(folder / "unpacked") as made:
                made.mkdir()
                if download.unpack is None:
                    whole.rename(made / download.files[0])
                else:
                    download.unpack(whole, made)
                for name in download.files:
                    self._check(made / name)
                for name in download.files:
                    os.replace(made / name, folder / name)
        finally:
            whole.unlink(missing_ok=True)

    def _check(self, path):
        expected = self.checksums[path.name]
        if expected is None:
            return
        status = path.stat()
        found = _content_sha256(path, status.st_size, status.st_mtime_ns)
        if found != expected:
            raise DatasetError(
                f"{path} must be the published file, of whose content the "
                f"SHA-256 is {expected}: altered copies of data sets are "
                f"common. Get it from {self.homepage}. Received: {found}"
            )

    def _missing(self, file, reason):
        return DatasetError(
            f"{self.title} is not at hand: {reason}. Get {file} from "
            f"{self.homepage} and put it into a folder {self.name} of the "
            "folder that the environment variable O2V_DATA_DIR names."
        )


@functools.cache
def _content_sha256(path, size, changed):
    """Size and time make another key for a file that has changed."""
    with _open(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open(path):
    return (gzip.open if path.suffix == ".gz" else open)(path, "rb")
