"""Batch inference beside a `model.predict` loop and the bare encoder.

Run with `make bench` or `python -m benchmarks.batch_inference`; sentences are
those of STS-B in the folder that `O2V_DATA_DIR` names, or without it the
definitions of the sample of WordNet in the package.
"""

import csv
import json
import os
import pathlib
import re
import statistics
import tempfile
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from export.saved_model import write_saved_model  # noqa: E402
from export.serving_module import ServingModule  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import Object2Vec  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from o2v_keras.datasets.wordnet import load_wordnet_sample  # noqa: E402
from serving.batch_inference.job import Job  # noqa: E402
from serving.batch_inference.local_batch_model import LocalBatchModel  # noqa: E402
from serving.batch_inference.run_job import run_job  # noqa: E402
from serving.client.pair_rows import PairRows  # noqa: E402

MAX_SEQ_LEN = 64
BATCH_SIZE = 256
# Network -> how often the sentences are repeated: a run takes seconds.
COPIES = {"hcnn": sized(3, quick=1), "bilstm": 1}
ROWS = sized(None, quick=300)
ENC_DIM = sized(512, quick=8)
REPEATS = sized(3, quick=1)


def _texts():
    """What they are, and the sentences."""
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        splits = load_wordnet_sample().values()
        return "definitions of WordNet", [
            synset.definition for split in splits for synset in split
        ]
    path = pathlib.Path(folder, "stsb", "stsb-en-train.csv")
    with open(path, encoding="utf-8", newline="") as file:
        pairs = [row[:2] for row in csv.reader(file)]
    return "sentences of STS-B", [text for pair in pairs for text in pair]


def _word_ids(texts):
    """Ids of the texts' words, counted from 1, and their number."""
    numbers = {}
    rows = [
        [
            numbers.setdefault(word, len(numbers) + 1)
            for word in re.findall(r"\w+|[^\w\s]", text.lower())
        ]
        for text in texts
    ]
    return rows, len(numbers) + 1


def _predict_loop(encoder, sentences):
    for start in range(0, len(sentences), BATCH_SIZE):
        ids = np.zeros((BATCH_SIZE, MAX_SEQ_LEN), np.int64)
        for row, sentence in enumerate(sentences[start : start + BATCH_SIZE]):
            ids[row, : len(sentence)] = sentence[:MAX_SEQ_LEN]
        encoder.predict(ids, verbose=0)


def _seconds(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _compare(network, sentences, vocab_size, folder):
    config = Object2VecConfig(
        enc0_network=network,
        enc0_max_seq_len=MAX_SEQ_LEN,
        enc0_vocab_size=vocab_size,
        enc_dim=ENC_DIM,
    )
    model = Object2Vec(config)
    write_saved_model(ServingModule(model, "embedding"), folder / "export")
    source = folder / "in.jsonl"
    lines = (json.dumps({"in0": ids}) + "\n" for ids in sentences)
    source.write_text("".join(lines))
    local = LocalBatchModel(folder / "export", "encoder_embeddings", ("in0",))
    encode = tf.function(
        lambda ids: model.encoder0(ids, training=False),
        input_signature=[tf.TensorSpec([None, None], tf.int64)],
    )
    batches = PairRows({"in0": sentences}).batches(BATCH_SIZE)
    tensors = [tf.constant(batch.inputs["in0"]) for batch in batches]

    def job(kind):
        run_job(
            Job(
                inputs=(str(source),),
                output=str(folder / f"out.{kind}"),
                signature="encoder_embeddings",
                side="in0",
                batch_size=BATCH_SIZE,
            ),
            local,
            restart=True,
        )

    contenders = {
        "padded predict loop": lambda: _predict_loop(model.encoder0, sentences),
        "encoder on ready tensors": lambda: [encode(ids) for ids in tensors],
        "batch inference to .npy": lambda: job("npy"),
        "batch inference to .jsonl": lambda: job("jsonl"),
    }
    for run in contenders.values():
        run()
    # In turns, so that a noisy moment hits all.
    times = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, run in contenders.items():
            times[name].append(_seconds(run))
    _report(network, len(sentences), times)


def _report(network, rows, times):
    rates = {name: rows / statistics.median(ts) for name, ts in times.items()}
    loop, encoder, *ours = rates
    print(f"{network}, enc_dim {ENC_DIM}, {rows:,} sentences:")
    for name in (loop, encoder):
        print(f"  {name}: {rates[name]:,.0f} rows/s")
    for name in ours:
        print(
            f"  {name}: {rates[name]:,.0f} rows/s, "
            f"{rates[name] / rates[loop]:.1f} times the loop, "
            f"{rates[name] / rates[encoder]:.2f} of the encoder"
        )


def main():
    """Prints medians and ratios for two encoders."""
    print(machine())
    what, texts = _texts()
    sentences, vocab_size = _word_ids(texts[:ROWS])
    print(f"texts: {what}")
    for network, copies in COPIES.items():
        with tempfile.TemporaryDirectory() as folder:
            _compare(
                network, sentences * copies, vocab_size, pathlib.Path(folder)
            )


if __name__ == "__main__":
    main()
