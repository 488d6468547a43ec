"""Computes scores and embeddings of data."""

from collections.abc import Sequence

import numpy as np

from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.data.read_source import read_source
from o2v_keras.data.sequences import Sequences
from o2v_keras.evaluation.outputs import RowOutputs
from o2v_keras.evaluation.pair_scores import require_pair_scores
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.prefixes import check_dim
from o2v_keras.user_warning import warn_user

_BATCH_SIZE = 1024


def predict_scores(
    model: Object2Vec,
    source: Source,
    batch_size: int = _BATCH_SIZE,
    columns: PairColumns = DEFAULT_COLUMNS,
) -> np.ndarray:
    """Returns the model's scores for pairs, in the order of the rows.

    Args:
        model: `Object2Vec`.
        source: Path, glob or list of files, a mapping with `in0` and `in1`,
            or a `PairTable`; texts for the sides with a tokenizer in
            `model.tokenizers`. Labels are not needed.
        batch_size: int. Rows of a step. Defaults to 1024.
        columns: `PairColumns` of the data. Defaults to `in0` and `in1`.

    Returns:
        float32 `(rows, num_classes)` probabilities or `(rows, 1)` values.

    Raises:
        ValueError: If the head is `embedding`, which scores no pairs.
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
    require_pair_scores(model)
    table = read_rows(model, source, ("in0", "in1"), columns)
    return score_rows(model, table, batch_size)()


def embed(
    model: Object2Vec,
    side: str,
    source: Source,
    batch_size: int = _BATCH_SIZE,
    columns: PairColumns = DEFAULT_COLUMNS,
    dim: int | None = None,
) -> np.ndarray:
    """Returns the embeddings of one side, in the order of the rows.

    Args:
        model: `Object2Vec`.
        side: `"in0"` (encoder0) or `"in1"` (encoder1). Compare embeddings of
            one side only by cosine.
        source: Path, glob or list of files, a mapping with that side, or a
            `PairTable`; texts if `model.tokenizers` has one for the side.
        batch_size: int. Rows of a step. Defaults to 1024.
        columns: `PairColumns` of the data. Defaults to `in0` and `in1`.
        dim: int. Width of the embeddings, the first numbers of the
            encodings. One that is not in `matryoshka_dims` is used with a
            warning. Defaults to `None`: `enc_dim`.

    Returns:
        float32 `(rows, enc_dim)` or `(rows, dim)`.

    Raises:
        ValueError: If `side` is unknown, or `dim` is no width of a prefix.
        DataError: If rows are unusable, with file and line of the first.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> embed(model, "in0", {"in0": [[1], [2, 3]]}).shape
    (2, 4)
    """
    return embed_marked(model, side, source, batch_size, columns, dim)[0]


def embed_marked(
    model: Object2Vec,
    side: str,
    source: Source,
    batch_size: int = _BATCH_SIZE,
    columns: PairColumns = DEFAULT_COLUMNS,
    dim: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns embeddings and a mask of the untrained ones.

    Args:
        model: `Object2Vec`.
        side: `"in0"` or `"in1"`.
        source: Data with that side.
        batch_size: int. Rows of a step. Defaults to 1024.
        columns: `PairColumns` of the source. Defaults to `in0`, `in1`.
        dim: Width of the embeddings. Defaults to `None`: `enc_dim`.

    Returns:
        float32 `(rows, enc_dim)` or `(rows, dim)`, and bool `(rows,)`: `True`
        for rows without any trained id; all `False` if `model.trained_ids` is
        `None`.

    Raises:
        ValueError: If `side` is unknown, or `dim` is no width of a prefix.
        DataError: If rows are unusable.
    """
    if dim is not None:
        check_dim(dim, model.config)
    if side not in ("in0", "in1"):
        raise ValueError(
            f'`side` must be "in0" or "in1". Received: side={side!r}'
        )
    rows = read_rows(model, source, (side,), columns).sides[side]
    untrained = np.zeros(len(rows), bool)
    if model.trained_ids is not None:
        untrained = model.trained_ids.untrained(side, rows)
    return embed_rows(model, side, rows, batch_size)()[:, :dim], untrained


def warn_of_untrained(untrained: np.ndarray, side: str, what: str) -> None:
    """Warns of rows whose embeddings are still random.

    Args:
        untrained: bool `(rows,)`, from `embed_marked`.
        side: The rows' side.
        what: A verb phrase for the message that says how they are handled.
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
    """Returns a function that computes the scores of a checked table."""
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
    """Returns a function that computes embeddings of one side's rows."""
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
    """Reads and checks rows without labels.

    Args:
        model: `Object2Vec`; its configuration and tokenizers are used.
        source: Files, a mapping of columns or a `PairTable`.
        sides: Names of the required sides.
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
