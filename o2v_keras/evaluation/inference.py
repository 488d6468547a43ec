"""Scores and embeddings of whole tables, rows in order."""

import keras
import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.data.read_source import read_source
from o2v_keras.data.sequences import Sequences
from o2v_keras.models.object2vec import Object2Vec

_BATCH_SIZE = 1024


def predict_scores(
    model: Object2Vec,
    source: Source,
    batch_size: int = _BATCH_SIZE,
    columns: PairColumns = DEFAULT_COLUMNS,
) -> np.ndarray:
    """Returns the model's scores for pairs; labels are not needed.

    Args:
        model: `Object2Vec`.
        source: Path, glob or list of files, a mapping with `in0` and `in1`,
            or a `PairTable`; texts for the sides that have one of
            `model.tokenizers`.
        batch_size: Rows of a step. Defaults to 1024.
        columns: `PairColumns` of the data, of which only those needed must be
            there. Defaults to `in0` and `in1`.

    Returns:
        float32 `(rows, num_classes)` probabilities or `(rows, 1)` values, in
        the order of the rows.

    Raises:
        DataError: If rows are unusable, with file and line of the first.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> source = {"in0": [[1], [2, 3]], "in1": [[4], [5]]}
    >>> predict_scores(model, source).shape
    (2, 2)
    """
    table = _read(model, source, columns, ("in0", "in1"))
    return _predict(
        model,
        {
            "in0": (table.in0, model.config.encoder0.max_seq_len),
            "in1": (table.in1, model.config.encoder1.max_seq_len),
        },
        batch_size,
    )


def embed(
    model: Object2Vec,
    side: str,
    source: Source,
    batch_size: int = _BATCH_SIZE,
    columns: PairColumns = DEFAULT_COLUMNS,
) -> np.ndarray:
    """Returns one side's embeddings.

    Args:
        model: `Object2Vec`.
        side: `"in0"` (encoder0) or `"in1"` (encoder1). Embeddings that are
            to be compared by cosine should come from one side.
        source: Path, glob or list of files, a mapping with that side, or a
            `PairTable`; texts if the side has one of `model.tokenizers`.
        batch_size: Rows of a step. Defaults to 1024.
        columns: `PairColumns` of the data, of which only those needed must be
            there. Defaults to `in0` and `in1`.

    Returns:
        float32 `(rows, enc_dim)` in the order of the rows.

    Raises:
        ValueError: If `side` is another word.
        DataError: If rows are unusable, with file and line of the first.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> embed(model, "in0", {"in0": [[1], [2, 3]]}).shape
    (2, 4)
    """
    if side not in ("in0", "in1"):
        raise ValueError(
            f'`side` must be "in0" or "in1". Received: side={side!r}'
        )
    table = _read(model, source, columns, (side,))
    encoders = {"in0": model.encoder0, "in1": model.encoder1}
    settings = {"in0": model.config.encoder0, "in1": model.config.encoder1}
    return _predict(
        encoders[side],
        {side: (getattr(table, side), settings[side].max_seq_len)},
        batch_size,
    )


def _read(model, source, columns, sides):
    pairs = read_source(
        source, model.config, model.tokenizers, columns, sides, label=False
    )
    report = pairs.check(model.config)
    report.raise_for_errors()
    report.warn(stacklevel=4)
    return pairs.table


def _predict(
    model: keras.Model, sides: dict[str, tuple[Sequences, int]], batch_size
):
    rows = {name: PaddedRows(*parts) for name, parts in sides.items()}
    count = len(next(iter(sides.values()))[0])
    numbers = tf.data.Dataset.range(count).batch(batch_size)
    batches = numbers.map(
        lambda batch: {name: r.gather(batch) for name, r in rows.items()},
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)

    # `model.predict` traces anew for each length it meets; this does not.
    @tf.function(input_signature=[batches.element_spec])
    def outputs(batch):
        return model(
            batch if len(batch) > 1 else next(iter(batch.values())),
            training=False,
        )

    parts = [outputs(batch).numpy() for batch in batches]
    return np.concatenate(parts).astype(np.float32)
