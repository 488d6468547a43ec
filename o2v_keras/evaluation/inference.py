"""Scores and embeddings of whole tables, rows in order."""

from collections.abc import Sequence

import numpy as np

from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.data.read_source import read_source
from o2v_keras.data.sequences import Sequences
from o2v_keras.evaluation.outputs import RowOutputs
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.user_warning import warn_user

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
    table = read_rows(model, source, ("in0", "in1"), columns)
    return score_rows(model, table, batch_size)()


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
    return embed_marked(model, side, source, batch_size, columns)[0]


def embed_marked(
    model: Object2Vec,
    side: str,
    source: Source,
    batch_size: int = _BATCH_SIZE,
    columns: PairColumns = DEFAULT_COLUMNS,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns embeddings and which of them training has never reached.

    Args:
        model: `Object2Vec`.
        side: `"in0"` or `"in1"`.
        source: Data with that side.
        batch_size: Rows encoded at a time.
        columns: `PairColumns` of the source. Defaults to `in0`, `in1`.

    Returns:
        float32 `(rows, enc_dim)`, and bool `(rows,)`: rows without any id
        that training has seen; none where `model.trained_ids` is unknown.

    Raises:
        ValueError: If `side` is another name.
        DataError: If rows are unusable.
    """
    if side not in ("in0", "in1"):
        raise ValueError(
            f'`side` must be "in0" or "in1". Received: side={side!r}'
        )
    rows = read_rows(model, source, (side,), columns).sides[side]
    untrained = np.zeros(len(rows), bool)
    if model.trained_ids is not None:
        untrained = model.trained_ids.untrained(side, rows)
    return embed_rows(model, side, rows, batch_size)(), untrained


def warn_of_untrained(untrained: np.ndarray, side: str, what: str) -> None:
    """Warns of rows whose embeddings are as random as before training.

    Args:
        untrained: bool `(rows,)`, from `embed_marked`.
        side: The rows' side.
        what: What becomes of them.
    """
    count = np.count_nonzero(untrained)
    if count:
        warn_user(
            f"{count:,} of {len(untrained):,} rows hold no id of {side} that "
            f"training has seen, and {what}: their embeddings are random. The "
            f"first is row {untrained.argmax()} (counted from 0)."
        )


def score_rows(
    model: Object2Vec, table: PairTable, batch_size: int = _BATCH_SIZE
) -> RowOutputs:
    """Returns what gives the scores of a checked table's rows."""
    lengths = {
        "in0": model.config.encoder0.max_seq_len,
        "in1": model.config.encoder1.max_seq_len,
    }
    sides = {name: (table.sides[name], lengths[name]) for name in lengths}
    return RowOutputs(model, sides, batch_size)


def embed_rows(
    model: Object2Vec,
    side: str,
    rows: Sequences,
    batch_size: int = _BATCH_SIZE,
) -> RowOutputs:
    """Returns what gives the embeddings of checked rows of one side."""
    encoders = {"in0": model.encoder0, "in1": model.encoder1}
    settings = {"in0": model.config.encoder0, "in1": model.config.encoder1}
    return RowOutputs(
        encoders[side], {side: (rows, settings[side].max_seq_len)}, batch_size
    )


def read_rows(
    model: Object2Vec,
    source: Source,
    sides: Sequence[str],
    columns: PairColumns = DEFAULT_COLUMNS,
) -> PairTable:
    """Reads and checks rows whose labels are not needed.

    Args:
        model: `Object2Vec` that the rows must fit.
        source: Files, a mapping of columns or a `PairTable`.
        sides: Names of the sides that the rows must have.
        columns: `PairColumns` of the source. Defaults to `in0`, `in1`.

    Raises:
        DataError: If rows are unusable, with file and line of the first.
    """
    loaded = read_source(
        source, model.config, model.tokenizers, columns, sides, label=False
    )
    loaded.report.raise_for_errors()
    loaded.report.warn()
    return loaded.table
