"""From a model directory to a model card."""

import hashlib
import os
import pathlib
import warnings

import numpy as np

from o2v_keras.cards.card_text import CURVES
from o2v_keras.cards.card_text import MADE_BY
from o2v_keras.cards.card_text import MAP
from o2v_keras.cards.card_text import card_text
from o2v_keras.cards.curves_figure import draw_curves
from o2v_keras.cards.model_facts import ModelFacts
from o2v_keras.data.read.file_system import open_bytes
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.evaluation.inference import embed_marked
from o2v_keras.evaluation.inference import warn_of_untrained
from o2v_keras.maps.write_map import write_map
from o2v_keras.neighbors.row_values import read_names
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file
from o2v_keras.training.model_directory import load_model

_CARD = "card.md"
_PIECE_BYTES = 1 << 20


def write_card(
    model_dir: str | os.PathLike,
    output: str | os.PathLike | None = None,
    data: Paths | None = None,
    side: str = "in0",
    id_column: str | None = None,
    group_column: str | None = None,
    evaluation: str | os.PathLike | None = None,
    **settings,
) -> pathlib.Path:
    """Writes `card.md` and its pictures from what a model directory holds.

    Quality beside baselines, curves, data fingerprints, a map where data are
    given, the configuration, and limits drawn from all of these. What is
    missing is left out, and the card says so.

    Args:
        model_dir: A model directory.
        output: Folder of the card; made if it is missing. Other files in it
            stay. Defaults to `None`: the model directory.
        data: Files to embed for the map. Defaults to `None`: no map.
        side: The side that these data are of. Defaults to `"in0"`.
        id_column: What names the points. Defaults to `None`.
        group_column: What colours the points. Defaults to `None`.
        evaluation: A JSON file of what `evaluate` or `rank` returned, as `o2v
            evaluate` prints it. Defaults to `None`: only what training
            measured is known.
        **settings: Further arguments of `embed`.

    Returns:
        The path of `card.md`.

    Raises:
        ValueError: If `model_dir` is no folder, a file in it is not whole,
            or `output` holds a `card.md` or a picture of someone else's.
        DataError: If the data are unusable.
    """
    facts = ModelFacts.read(model_dir, evaluation)
    folder = OutputFolder(
        model_dir if output is None else output,
        "output",
        "a card",
        (_CARD, CURVES, MAP),
        _is_older,
    )
    folder.check_names()
    summary, remarks, no_map = None, [], ""
    if data is not None:
        model = load_model(model_dir)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            vectors, untrained = embed_marked(model, side, data, **settings)
            warn_of_untrained(untrained, side, "are not on the map")
        remarks = [str(w.message) for w in caught]
        summary = _summary(data, side, vectors)
    folder.begin()
    if data is not None:
        names = id_column and read_names(data, id_column)
        groups = group_column and read_names(data, group_column)
        try:
            write_map(
                folder.path / MAP,
                vectors,
                names,
                groups,
                title=f"{side} of {facts.name}",
                left_out=untrained,
            )
        except ValueError as error:
            no_map = str(error)
    if facts.epochs:
        figure = draw_curves(facts.epochs, facts.best_epoch)
        with replaced_file(folder.path / CURVES) as new:
            figure.savefig(new, dpi=150, format="png")
    card = folder.path / _CARD
    write_file(card, card_text(facts, summary, remarks, no_map))
    return card


def _is_older(folder):
    card = folder / _CARD
    return card.is_file() and MADE_BY in card.read_text("utf-8", "replace")


def _summary(data, side, vectors):
    lengths = np.linalg.norm(vectors, axis=1)
    summary = {"side": f"`{side}`", "rows": f"{len(vectors):,}"}
    for path in expand_paths(data):
        summary[f"sha256 of `{pathlib.Path(path).name}`"] = _sha256(path)
    summary["distinct embeddings"] = f"{len(np.unique(vectors, axis=0)):,}"
    summary["length of embeddings, mean and spread"] = (
        f"{lengths.mean():.3f}, {lengths.std():.3f}"
    )
    return summary


def _sha256(path):
    digest = hashlib.sha256()
    with open_bytes(path) as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return f"`{digest.hexdigest()}`"
