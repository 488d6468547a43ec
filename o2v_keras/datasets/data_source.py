"""Where a data set comes from, and under which terms."""

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import os
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import BinaryIO

from o2v_keras.datasets.dataset_error import DatasetError
from o2v_keras.datasets.download import Download
from o2v_keras.datasets.download import fetch
from o2v_keras.storage.replace import staged


@dataclasses.dataclass(frozen=True)
class DataSource:
    """A published data set: its files, its publisher and its terms.

    A file is looked for in the folder `name` of the folder that the
    environment variable `O2V_DATA_DIR` names, then in `datasets/<name>` of
    the package's cache (`O2V_CACHE_DIR`, else `o2v_keras` in
    `XDG_CACHE_HOME` or `~/.cache`; empty: none), to which
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


def _cache_folder():
    """The folder of downloads, or `None` where nothing is to be kept."""
    folder = os.environ.get("O2V_CACHE_DIR")
    if folder is not None:
        return pathlib.Path(folder) if folder else None
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # Relative where there is no home.
    return pathlib.Path(caches, "o2v_keras") if os.path.isabs(caches) else None


def _open(path):
    return (gzip.open if path.suffix == ".gz" else open)(path, "rb")
