"""Files of weights: array archives, `model.keras` and best weights."""

import json
import os
import pathlib
import zipfile
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from o2v_keras.layers.table_rows import is_large
from o2v_keras.layers.table_rows import read_parts
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.storage.damage import check_archive
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import staged
from o2v_keras.text.pair_tokenizers import TOKENIZERS_FILE
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import all_gather

# `_SIZES` holds the number of arrays in each group, to detect missing ones.
_HEADER, _SIZES = "header.json", "arrays"
_REMEDY = (
    "Restore the file from a copy, or train from the start with `--overwrite` "
    "(`overwrite=True`)."
)


def write_arrays(
    path: str | os.PathLike[str],
    header: dict[str, Any],
    earlier: str | os.PathLike[str] | None = None,
    **groups: Iterable[keras.Variable | np.ndarray],
):
    """Writes arrays atomically to a zip archive of `.npy` files.

    Variables are written in parts, so they can be larger than the free
    memory.

    Args:
        path: File to write or replace.
        header: JSON dict.
        earlier: Path to move the replaced file to. Defaults to `None`: it is
            deleted.
        **groups: Name -> variables or arrays of each group, in order.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/arrays.zip"
    >>> write_arrays(path, {"epoch": 3}, weights=[np.ones(2)])
    >>> ArrayFile(path).arrays("weights")
    [array([1., 1.])]
    """
    listed = {group: list(values) for group, values in groups.items()}
    header = {**header, _SIZES: {name: len(v) for name, v in listed.items()}}
    with (
        replaced_file(path, earlier) as new,
        zipfile.ZipFile(new, "w") as archive,
    ):
        archive.writestr(_HEADER, json.dumps(header))
        for group, values in listed.items():
            for number, value in enumerate(values):
                name = f"{group}/{number}.npy"
                with archive.open(name, "w", force_zip64=True) as entry:
                    _write(entry, value)


