"""Files of weights: arrays in an archive, `model.keras`, and the best epoch."""

import json
import os
import pathlib
import zipfile
from collections.abc import Iterable

import keras
import numpy as np

from o2v_keras.layers.table_rows import is_large
from o2v_keras.layers.table_rows import read_parts
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.storage.damage import check_archive
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import staged
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import tell_all

# `_SIZES` is the number of arrays in each group, by which one that is missing
# is found.
_HEADER, _SIZES = "header.json", "arrays"
_REMEDY = (
    "Put a copy of the file back, or train from the start with `--overwrite` "
    "(`overwrite=True`)."
)


def write_arrays(
    path: str | os.PathLike,
    header: dict,
    earlier: str | os.PathLike | None = None,
    **groups: Iterable[keras.Variable | np.ndarray],
):
    """Writes arrays so that a reader sees the old file or the new one.

    The file is a zip archive of `.npy` files. No array is copied as a whole
    on the way: what is written may be larger than the free memory.

    Args:
        path: File to write or replace.
        header: JSON values.
        earlier: Where the file that is replaced is kept. Defaults to `None`:
            nowhere.
        **groups: Name and variables, or arrays, of each group, in order.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/arrays.zip"
    >>> write_arrays(path, {"epoch": 3}, weights=[np.ones(2)])
    >>> ArrayFile(path).arrays("weights")
    [array([1., 1.])]
    """
    groups = {group: list(values) for group, values in groups.items()}
    header = {**header, _SIZES: {name: len(v) for name, v in groups.items()}}
    with (
        replaced_file(path, earlier) as new,
        zipfile.ZipFile(new, "w") as archive,
    ):
        archive.writestr(_HEADER, json.dumps(header))
        for group, values in groups.items():
            for number, value in enumerate(values):
                name = f"{group}/{number}.npy"
                with archive.open(name, "w", force_zip64=True) as entry:
                    _write(entry, value)


class ArrayFile:
    """What `write_arrays` wrote.

    Args:
        path: The file, all of which is read and compared with its checksums.

    Attributes:
        header: dict of JSON values.

    Raises:
        DamagedFileError: If the file is not as it was written.
    """

    def __init__(self, path: str | os.PathLike):
        self._path = path
        check_archive(path, _REMEDY)
        with damage_named(path, _REMEDY), zipfile.ZipFile(path) as archive:
            self.header = json.loads(archive.read(_HEADER))
            self._names = archive.namelist()[1:]
            for group, size in self.header.get(_SIZES, {}).items():
                if len(self._of(group)) != size:
                    raise ValueError(f"an entry of {group} is missing")

    def arrays(self, group: str) -> list[np.ndarray]:
        """Returns a group's arrays, read as a whole."""
        with zipfile.ZipFile(self._path) as archive:
            return [_read(archive, name) for name in self._of(group)]

    def assign(self, group: str, variables: list[keras.Variable]):
        """Assigns a group's arrays to variables in the same order.

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


def write_keras_file(model: keras.Model, path: str | os.PathLike):
    """Writes what `model.save` writes, the weights through a file.

    `model.save` puts the whole file together in memory when that is large
    enough: for a model that is mostly token tables, twice their size more.

    Args:
        model: The model; its optimizer's state is written too.
        path: File to write or replace, ending in `.keras`. A reader sees the
            old one or the new one.

    Example:
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/model.keras"
    >>> inputs = keras.Input((2,))
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    >>> write_keras_file(model, path)
    >>> keras.models.load_model(path).output_shape
    (None, 3)
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


class BestWeightsInMemory:
    """Keeps a copy of the weights in memory."""

    def __init__(self):
        self._weights = None

    def keep(self, model: keras.Model, epoch: int):
        """Replaces what was kept by the model's weights as they are."""
        self._weights = model.get_weights()

    def restore(self, model: keras.Model, epoch: int):
        """Gives the model the weights kept in `epoch`."""
        model.set_weights(self._weights)


class BestWeightsFiles:
    """Keeps the weights in a file for each epoch that was the best so far.

    In memory they would take as much room as the tables once more. The
    files of earlier epochs stay until `forget_others`, so that a checkpoint
    that was written when one of them was the best still finds it.

    Args:
        folder: Where the files go; must exist when one is written.
        worker: This process. Of several workers the chief alone writes, and
            all read when it has. Defaults to one that trains alone.
    """

    def __init__(self, folder: str | os.PathLike, worker: Worker | None = None):
        self._folder = pathlib.Path(folder)
        self._worker = worker or Worker()

    def path(self, epoch: int) -> pathlib.Path:
        """Returns the name of an epoch's file."""
        return self._folder / f"best_weights.{epoch}.zip"

    def keep(self, model: keras.Model, epoch: int):
        """Writes the model's weights as they are as those of `epoch`."""
        if self._worker.is_chief:
            header = {"epoch": epoch}
            write_arrays(self.path(epoch), header, weights=model.weights)

    def restore(self, model: keras.Model, epoch: int):
        """Gives the model the weights kept in `epoch`.

        Raises:
            ValueError: If the file is missing.
        """
        # The chief may still be writing what others ask for.
        tell_all(model.distribute_strategy, self._worker, "written")
        path = self.path(epoch)
        if not path.exists():
            raise ValueError(
                f"The best epoch's weights must be in {path}, but there is no "
                "such file. Was it removed? Of several workers the first one "
                "writes it: `model_dir` must be a folder on a file system "
                "that all workers share."
            )
        ArrayFile(path).assign("weights", model.weights)

    def forget_others(self, *epochs: int | None):
        """Removes the files of all epochs but some; `None` is no epoch."""
        kept = [self.path(epoch) for epoch in epochs if epoch is not None]
        for path in self._folder.glob("best_weights.*.zip"):
            if path not in kept:
                path.unlink()
