"""Indexes of int8 and of bits beside one of float32: recall, memory, speed.

Run with `make bench` or `python -m benchmarks.precision`. A model learns to
bring WordNet's definitions to their words, as in
`benchmarks.quality.wordnet`; the indexes hold all definitions: 117,659 if
`O2V_DATA_DIR` is set, else those of the sample that comes with the package.
"""

import csv
import gzip
import os
import pathlib
import tempfile

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402

from benchmarks.interleaved import interleaved  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from benchmarks.quality.wordnet.definitions import train_texts  # noqa: E402
from benchmarks.quality.wordnet.splits import TextSplit  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import NeighborIndex  # noqa: E402
from o2v_keras import embed  # noqa: E402
from o2v_keras.datasets.wordnet import load_wordnet_sample  # noqa: E402
from o2v_keras.storage.scalar_quantizer import PRECISIONS  # noqa: E402

# A short training, by the recipe that the published figures have.
CHANGES = {
    "epochs": sized(2, quick=1),
    "learning_rate_schedule": "constant",
    "token_weighting": "none",
    "hardness_strength": 0.0,
}
ROWS = sized(None, quick=500)
TOP = 10
RESCORE = 4
QUERIES = sized(512, quick=20)
REPEATS = sized(5, quick=1)
# Recall that is asked of a precision.
TARGETS = {"int8": 0.99, "binary": 0.95}


def _texts():
    """Definitions and the words that they define."""
    folder = os.environ.get("O2V_DATA_DIR")
    if folder:
        path = pathlib.Path(folder, "wordnet", "synsets.tsv.gz")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            pairs = [(row["definition"], row["lemmas"]) for row in rows]
    else:
        splits = load_wordnet_sample().values()
        synsets = [synset for split in splits for synset in split]
        pairs = [(s.definition, " ".join(s.lemmas)) for s in synsets]
    texts = [(text, words.replace("_", " ")) for text, words in pairs[:ROWS]]
    return {"in0": [t for t, _ in texts], "in1": [w for _, w in texts]}


def _vectors(texts):
    model = train_texts(TextSplit(texts, {}), seed=0, **CHANGES)
    return embed(model, "in0", {"in0": texts["in0"]})


def _indexes(vectors, folder):
    """Returns precision -> index, as a server loads it."""
    for precision in PRECISIONS:
        index = NeighborIndex.build(
            vectors, precision=precision, rescore=RESCORE
        )
        index.save(folder / precision)
    return {p: NeighborIndex.load(folder / p) for p in PRECISIONS}


def _report(index, full, rate):
    kept = index.kept_recall(TOP)
    by_codes = ""
    if "recall_by_codes" in kept:
        target = TARGETS[index.precision]
        verdict = "reached" if kept["recall"] >= target else "MISSED"
        by_codes = (
            f" ({kept['recall_by_codes']:.4f} by codes alone; target "
            f"{target}: {verdict})"
        )
    print(
        f"{index.precision}: recall@{TOP} {kept['recall']:.4f}{by_codes}, "
        f"{index.nbytes / 1e6:.1f} MB (1/{full / index.nbytes:.1f}), "
        f"{rate}"
    )


def main():
    """Prints recall, memory and queries a second of each precision."""
    print(machine())
    vectors = _vectors(_texts())
    print(f"{len(vectors):,} definitions, {vectors.shape[1]} numbers each")
    rows = np.arange(0, len(vectors), -(-len(vectors) // QUERIES))
    with tempfile.TemporaryDirectory() as folder:
        indexes = _indexes(vectors, pathlib.Path(folder))
        times = interleaved(
            {
                precision: lambda index=index: index.query(vectors[rows], TOP)
                for precision, index in indexes.items()
            },
            REPEATS,
        )
        for precision, index in indexes.items():
            rate = f"{len(rows) / times[precision].median:,.0f} queries/s"
            if precision != "float32":
                rate += f", {times[precision].ratio(times['float32'])}"
            _report(index, indexes["float32"].nbytes, rate)


if __name__ == "__main__":
    main()