class ArrayFile:
    """A file that `write_arrays` wrote; its checksums are verified.

    Args:
        path: The file.

    Attributes:
        header: JSON dict.

    Raises:
        DamagedFileError: If the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path = path
        check_archive(path, _REMEDY)
        with damage_named(path, _REMEDY), zipfile.ZipFile(path) as archive:
            self.header = json.loads(archive.read(_HEADER))
            self._names = archive.namelist()[1:]
            for group, size in self.header.get(_SIZES, {}).items():
                if len(self._of(group)) != size:
                    raise ValueError(f"an entry of {group} is missing")

    def arrays(self, group: str) -> list[np.ndarray]:
        """Returns the arrays of a group."""
        with zipfile.ZipFile(self._path) as archive:
            return [_read(archive, name) for name in self._of(group)]

    def assign(self, group: str, variables: list[keras.Variable]):
        """Assigns the arrays of a group to variables in the same order.

        Raises:
            ValueError: If number or shapes differ.
        """
        names = self._of(group)
        with zipfile.ZipFile(self._path) as archive:
            shapes = [tuple(variable.shape) for variable in variables]
            saved = [_shape(archive, name) for name in names]
            if shapes != saved:
                raise ValueError(
                    f"The saved {group} must fit the model being trained, but "
                    f"was made for another one. Received shapes {saved}, "
                    f"expected {shapes}"
                )
            for name, variable in zip(names, variables, strict=True):
                _assign(archive, name, variable)

    def _of(self, group):
        return [name for name in self._names if name.startswith(f"{group}/")]


def _write(entry, value):
    if isinstance(value, keras.Variable):
        shape, dtype = tuple(value.shape), np.dtype(value.dtype)
        parts = read_parts(value)
    else:
        value = np.asarray(value)
        shape, dtype, parts = value.shape, value.dtype, [value]
    description = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(entry, description)
    for part in parts:
        entry.write(np.ascontiguousarray(part).data)


def _read(archive, name):
    with archive.open(name) as entry:
        return np.lib.format.read_array(entry)


def _shape(archive, name):
    with archive.open(name) as entry:
        return _read_header(entry)[0]


def _assign(archive, name, variable):
    if not is_large(variable):
        variable.assign(_read(archive, name))
        return
    with archive.open(name) as entry:
        shape, dtype = _read_header(entry)
        row_bytes = int(np.prod(shape[1:])) * dtype.itemsize
        for rows in row_parts(variable):
            count = rows.stop - rows.start
            part = np.frombuffer(entry.read(count * row_bytes), dtype)
            write_rows(variable, rows, part.reshape(count, *shape[1:]))


def _read_header(entry):
    np.lib.format.read_magic(entry)
    shape, _, dtype = np.lib.format.read_array_header_1_0(entry)
    return shape, dtype


def write_keras_file(model: Object2Vec, path: str | os.PathLike[str]):
    """Writes a model atomically, in the format of `model.save`.

    `model.save` builds the file in memory if there is enough: twice the size
    of large token tables. This function uses a temporary file instead.

    Args:
        model: The model; its optimizer state is written too.
        path: File to write or replace, ending in `.keras`.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/model.keras"
    >>> from o2v_keras import Object2VecConfig
    >>> config = Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9)
    >>> write_keras_file(Object2Vec(config), path)
    >>> zipfile.ZipFile(path).namelist()
    ['metadata.json', 'config.json', 'model.weights.h5']
    """
    path = pathlib.Path(path)
    config = keras.saving.serialize_keras_object(model)
    metadata = {"keras_version": keras.__version__}
    weights = path.with_name(f"{path.name}.weights")
    with staged(weights) as folder, replaced_file(path) as new:
        folder.mkdir()
        weights = folder / "model.weights.h5"
        model.save_weights(weights)
        with zipfile.ZipFile(new, "w") as archive:
            archive.writestr("metadata.json", json.dumps(metadata))
            archive.writestr("config.json", json.dumps(config))
            archive.write(weights, weights.name)
            for name, content in _assets(model.tokenizers, folder):
                archive.writestr(name, content)


def _assets(tokenizers, folder):
    """Yields name and content of the tokenizers' assets in a model's file."""
    if not tokenizers.sides:
        return
    file = folder / TOKENIZERS_FILE
    tokenizers.save(file)
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.startswith("assets/"):
                _, _, path = name.partition("/")
                yield f"assets/tokenizers/{path}", archive.read(name)


class BestWeightsInMemory:
    """Keeps the best weights in memory."""

    def __init__(self):
        self._weights = None

    def keep(self, model: keras.Model, epoch: int):
        """Keeps the current weights of the model."""
        self._weights = model.get_weights()

    def restore(self, model: keras.Model, epoch: int):
        """Restores the kept weights."""
        model.set_weights(self._weights)


class BestWeightsFiles:
    """Keeps the best weights in files, which saves the memory of the tables.

    The files of earlier best epochs stay until `forget_others`, for older
    checkpoints.

    Args:
        folder: Folder of the files, which must exist when one is written.
        worker: This process. The chief writes, all workers read. Defaults to
            a single worker.
    """

    def __init__(
        self, folder: str | os.PathLike[str], worker: Worker | None = None
    ):
        self._folder = pathlib.Path(folder)
        self._worker = worker or Worker()

    def path(self, epoch: int) -> pathlib.Path:
        """Returns the path of an epoch's file."""
        return self._folder / f"best_weights.{epoch}.zip"

    def keep(self, model: keras.Model, epoch: int):
        """Writes the current weights as those of `epoch`."""
        if self._worker.is_chief:
            header = {"epoch": epoch}
            write_arrays(self.path(epoch), header, weights=model.weights)

    def restore(self, model: keras.Model, epoch: int):
        """Restores the weights of `epoch`.

        Raises:
            ValueError: If the file is missing.
        """
        # Wait until the chief has written the file.
        all_gather(model.distribute_strategy, self._worker, "written")
        path = self.path(epoch)
        if not path.exists():
            raise ValueError(
                f"The best epoch's weights must be in {path}, but there is no "
                "such file. Was it removed? With several workers, the chief "
                "writes it: `model_dir` must be on a file system that all "
                "workers share."
            )
        ArrayFile(path).assign("weights", model.weights)

    def forget_others(self, *epochs: int | None):
        """Removes the files of all other epochs; `None` is ignored."""
        kept = [self.path(epoch) for epoch in epochs if epoch is not None]
        for path in self._folder.glob("best_weights.*.zip"):
            if path not in kept:
                path.unlink()
