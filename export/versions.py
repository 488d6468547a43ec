"""Numbered versions of a model in one base folder, TF Serving's layout.

A server polls `BASE` every second and loads the highest number at once. So a
folder that is still being written must not have a number as its name.
"""

import os
import pathlib
from collections.abc import Callable

from o2v_keras.storage.replace import staged
from o2v_keras.storage.replace import sweep
from o2v_keras.storage.replace import sync_tree


def publish_version(
    base: str | os.PathLike[str],
    version: int | None,
    write: Callable[[pathlib.Path], None],
) -> pathlib.Path:
    """Writes a version to a staging folder and renames it when complete.

    Args:
        base: Local folder; created if missing.
        version: Positive number, or `None` for one above the highest in
            `base`.
        write: Called with the empty staging folder, which it fills. If it
            raises, the folder is removed.

    Returns:
        `base/version`.

    Raises:
        ValueError: If `base` is no local folder, `version` is no positive
            number, or the version exists.

    Example:
    >>> import tempfile
    >>> base = tempfile.mkdtemp()
    >>> def write(folder):
    ...     (folder / "saved_model.pb").touch()
    >>> [publish_version(base, None, write).name for _ in range(2)]
    ['1', '2']
    """
    _check_version(version)
    base = _local_folder(base)
    _check_free(base, version)
    sweep(base)
    with staged(base / f"version-{version or 'next'}") as new:
        new.mkdir()
        write(new)
        sync_tree(new)
        # Others may have published meanwhile.
        _check_free(base, version)
        target = base / str(version or max(versions_in(base), default=0) + 1)
        os.rename(new, target)
        return target


def versions_in(base: str | os.PathLike[str]) -> list[int]:
    """Returns the numbers in `base`; TF Serving reads `007` as 7."""
    names = [name for name in os.listdir(base) if name.isascii()]
    return [int(name) for name in names if name.isdigit()]


def _local_folder(base):
    if "://" in os.fspath(base):
        raise ValueError(
            "`directory` must be a local folder, where a version can be "
            "renamed into place in one step; copy it from there. "
            f"Received: directory={os.fspath(base)!r}"
        )
    base = pathlib.Path(base)
    try:
        base.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            "`directory` must be a folder, or a path where one can be made. "
            f"Received: directory={os.fspath(base)!r}, where a file stands"
        ) from None
    return base


def _check_version(version):
    if version is None:
        return
    is_integer = isinstance(version, int) and not isinstance(version, bool)
    if not is_integer or not 0 < version < 2**63:
        raise ValueError(
            "`version` must be an integer from 1 to 2**63 - 1, or None for "
            f"the next free one. Received: version={version!r}"
        )


def _check_free(base, version):
    if version in versions_in(base):
        raise ValueError(
            "`version` must be a new one, because a server may have loaded "
            "the one that exists; leave it out for the next free number. "
            f"Received: version={version}, which is in {base}"
        )
