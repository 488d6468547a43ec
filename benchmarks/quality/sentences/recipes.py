"""The recipe of each task, chosen on its dev split, and what it is without."""

import dataclasses

from benchmarks.quality.sentences.initial_table import WIDTHS
from benchmarks.quality.sentences.recipe import Recipe

_BLOCKS = ("block_cosine", "block_lengths")

RECIPES = {
    "stsb": Recipe(comparators=_BLOCKS, mlp_dim=128, dropout=0.4, epochs=12),
    "sick-r": Recipe(comparators=(*_BLOCKS, "abs_diff"), epochs=8),
    "sick-e": Recipe(comparators=(*_BLOCKS, "abs_diff", "hadamard"), epochs=12),
}

_EXCHANGES = {
    "table: random": {"pretrained": False},
    "table: frozen": {"freeze": True},
    "table: words alone": {"parts": ("words",)},
    "comparator: one cosine": {"comparators": ("cosine",)},
    "comparator: SageMaker's three": {
        "comparators": ("hadamard", "concat", "abs_diff")
    },
    "no dropout": {"dropout": 0.0},
    "swapped pairs too": {"swap": True},
    "encoder: hcnn": {"encoder": "hcnn", "learning_rate": 0.0005},
    "encoder: bilstm": {"encoder": "bilstm", "learning_rate": 0.0005},
    "tokenizer: ngrams": {"tokenizer": "ngrams"},
}


def ablations(name: str) -> dict[str, Recipe]:
    """Returns what is exchanged -> a task's recipe with it exchanged."""
    recipe = RECIPES[name]
    variants = {"the recipe": {}}
    for part in WIDTHS:
        rest = tuple(other for other in WIDTHS if other != part)
        variants[f"table: without {part}"] = {"parts": rest}
    variants |= _EXCHANGES
    return {
        what: dataclasses.replace(recipe, **changes)
        for what, changes in variants.items()
    }
