"""WordNet's definitions and the examples of use that belong to them."""

from typing import NamedTuple

import numpy as np

from o2v_keras.datasets.wordnet import Synset
from o2v_keras.datasets.wordnet import load_synsets

TEST = 10_000
VALIDATION = 4_000


class Split(NamedTuple):
    """What a model learns from, and what it is scored on.

    Args:
        training: Mapping with the texts `in0` and `in1`, and `label`.
        scored: Mapping with `in0` and `in1`: definitions and their examples,
            which are each other's candidates.
    """

    training: dict
    scored: dict


def load_split(test: bool, with_words: bool = True) -> Split:
    """Returns the split of the protocol.

    Of the 32,884 synsets with an example, `default_rng(0)` draws 10,000 for
    test; the next 4,000 are validation, from which the models that are scored
    on test learn too. A synset's examples are one text. Training has the pairs
    of definition and examples, and of every synset that is not held out the
    pair of its definition and its words.

    Args:
        test: Whether to score test instead of validation.
        with_words: Whether to learn from pairs of definitions and words.
            Defaults to `True`.
    """
    synsets = load_synsets()
    with_example = [synset for synset in synsets if synset.examples]
    order = np.random.default_rng(0).permutation(len(with_example))
    drawn = [with_example[number] for number in order]
    first, last = (0, TEST) if test else (TEST, TEST + VALIDATION)
    scored, learned = drawn[first:last], drawn[last:]
    held_out = {synset.identifier for synset in drawn[:last]}
    named = [s for s in synsets if with_words and s.identifier not in held_out]
    in0 = [synset.definition for synset in [*learned, *named]]
    in1 = [*map(_examples, learned), *map(_words, named)]
    return Split(
        {"in0": in0, "in1": in1, "label": np.ones(len(in0), int)},
        {
            "in0": [synset.definition for synset in scored],
            "in1": [_examples(synset) for synset in scored],
        },
    )


def _examples(synset: Synset) -> str:
    return "; ".join(synset.examples)


def _words(synset: Synset) -> str:
    return " ".join(synset.lemmas).replace("_", " ")
