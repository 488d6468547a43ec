"""Counts of tokens, and their weights in a pooled mean."""

import keras
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.trained_ids import first_ids

# The value of Arora et al. (2017).
_SIF = 1e-3


class TokenCounts:
    """How often each token occurs in the training rows, times their weights.

    Args:
        config: The configuration, for `vocab_size` and `max_seq_len`: only
            the tokens that encoders read are counted.

    Attributes:
        sides: Side that training reads, `in0` or `in1` -> float64
            `(vocab_size,)`.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=6)
    >>> counts = TokenCounts(config)
    >>> counts.add(PairTable.from_arrays([[1, 1, 4]], [[5]], [1]))
    >>> counts.sides["in0"]
    array([0., 2., 0., 0., 0., 0.])
    """

    def __init__(self, config: Object2VecConfig):
        encoders = {name: config.side(name) for name in config.sides}
        self._lengths = {n: e.max_seq_len for n, e in encoders.items()}
        self.sides = {n: np.zeros(e.vocab_size) for n, e in encoders.items()}

    def add(self, table: PairTable) -> None:
        """Adds checked training rows."""
        for name, counts in self.sides.items():
            ids, rows = first_ids(table.sides[name], self._lengths[name])
            weights = None if table.weights is None else table.weights[rows]
            counts += np.bincount(ids, weights, minlength=len(counts))
            counts[0] = 0  # padding


def weights_of(encoder: keras.layers.Layer) -> TokenEmbedding | None:
    """Returns the table of width 1 with an encoder's token weights, if any."""
    return getattr(encoder, "token_weights", None)


def is_sif(encoder: keras.layers.Layer) -> bool:
    """Whether the token weights of an encoder follow from counts."""
    return getattr(encoder, "token_weighting", "none") == "sif"


def set_sif_weights(table: TokenEmbedding, counts: np.ndarray) -> None:
    """Sets weights of smooth inverse frequency, `a / (a + p(token))`.

    `a` is 0.001, and `p` the share of a token in all tokens.

    Args:
        table: The built table of width 1.
        counts: `(vocab_size,)`. How often each token occurs.

    Raises:
        ValueError: If the counts are not one number for each id.

    Example:
    >>> table = TokenEmbedding(3, 1)
    >>> table.build((None, None))
    >>> set_sif_weights(table, np.array([0, 999, 1]))
    >>> table.embeddings.numpy().ravel().round(3)
    array([1.   , 0.001, 0.5  ], dtype=float32)

    Reference:
    - [Arora, Liang and Ma, 2017](https://openreview.net/forum?id=SyK00v5xx)
    """
    counts = np.asarray(counts, np.float64)
    set_counts(table, _SIF / (_SIF + counts / max(1.0, counts.sum())))


def set_counts(table: TokenEmbedding, numbers: np.ndarray) -> None:
    """Writes one number for each id into a table of width 1.

    Args:
        table: The built table.
        numbers: `(vocab_size,)`.

    Raises:
        ValueError: If there is not one number for each id.
    """
    numbers = np.asarray(numbers, np.float32)
    if numbers.shape != (table.vocab_size,):
        raise ValueError(
            f"`counts` must have a number for each of the {table.vocab_size} "
            f"ids of a side. Received: shape {numbers.shape}"
        )
    for rows in row_parts(table.embeddings):
        write_rows(table.embeddings, rows, numbers[rows, np.newaxis])
