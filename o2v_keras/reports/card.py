"""Writes a model card as Markdown."""

import hashlib
import os
import pathlib
import warnings
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.files.data_files import Paths
from o2v_keras.data.files.data_files import expand_paths
from o2v_keras.data.files.remote_files import remote_files
from o2v_keras.evaluation.inference import embed_marked
from o2v_keras.evaluation.inference import warn_of_untrained
from o2v_keras.neighbors.row_values import read_names
from o2v_keras.reports.card_facts import ModelFacts
from o2v_keras.reports.card_facts import model_limits
from o2v_keras.reports.figures import draw_curves
from o2v_keras.reports.map import write_map
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file
from o2v_keras.training.model_directory import load_model

_CARD = "card.md"
_PIECE_BYTES = 1 << 20
MADE_BY = "An Object2Vec model of o2v_keras"
CURVES, MAP = "card_curves.png", "card_map.png"


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
    with remote_files().GFile(path, "rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return f"`{digest.hexdigest()}`"


def card_text(
    facts: ModelFacts,
    data: Mapping[str, object] | None = None,
    remarks: Sequence[str] = (),
    no_map: str = "",
) -> str:
    """Returns a card; what is not known is left out with a sentence.

    Args:
        facts: `ModelFacts`.
        data: Fact -> value of the data that were embedded for the map, or
            `None` where there is no map.
        remarks: What the check remarked of these data.
        no_map: Why there is no map of them. Defaults to `""`: there is one.

    Example:
    >>> facts = ModelFacts("films", {}, {}, [], {}, {})
    >>> card_text(facts).splitlines()[0]
    '# films'
    """
    sections = {
        "Quality": _quality(facts),
        "Training": _course(facts),
        "Data": _data(facts, data, remarks),
        "Map": _map(data, no_map),
        "Configuration": _configuration(facts.config),
        "Limits": "\n".join(f"- {limit}" for limit in model_limits(facts)),
    }
    parts = [f"# {facts.name}", _opening(facts.config)]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _opening(config):
    if not config:
        return f"{MADE_BY}."
    second = config["enc1_network"]
    second = config["enc0_network"] if second == "enc0" else second
    goal = {
        "softmax": "class probabilities",
        "mean_squared_error": "a score",
        "in_batch_softmax": f"their {config.get('similarity')} as score",
        "bpr": "a score to rank them by",
    }
    head = config["output_layer"]
    return (
        f"{MADE_BY}: it embeds two kinds of objects, "
        f"`in0` by the encoder `{config['enc0_network']}` and `in1` by "
        f"`{second}`, as {config['enc_dim']:,} numbers each, and gives pairs "
        f"{goal.get(head, f'scores (`{head}`)')}."
    )


def _quality(facts):
    parts = [_of_training(facts)]
    if facts.evaluation:
        parts.append(_of_evaluation(facts.evaluation))
    return "\n\n".join(parts)


def _of_evaluation(evaluation):
    """What `o2v evaluate` has printed, with its baselines."""
    metrics = evaluation["metrics"]
    counts = ", ".join(
        f"{count:,} {name}"
        for name, count in evaluation.items()
        if isinstance(count, int)
    )
    rows = [("**this model**", metrics)]
    rows += [
        (f"{name} (no model)", scores)
        for name, scores in evaluation.get("baselines", {}).items()
    ]
    names = [name for name in metrics if name != "loss"] or ["loss"]
    return f"Evaluated by `o2v evaluate` ({counts}):\n\n" + _scores(names, rows)


def _of_training(facts):
    if facts.split is None:
        return "The model directory holds no metrics of data not trained on."
    metrics = facts.metrics[facts.split]
    rows = [(f"**this model, {facts.split}**", metrics)]
    baselines = facts.metrics.get("baselines", {}).get(facts.split, {})
    rows += [
        (f"{name} (no model)", scores) for name, scores in baselines.items()
    ]
    if facts.split == "test" and facts.metrics.get("validation"):
        rows.append(("this model, validation", facts.metrics["validation"]))
    # Rankings and the like are measured on validation data alone.
    names = dict.fromkeys(name for _, scores in rows for name in scores)
    names = [name for name in names if name != "loss"] or ["loss"]
    return _scores(names, rows)


def _scores(names, rows):
    return _table(
        ["", *names],
        [
            [label, *(f"{s[n]:.4f}" if n in s else "-" for n in names)]
            for label, s in rows
        ],
    )


def _course(facts):
    if not facts.epochs:
        return "The model directory holds no `history.csv`."
    seconds = sum(epoch.get("seconds", 0) for epoch in facts.epochs)
    text = f"{len(facts.epochs)} epochs in {seconds:,.0f} s"
    if facts.best_epoch is not None:
        text += f"; the weights are those of epoch {facts.best_epoch}"
        text += " (counted from 0, the dotted line)"
    return f"{text}.\n\n![Metrics of each epoch]({CURVES})"


def _data(facts, data, remarks):
    parts = []
    if facts.data:
        rows = [[c, f"`{digest}`"] for c, digest in facts.data.items()]
        parts.append(_table(["channel", "fingerprint of its rows"], rows))
    else:
        parts.append("The model directory tells nothing of its training data.")
    if data is not None:
        parts.append("The map shows other data, given when this was written:")
        parts.append(_table(["", ""], [[k, v] for k, v in data.items()]))
        parts += [f"- The check remarked: {remark}" for remark in remarks]
    return "\n\n".join(parts)


def _map(data, no_map):
    if no_map:
        return f"No map can be drawn of these data: {no_map}"
    if data is None:
        return "No data were given to draw a map of (`o2v card --data`)."
    return f"![Embeddings on the plane of greatest variance]({MAP})"


def _configuration(config):
    if not config:
        return "The model directory holds no `config.json`."
    defaults = Object2VecConfig(
        enc0_max_seq_len=config["enc0_max_seq_len"],
        enc0_vocab_size=config["enc0_vocab_size"],
    ).to_dict()
    changed, rest = [], []
    for name, value in config.items():
        row = [f"`{name}`", _shown(value)]
        required = name in ("enc0_max_seq_len", "enc0_vocab_size")
        differs = name not in defaults or defaults[name] != value
        (changed if required or differs else rest).append(row)
    header = ["hyperparameter", "value"]
    return (
        f"{_table(header, changed)}\n\n<details><summary>{len(rest)} others "
        f"have their defaults</summary>\n\n{_table(header, rest)}\n\n</details>"
    )


def _shown(value):
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "none" if value in ("", None) else str(value)


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(map(_cell, line)) + " |" for line in lines
    )


def _cell(value):
    return str(value).replace("|", "\\|").replace("\n", " ")
