"""A small corpus of texts, for tests (no tests inside)."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_columns import PairColumns

COLUMNS = PairColumns("plot", "genre", "liked")
ROWS = [
    {"plot": "A dog barks.", "genre": "drama", "liked": 1},
    {"plot": "A cat, \na DOG", "genre": "film noir", "liked": 0},
    {"plot": "Ein Hund 犬", "genre": "drama", "liked": 1},
    {"plot": 'the "end"', "genre": "crime", "liked": 0},
    {"plot": "dog", "genre": "crime", "liked": 1},
]


def config(**others):
    """Words on one side, categories on the other."""
    settings = {
        "enc0_max_seq_len": 9,
        "enc0_vocab_size": 99,
        "enc0_tokenizer": "words",
        "enc0_network": "pooled_embedding",
        "enc1_max_seq_len": 1,
        "enc1_vocab_size": 99,
        "enc1_tokenizer": "category",
        "enc1_network": "pooled_embedding",
        "enc_dim": 4,
        "mlp_dim": 4,
    }
    return Object2VecConfig(**settings | others)


def write(path, rows=ROWS):
    """Writes rows in the format that the ending names; returns the path."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        lines = [json.dumps(row) + "\n" for row in rows]
        path.write_text("".join(lines))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path


def in_memory(rows=ROWS):
    """Rows as a mapping of lists."""
    return {key: [row[key] for row in rows] for key in rows[0]}
