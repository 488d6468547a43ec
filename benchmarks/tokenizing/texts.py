"""Texts of WordNet to tokenize."""

import csv
import gzip
import os
import pathlib

from o2v_keras.datasets.wordnet import load_wordnet_sample


def definitions(examples: bool = False) -> list[str]:
    """Returns the definitions of `O2V_DATA_DIR`, or those of the sample.

    Args:
        examples: Whether the examples of use follow each, in the whole data.
            Defaults to `False`.
    """
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        splits = load_wordnet_sample().values()
        return [synset.definition for split in splits for synset in split]
    texts = []
    file = pathlib.Path(folder, "wordnet", "synsets.tsv.gz")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(
            lines, delimiter="\t", quoting=csv.QUOTE_NONE
        ):
            texts.append(row["definition"])
            if examples:
                texts += filter(None, row["examples"].split("|"))
    return texts
