"""The recipe of each task, chosen on its dev split, and what it is without."""

import dataclasses

from benchmarks.quality.sentences.initial_table import WIDTHS
from benchmarks.quality.sentences.recipe import Recipe

_CLASSIC = ("hadamard", "concat", "abs_diff")

_BLOCKS = ("block_cosine", "block_lengths")

RECIPES = {
    "stsb": Recipe(comparators=_BLOCKS, dropout=0.3, epochs=8),
    "sick-r": Recipe(comparators=(*_BLOCKS, "abs_diff"), epochs=8),
    "sick-e": Recipe(comparators=(*_BLOCKS, "abs_diff", "hadamard"), epochs=12),
}

_EXCHANGES = {
    "table: random, not initialised": {"pretrained": False},
    "table: initialised, but frozen": {"freeze": True},
    "table: words alone": {"parts": ("words",)},
    "tokenizer: words and hashed n-grams in one bag": {"tokenizer": "ngrams"},
    "encoder: hcnn": {"encoder": "hcnn", "learning_rate": 0.0005},
    "encoder: bilstm": {"encoder": "bilstm", "learning_rate": 0.0005},
    "comparator: one cosine": {"comparators": ("cosine",)},
    "comparator: cosines without lengths": {"comparators": ("block_cosine",)},
    "comparator: SageMaker's three": {"comparators": _CLASSIC},
    "no dropout": {"dropout": 0.0},
}


def ablations(name: str) -> dict[str, Recipe]:
    """Returns what is exchanged -> a task's recipe with it exchanged."""
    recipe = RECIPES[name]
    variants = {"the recipe": {}}
    for part in WIDTHS:
        rest = tuple(other for other in WIDTHS if other != part)
        variants[f"table: without {part}"] = {"parts": rest}
    variants |= _EXCHANGES
    swap = "without" if recipe.swap else "with"
    variants[f"{swap} swapped pairs"] = {"swap": not recipe.swap}
    variants["SageMaker's three, with swapped pairs"] = {
        "comparators": _CLASSIC,
        "swap": True,
    }
    return {
        what: dataclasses.replace(recipe, **changes)
        for what, changes in variants.items()
    }
