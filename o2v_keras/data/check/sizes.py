"""Proposes hyperparameters that fit the data."""

import json
from collections.abc import Mapping

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.values import are_classes
from o2v_keras.data.sequences import Sequences


def propose_sizes(
    sides: Mapping[str, Sequences],
    labels: np.ndarray | None = None,
    enc1_copies_enc0: bool = False,
) -> dict[str, int | str]:
    """Proposes the hyperparameters that depend on the data.

    Vocabulary sizes are the largest id plus 1, lengths those of the longest
    sequence without the zeros that end it. Labels that are integers from 0
    and leave out no more than every other number are taken for classes; other
    labels make a regression.

    Args:
        sides: Name of each side, `"in0"` or `"in1"` -> its `Sequences`.
        labels: float64 array of the rows' labels, or only of the distinct
            ones. Defaults to `None`: there are none.
        enc1_copies_enc0: bool. Whether one set of sizes must fit both sides,
            as under `enc1_network="enc0"`; then only `enc0_*` are proposed.
            Defaults to `False`.

    Returns:
        dict of some of `enc0_vocab_size`, `enc0_max_seq_len`,
        `enc1_vocab_size`, `enc1_max_seq_len`, `output_layer` and, for
        classes, `num_classes`.

    Example:
    >>> sides = {"in0": Sequences.from_any([[1, 2], [9]], "in0")}
    >>> propose_sizes(sides)
    {'enc0_vocab_size': 10, 'enc0_max_seq_len': 2}
    >>> propose_sizes(sides, np.array([0, 2]))["num_classes"]
    3
    """
    sizes = {}
    for name, side in sides.items():
        encoder = "enc1" if name == "in1" and not enc1_copies_enc0 else "enc0"
        for field, size in (
            ("vocab_size", max(2, int(side.values.max(initial=0)) + 1)),
            ("max_seq_len", max(1, int(side.unpadded_lengths.max(initial=0)))),
        ):
            setting = f"{encoder}_{field}"
            sizes[setting] = max(sizes.get(setting, 0), size)
    if labels is not None and len(labels):
        sizes |= _output(labels)
    return sizes


def proposal_text(
    sides: Mapping[str, Sequences],
    labels: np.ndarray | None,
    config: Object2VecConfig | None,
) -> str:
    """Returns the text of the proposal that `o2v check` prints.

    Args:
        sides: Name of each side -> its `Sequences`.
        labels: float64 array of the rows' or the distinct labels, or `None`.
        config: `Object2VecConfig` of the model. `None` means that each
            encoder has sizes of its own.
    """
    if not any(map(len, sides.values())):
        return "No row is usable: there are no sizes to propose."
    fits_labels = ("softmax", "mean_squared_error")
    if config is not None and config.output_layer not in fits_labels:
        # Other heads are chosen by what is wanted, not by the labels.
        labels = None
    copies = config is not None and config.enc1_network == "enc0"
    sizes = propose_sizes(sides, labels, copies)
    for encoder in ("enc0", "enc1"):
        # A tokenizer sets these sizes.
        if config is not None and getattr(config, f"{encoder}_tokenizer"):
            sizes.pop(f"{encoder}_vocab_size", None)
            sizes.pop(f"{encoder}_max_seq_len", None)
    if config is None:
        # Sizes of its own are accepted only beside a network of its own.
        sizes["enc1_network"] = "hcnn"
    what = "hyperparameters that fit the data"
    if config is None:
        what += ", beside SageMaker's defaults (`o2v train` without any takes "
        what += "a recipe instead)"
    return f"{what}:\n{json.dumps(sizes, indent=2)}"


def _output(labels):
    numbers = np.unique(labels)
    classes = numbers[-1] + 1
    if are_classes(numbers).all() and classes <= 2 * len(numbers):
        return {"output_layer": "softmax", "num_classes": max(2, int(classes))}
    return {"output_layer": "mean_squared_error"}
