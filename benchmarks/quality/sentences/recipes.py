"""The recipe of each task, chosen on its dev split."""

import dataclasses

from benchmarks.quality.sentences.initial_table import WIDTHS
from benchmarks.quality.sentences.recipe import Recipe

_ALL = tuple(WIDTHS)
_OTHERS = tuple(part for part in WIDTHS if part != "wordllama")


def recipes(name: str, wordllama: bool) -> tuple[Recipe, ...]:
    """Returns the recipes whose models are joined.

    Args:
        name: Of a task.
        wordllama: Whether wordllama's vectors are in initial tables.
    """
    parts = _ALL if wordllama else _OTHERS
    if name == "stsb":
        others = Recipe(_OTHERS, 12, learning_rate=0.003, label_scale=0.2)
        alone = Recipe(("wordllama",), 6, learning_rate=0.005, label_scale=0.2)
        return (alone, alone, others) if wordllama else (others,)
    comparators = ("block_cosine", "block_lengths", "abs_diff")
    if name == "sick-r":
        recipe = Recipe(parts, 8, averaged_epochs=3, label_scale=3.0)
    else:
        comparators += ("hadamard",)
        recipe = Recipe(parts, 10, averaged_epochs=4)
    return (dataclasses.replace(recipe, comparators=comparators, mlp_layers=2),)
