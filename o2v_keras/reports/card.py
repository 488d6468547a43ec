"""Writes a model card: facts of a model directory as Markdown."""

import hashlib
import os
import pathlib
import warnings
from typing import Any

import jinja2
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.read.file_system import open_bytes
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.evaluation.inference import embed_marked
from o2v_keras.evaluation.inference import warn_of_untrained
from o2v_keras.neighbors.row_values import read_names
from o2v_keras.neighbors.vector_checks import warn_of_equal
from o2v_keras.reports.card_facts import ModelFacts
from o2v_keras.reports.card_facts import model_limits
from o2v_keras.reports.embedding_map import write_map
from o2v_keras.reports.figures import draw_curves
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file
from o2v_keras.training.model_directory import load_model

_CARD = "card.md"
_PIECE_BYTES = 1 << 20
MADE_BY = "An Object2Vec model of o2v_keras"
CURVES, MAP = "card_curves.png", "card_map.png"


def write_card(
    model_dir: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    data: Paths | None = None,
    side: str = "in0",
    id_column: str | None = None,
    group_column: str | None = None,
    evaluation: str | os.PathLike[str] | None = None,
    export: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> pathlib.Path:
    """Writes `card.md` and its pictures from the files of a model directory.

    The card holds quality beside baselines, learning curves, fingerprints of
    the training data, a map if data are given, the indexes in the folder, the
    configuration, and limits of the model. It says which of them are missing.

    Args:
        model_dir: A model directory.
        output: Folder of the card; made if it is missing. Other files in it
            stay. Defaults to `None`: the model directory.
        data: Files to embed for the map. Defaults to `None`: no map.
        side: The side that the data hold. Defaults to `"in0"`.
        id_column: Column of the points' names. Defaults to `None`: row
            numbers.
        group_column: Column that colours the points. Defaults to `None`.
        evaluation: A JSON file that `o2v evaluate` has printed: the result of
            `evaluate` or `rank`. Defaults to `None`: the card shows the
            metrics of the training only.
        export: Folder of a version that `o2v export` has published: the card
            shows its width, precision and size. Defaults to `None`.
        **settings: Further arguments of `embed`.

    Returns:
        The path of `card.md`.

    Raises:
        ValueError: If `model_dir` is no folder, a file in it is damaged, or
            `output` holds a `card.md` or a picture that no card has written.
        DataError: If the data are unusable.
    """
    facts = ModelFacts.read(model_dir, evaluation, export)
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
        warn_of_equal(vectors[~untrained])
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
    write_file(card, _text(facts, data=summary, remarks=remarks, no_map=no_map))
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


def _text(facts, **values):
    """Fills the template; `values` describe the data of the map."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("o2v_keras.reports", ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    changed, unchanged = _configuration(facts.config)
    return environment.get_template("card.md.jinja").render(
        facts=facts,
        made_by=MADE_BY,
        quality=_quality(facts),
        curves=CURVES,
        map=MAP,
        changed=changed,
        unchanged=unchanged,
        limits=model_limits(facts),
        indexes=_indexes(facts),
        **values,
    )


def _quality(facts):
    """Tables of scores: those of the training, and those of an evaluation."""
    tables, split = dict.fromkeys(("training", "evaluation")), facts.split
    validated = "this model, validation"
    if facts.metrics.get("refit"):
        validated = "trained without these rows, validation"
    if split is not None:
        tables["training"] = _scores(
            validated if split == "validation" else f"this model, {split}",
            facts.metrics[split],
            facts.metrics.get("baselines", {}).get(split, {}),
            facts.metrics.get("widths", {}).get(split, {}),
            {validated: facts.metrics.get("validation")}
            if split == "test"
            else {},
        )
    if facts.evaluation:
        tables["evaluation"] = _scores(
            "this model",
            facts.evaluation["metrics"],
            facts.evaluation.get("baselines", {}),
            {
                dim: groups["metrics"]
                for dim, groups in facts.evaluation.get("widths", {}).items()
            },
        )
    return tables


def _scores(label, metrics, baselines, widths, others=None):
    """Returns the header and the rows of a table."""
    rows = {f"**{label}**": metrics}
    rows |= {f"its first {dim} numbers": s for dim, s in widths.items()}
    rows |= {f"{name} (no model)": s for name, s in baselines.items()}
    rows |= {label: s for label, s in (others or {}).items() if s}
    # Rankings and correlations are measured on validation data alone.
    names = dict.fromkeys(name for scores in rows.values() for name in scores)
    names = [name for name in names if name != "loss"] or ["loss"]
    return ["", *names], [
        [label, *(f"{s[n]:.4f}" if n in s else "-" for n in names)]
        for label, s in rows.items()
    ]


def _indexes(facts):
    """Rows of the indexes: what they hold, and how much of exact search."""
    rows = []
    for name, index in facts.indexes.items():
        kept = index.get("kept_recall") or {}
        recall = "1 (exact)"
        if kept:
            recall = f"{kept['recall']:.4f} @ {kept['k']}"
        elif index.get("precision") != "float32":
            recall = "not measured"
        if "recall_by_codes" in kept:
            recall += f" ({kept['recall_by_codes']:.4f} by codes alone)"
        words = ("rows", "metric", "backend", "precision", "nbytes")
        values = [index.get(word, "-") for word in words]
        shown = [f"{v:,}" if isinstance(v, int) else v for v in values]
        rows.append([f"`{name}`", *shown, recall])
    return rows


def _configuration(config):
    """Rows of the hyperparameters: changed from their defaults, and others."""
    changed, unchanged = [], []
    if config:
        required = ("enc0_max_seq_len", "enc0_vocab_size")
        default = Object2VecConfig(**{n: config[n] for n in required}).to_dict()
        for name, value in config.items():
            differs = name in required or default.get(name) != value
            is_list = isinstance(value, list)
            shown = ", ".join(map(str, value)) if is_list else value
            shown = "none" if value in ("", None) else shown
            (changed if differs else unchanged).append([f"`{name}`", shown])
    return changed, unchanged
