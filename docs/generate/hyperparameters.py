"""The page of hyperparameters, from the docstring of `Object2VecConfig`."""

import dataclasses
import inspect
import re
from typing import NamedTuple

from o2v_keras.config import Object2VecConfig

# Title of a section -> the first field that is in it.
_SECTIONS = {
    "Encoders": "enc0_max_seq_len",
    "Encodings": "enc_dim",
    "Comparator and MLP": "comparator_list",
    "Heads": "output_layer",
    "In-batch softmax": "similarity",
    "CoSENT": "similarity_scale",
    "Learning given vectors": "target_embedding_file",
    "Optimization": "dropout",
    "Batches and early stopping": "mini_batch_size",
    "Negatives": "negative_sampling_rate",
    "Random numbers and precision": "seed",
}
_DEFAULT = re.compile(r"Defaults\s+to\s+(`[^`]*`)(?:[:,]?\s*(.*?))?\.?$")


class Entry(NamedTuple):
    """One hyperparameter, as its docstring describes it."""

    name: str
    rule: str
    default: str
    meaning: str
    ours: bool


def entries() -> dict[str, Entry]:
    """Returns the hyperparameters by name, `enc1_*` among them."""
    text = inspect.getdoc(Object2VecConfig)
    arguments = text.partition("Args:\n")[2].partition("\nRaises:")[0]
    found = re.split(r"^    (?=\w+\*?: )", arguments, flags=re.M)[1:]
    made = map(_entry, found)
    return {entry.name: entry for entry in made}


def _entry(text):
    name, _, rest = " ".join(text.split()).partition(": ")
    ours = "Ours. " in f"{rest} "
    rest = rest.replace("Ours. ", "").removesuffix(" Ours.")
    _, _, rest = rest.partition(". ")  # the type, which the rule knows better
    match = _DEFAULT.search(rest)
    default = "required" if "Required" in rest else ""
    if match:
        note = (match[2] or "").strip(" ()")
        value = match[1] if match[1] not in ("`None`", '`""`') else ""
        default = ": ".join(filter(None, [value, note]))
        rest = rest[: match.start()]
    return Entry(name, _RULES.get(name, ""), default, rest.strip(), ours)


_RULES = {
    field.name: field.metadata["rule"].description
    for field in dataclasses.fields(Object2VecConfig)
}


def hyperparameter_sections() -> str:
    """Returns the sections with a heading for each one, as Markdown."""
    known = entries()
    starts = {field: title for title, field in _SECTIONS.items()}
    parts = []
    for field in dataclasses.fields(Object2VecConfig):
        if field.name in starts:
            parts.append(f"## {starts[field.name]}")
        if not field.name.startswith("enc1_"):
            parts.append(_section(known[field.name]))
    return "\n\n".join(parts)


def _section(entry):
    default = entry.default
    if default != "required":
        default = f"default {default}"
    ours = ", ours" if entry.ours else ""
    return (
        f"### {entry.name}\n\n*{_capital(entry.rule)}; {default}{ours}.*\n\n"
        f"{entry.meaning}"
    )


def _capital(text):
    return text[0].upper() + text[1:]
