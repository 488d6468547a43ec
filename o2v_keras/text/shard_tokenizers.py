"""The tokenizers of TFRecord shards that `convert` made from texts."""

import os
import tempfile
from collections.abc import Sequence
from typing import Any

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.file_system import output_files
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.paths import is_tfrecord
from o2v_keras.data.read.paths import read_manifest
from o2v_keras.data.read_source import check_tokenizers
from o2v_keras.text.pair_tokenizers import SHARDS_FILE
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.text_encoder import TextEncoder


def encoders_for(
    source: Any,
    tokenizers: PairTokenizers,
    sides: Sequence[str] = ("in0", "in1"),
) -> dict[str, TextEncoder]:
    """Returns the text encoders that a source needs.

    Args:
        source: Paths, or data in memory.
        tokenizers: `PairTokenizers` of the model.
        sides: Names of the sides to read. Defaults to both.

    Returns:
        A `TextEncoder` for each side that holds texts; none for shards of
        `convert`, which hold ids of the same tokenizers.

    Raises:
        DataError: If shards were made with other tokenizers or with none.
    """
    texts = {
        name: TextEncoder(name, tokenizer)
        for name, tokenizer in tokenizers.sides.items()
        if name in sides
    }
    if not texts or not is_tfrecord(source):
        return texts
    for folder, file in _folders(source).items():
        made = read_manifest(folder).get("tokenizers", {})
        for side in texts:
            if side not in made:
                raise DataError(
                    f"{file}: TFRecord files hold ids only, and nothing "
                    f"says which tokenizer made those of {side}. Convert the "
                    "texts with `o2v convert --hyperparameters`, or leave "
                    f"`enc{side[-1]}_tokenizer` empty."
                )
            if made[side] != tokenizers.sides[side].fingerprint():
                raise DataError(
                    f"{file}: the ids of {side} were made by another "
                    "tokenizer than the one in use. Convert the texts again "
                    "with `--tokenizers` and the folder of the training's "
                    "shards, or the model directory."
                )
    return {}


def converted_tokenizers(
    source: Any, config: Object2VecConfig
) -> PairTokenizers | None:
    """Returns the tokenizers that made the ids of shards.

    Args:
        source: Paths, or data in memory, to train on.
        config: `Object2VecConfig`, which sets the sides that hold texts.

    Returns:
        `PairTokenizers`, or `None` for a source of texts.

    Raises:
        DataError: If shards have no tokenizers beside them, or others than
            the configuration asks for.
    """
    if not is_tfrecord(source):
        return None
    folder, file = next(iter(_folders(source).items()))
    if "tokenizers" not in read_manifest(folder):
        raise DataError(
            f"{file}: TFRecord files hold ids only, and no tokenizer is "
            "beside them. Convert the texts with `o2v convert "
            "--hyperparameters`, or leave `enc0_tokenizer` and "
            "`enc1_tokenizer` empty."
        )
    tokenizers = load_tokenizers(folder)
    texts = [
        side
        for side, encoder in (
            ("in0", config.encoder0),
            ("in1", config.encoder1),
        )
        if encoder.tokenizer
    ]
    check_tokenizers(tokenizers, config, texts)
    return tokenizers


def save_tokenizers(tokenizers: PairTokenizers, folder: str) -> None:
    """Writes tokenizers to a local or remote folder of shards."""
    gfile = output_files()
    place = gfile.join(folder, SHARDS_FILE)
    with tempfile.TemporaryDirectory() as made:
        file = os.path.join(made, SHARDS_FILE)
        tokenizers.save(file)
        gfile.copy(file, f"{place}.partial", overwrite=True)
    gfile.rename(f"{place}.partial", place, overwrite=True)


def load_tokenizers(folder: str) -> PairTokenizers:
    """Reads the tokenizers that `save_tokenizers` wrote.

    Args:
        folder: Folder of the shards.

    Raises:
        DataError: If they are missing or damaged.
    """
    gfile = output_files()
    place = gfile.join(folder, SHARDS_FILE)
    with tempfile.TemporaryDirectory() as made:
        file = os.path.join(made, SHARDS_FILE)
        if gfile.exists(place):
            gfile.copy(place, file)
            place = file
        return PairTokenizers.load(place)


def _folders(source):
    """Returns the folders of files: folder -> the first of its files."""
    folders = {}
    for file in expand_paths(source):
        folders.setdefault(os.path.dirname(file) or os.curdir, file)
    return folders
