"""The same small data in every format, for the golden tests (none inside)."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.convert.tf_example import make_example

ROWS = 40
IDS_FORMATS = ("memory", "jsonl", "csv", "tsv", "parquet", "tfrecord")
TEXT_FORMATS = ("memory", "jsonl", "csv", "tsv", "parquet")
_WORDS = "dog cat Hund 犬 the end, of film noir".split()


def make_config(texts=False, **changes):
    """Pooled encoders of six steps; words and categories where `texts`."""
    fields = {
        "enc0_max_seq_len": 6,
        "enc0_vocab_size": 60,
        "enc0_network": "pooled_embedding",
        "enc1_max_seq_len": 4,
        "enc1_vocab_size": 60,
        "enc1_network": "pooled_embedding",
        "enc_dim": 4,
        "mlp_dim": 4,
        "mini_batch_size": 8,
    }
    if texts:
        fields |= {"enc0_tokenizer": "words", "enc1_tokenizer": "category"}
    return Object2VecConfig(**fields | changes)


def make_rows(texts=False, weights=False, label=1):
    """Rows of 1 to 7 ids or words and 1 to 5 ids or a category."""
    rng = np.random.default_rng(12)
    rows = []
    for _ in range(ROWS):
        in0 = rng.integers(1, 60, rng.integers(1, 8)).tolist()
        in1 = rng.integers(1, 60, rng.integers(1, 6)).tolist()
        if texts:
            in0 = " ".join(_WORDS[number % len(_WORDS)] for number in in0)
            in1 = f"genre {in1[0] % 7}"
        row = {"in0": in0, "in1": in1, "label": label}
        if weights:
            row["weight"] = float(rng.integers(0, 9)) / 4
        rows.append(row)
    return rows


def write(folder, rows, form):
    """Writes rows in a format; returns what `load_dataset` takes."""
    path = folder / f"rows.{form}"
    if form == "memory":
        return {name: [row[name] for row in rows] for name in rows[0]}
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form == "tfrecord":
        with tf.io.TFRecordWriter(str(path)) as file:
            for row in rows:
                file.write(make_example(**row))
    else:
        _write_separated(path, rows, "\t" if form == "tsv" else ",")
    return path


def _write_separated(path, rows, separator):
    with path.open("w", newline="") as file:
        quoting = {"quoting": csv.QUOTE_NONE} if separator == "\t" else {}
        writer = csv.writer(file, delimiter=separator, **quoting)
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow(
                " ".join(map(str, value)) if isinstance(value, list) else value
                for value in row.values()
            )
