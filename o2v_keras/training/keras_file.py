"""Writes `.keras` files without holding them in memory."""

import json
import os
import pathlib
import zipfile

import keras

from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import staged


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
