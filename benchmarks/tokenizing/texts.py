"""Texts of WordNet to tokenize."""

import os

from o2v_keras.datasets.wordnet import load_synsets
from o2v_keras.datasets.wordnet import load_wordnet_sample


def definitions(examples: bool = False) -> list[str]:
    """Returns the definitions of `O2V_DATA_DIR`, or those of the sample.

    Args:
        examples: Whether the examples of use follow each. Defaults to
            `False`.
    """
    if os.environ.get("O2V_DATA_DIR"):
        synsets = load_synsets()
    else:
        synsets = sum(load_wordnet_sample().values(), [])
    return [
        text
        for synset in synsets
        for text in (synset.definition, *(synset.examples * examples))
    ]
