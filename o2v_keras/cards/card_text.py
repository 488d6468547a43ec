"""A model card in Markdown."""

from collections.abc import Mapping
from collections.abc import Sequence

from o2v_keras.cards.model_facts import ModelFacts
from o2v_keras.cards.model_limits import model_limits
from o2v_keras.config import Object2VecConfig

MADE_BY = "An Object2Vec model of o2v_keras"
CURVES, MAP = "card_curves.png", "card_map.png"


def card_text(
    facts: ModelFacts,
    data: Mapping[str, object] | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """Returns a card; what is not known is left out with a sentence.

    Args:
        facts: `ModelFacts`.
        data: Fact -> value of the data that were embedded for the map, or
            `None` where there is no map.
        remarks: What the check remarked of these data.

    Example:
    >>> facts = ModelFacts("films", {}, {}, [], {}, {})
    >>> card_text(facts).splitlines()[0]
    '# films'
    """
    sections = {
        "Quality": _quality(facts),
        "Training": _training(facts),
        "Data": _data(facts, data, remarks),
        "Map": _map(data),
        "Configuration": _configuration(facts.config),
        "Limits": "\n".join(f"- {limit}" for limit in model_limits(facts)),
    }
    parts = [f"# {facts.name}", _summary(facts.config)]
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _summary(config):
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
    if facts.split is None:
        return "The model directory holds no metrics of data not trained on."
    metrics = facts.metrics[facts.split]
    names = [name for name in metrics if name != "loss"] or ["loss"]
    rows = [(f"**this model, {facts.split}**", metrics)]
    baselines = facts.metrics.get("baselines", {}).get(facts.split, {})
    rows += [
        (f"{name} (no model)", scores) for name, scores in baselines.items()
    ]
    if facts.split == "test" and facts.metrics.get("validation"):
        rows.append(("this model, validation", facts.metrics["validation"]))
    return _table(
        ["", *names],
        [
            [label, *(f"{s[n]:.4f}" if n in s else "-" for n in names)]
            for label, s in rows
        ],
    )


def _training(facts):
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


def _map(data):
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
