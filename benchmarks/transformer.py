"""A Transformer's steps beside a stack of keras-hub's encoder layers.

Run with `make bench` or `python -m benchmarks.transformer`. The sentence pairs
are STS-B's, SICK's and WordNet's in the folder that `O2V_DATA_DIR` names, or
without it successive definitions of the sample in the package. Without
`keras-hub` (see requirements-dev.txt) that part is left out.
"""

import importlib.util
import itertools
import re

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from benchmarks.interleaved import interleaved  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from benchmarks.training.corpora import data_folder  # noqa: E402
from benchmarks.training.corpora import sentence_pairs  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from o2v_keras import PairTable  # noqa: E402
from o2v_keras.data.batches.pair_batches import PairBatches  # noqa: E402
from o2v_keras.datasets.wordnet import load_wordnet_sample  # noqa: E402
from o2v_keras.layers.transformer_encoder import TransformerEncoder  # noqa: E402

DIM = sized(256, quick=8)
LAYERS = sized(4, quick=1)
BATCH_SIZE = 64
STEPS = sized(8, quick=1)
REPEATS = sized(7, quick=1)
# Stock padding: the 99th percentile of the corpus, as in benchmarks/training.
PERCENTILE = 99


class KerasHubStack(keras.layers.Layer):
    """`keras_hub.layers.TransformerEncoder`s and the mean over real steps."""

    def __init__(self, dim, layers, heads=4, **kwargs):
        import keras_hub

        super().__init__(**kwargs)
        self.blocks = [
            keras_hub.layers.TransformerEncoder(
                4 * dim, heads, normalize_first=True
            )
            for _ in range(layers)
        ]
        self.pooling = keras.layers.GlobalAveragePooling1D()
        self.supports_masking = True

    def call(self, inputs, mask=None, training=None):
        for block in self.blocks:
            inputs = block(inputs, padding_mask=mask, training=training)
        return self.pooling(inputs, mask=mask)

    def compute_mask(self, inputs, mask=None):
        return None


def _corpus():
    """A description, pairs of word ids and the size of the vocabulary."""
    folder = data_folder()
    if folder:
        corpus = sentence_pairs(folder)
        return corpus.description, corpus.table, corpus.vocab_size
    numbers = {}
    rows = [
        [
            numbers.setdefault(word, len(numbers) + 1)
            for word in re.findall(r"\w+", synset.definition)
        ]
        for split in load_wordnet_sample().values()
        for synset in split
    ]
    table = PairTable.from_arrays(rows[:-1], rows[1:], np.zeros(len(rows) - 1))
    return "definitions of WordNet", table, len(numbers) + 1


def _batches(table, vocab_size):
    """Batches in buckets, and the same ones padded to one length."""
    lengths = np.concatenate([side.lengths for side in table.sides.values()])
    longest = int(np.ceil(np.percentile(lengths, PERCENTILE)))
    config = Object2VecConfig(
        enc0_network="transformer",
        enc0_max_seq_len=longest,
        enc0_vocab_size=vocab_size,
        enc_dim=DIM,
        mini_batch_size=BATCH_SIZE,
        bucket_width=5,
        num_classes=3,
    )
    dataset = PairBatches(table, config, training=True).dataset()
    bucketed = list(itertools.islice(dataset.as_numpy_iterator(), STEPS))
    padded = [
        (
            {
                name: np.pad(ids, [(0, 0), (0, longest - ids.shape[1])])
                for name, ids in inputs.items()
            },
            *labels,
        )
        for inputs, *labels in bucketed
    ]
    return longest, {"bucketed": bucketed, "padded": padded}


def _model(make_encoder, vocab_size):
    inputs, encodings = {}, []
    for name in ("in0", "in1"):
        ids = inputs[name] = keras.Input((None,), dtype="int64", name=name)
        embedded = keras.layers.Embedding(vocab_size, DIM)(ids)
        encoder = make_encoder()
        encodings.append(encoder(embedded, mask=ops.not_equal(ids, 0)))
    classes = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(inputs, classes(ops.concatenate(encodings, axis=-1)))
    # Without slots, so that the tables count little on either side.
    model.compile("sgd", loss="sparse_categorical_crossentropy")
    return model


def main():
    """Prints seconds a step and ratios."""
    print(machine())
    description, table, vocab_size = _corpus()
    longest, batches = _batches(table, vocab_size)
    real = np.mean([np.mean(b[0]["in0"] != 0) for b in batches["padded"]])
    print(
        f"{description}; {LAYERS} layers x {DIM}, batch {BATCH_SIZE}, padded "
        f"to {longest} ids, {real:.0%} of them real"
    )
    models = {
        "ours": _model(lambda: TransformerEncoder(DIM, LAYERS), vocab_size)
    }
    if importlib.util.find_spec("keras_hub"):
        import keras_hub

        print(f"keras-hub {keras_hub.__version__}")
        models["keras-hub"] = _model(
            lambda: KerasHubStack(DIM, LAYERS), vocab_size
        )
    else:
        print("Without keras-hub: pip install -r requirements-dev.txt.")
    timings = interleaved(
        {
            f"{name}, {form}": lambda model=model, steps=steps: [
                model.train_on_batch(*step) for step in steps
            ]
            for name, model in models.items()
            for form, steps in batches.items()
        },
        REPEATS,
    )
    for name, timing in timings.items():
        print(f"{name}: {timing.median / STEPS * 1000:.0f} ms a step")
    if "keras-hub" in models:
        for ours, theirs, target in (
            ("bucketed", "padded", 2),
            ("bucketed", "bucketed", 1),
            ("padded", "padded", 1),
        ):
            ratio = timings[f"ours, {ours}"].ratio(
                timings[f"keras-hub, {theirs}"]
            )
            print(
                f"ours {ours}: {ratio} as keras-hub {theirs}; target {target}"
            )


if __name__ == "__main__":
    main()
