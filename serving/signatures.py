"""Names on the wire: signatures, inputs and outputs of an export."""

from collections.abc import Collection
from collections.abc import Mapping

SCORES_SIGNATURE = "serving_default"
EMBEDDINGS_SIGNATURE = "encoder_embeddings"

# The values of SageMaker's INFERENCE_PREFERRED_MODE.
MODES = {
    "classification": SCORES_SIGNATURE,
    "embedding": EMBEDDINGS_SIGNATURE,
}

IN0 = "in0"
IN1 = "in1"

# What `o2v export --mode` takes: all signatures, one, or one side's tower.
EXPORT_MODES = ("both", *MODES, IN0, IN1)

SCORES = "scores"
EMBEDDINGS = "embeddings"


def refusal(
    inputs: Mapping[str, Collection[str]],
    signature: str,
    sides: Collection[str],
) -> str:
    """Returns why an export cannot answer, or an empty string if it can.

    Args:
        inputs: Name of each of its signatures -> names of their inputs.
        signature: The signature to ask.
        sides: The sides that the request gives.

    Returns:
        A sentence without its subject.

    Example:
    >>> tower = {"serving_default": ["in0"], "encoder_embeddings": ["in0"]}
    >>> refusal(tower, "encoder_embeddings", ["in0"])
    ''
    >>> refusal(tower, "encoder_embeddings", ["in1"])[:21]
    'is the tower of in0 a'
    """
    # TensorFlow's own begin with underscores.
    names = sorted(name for name in inputs if not name.startswith("__"))
    if signature not in names:
        return (
            f"holds no signature {signature}, but {', '.join(names)}. Export "
            "again with --mode both, if the model scores pairs."
        )
    given = " and ".join(sorted(inputs[signature]))
    if set(sides) <= set(inputs[signature]):
        return ""
    return (
        f"is the tower of {given} alone: it answers {EMBEDDINGS_SIGNATURE} of "
        f"{given}, and holds neither scores nor the other side. Export again "
        "with --mode both."
    )
