"""Encoder by the mean of token embeddings."""

from typing import Any

import keras

from o2v_keras.encoders.token_table_encoder import TokenTableEncoder
from o2v_keras.layers.pooled_embedding_encoder import PooledEmbeddingEncoder
from o2v_keras.layers.token_embedding import TokenEmbedding


@keras.saving.register_keras_serializable(package="o2v_keras")
class PooledEmbedding(TokenTableEncoder):
    """Encodes a sequence as the mean of its tokens' embeddings.

    It has no projection, so a token embedding has the size of the encoding.
    The mean is that of `PooledEmbeddingEncoder`.

    Args:
        vocab_size: int, at least 2. Ids are below it; id 0 is padding.
        max_seq_len: int, at least 1. Longer sequences are cut to their first
            ids.
        output_dim: int. Size of the encoding and of a token embedding.
        dropout: float, from 0 to 1. Fraction of the mean's units to drop in
            training. Defaults to `0.0`.
        token_weighting: `"none"`, `"sif"` or `"learned"`: the factor of a
            token's embedding in the mean. `"learned"` trains it, from 1 on;
            `"sif"` is `0.001 / (0.001 + p)`, with the share `p` of the token
            in the training data, which `Object2Vec.set_token_counts` sets.
            The number of tokens still divides the sum. Defaults to `"none"`.
        token_combiner: `"mean"`, or `"sqrtn"`: the sum over the root of the
            number of tokens, whose length hardly depends on that number.
            Defaults to `"mean"`.
        **kwargs: Arguments of `TokenTableEncoder` (`token_embedding`,
            `id_dropout`, `unknown_id`) and of Keras layers.

    Attributes:
        token_weights: `TokenEmbedding` of width 1 with the factor of each
            token; `None` without.

    Call arguments:
        inputs: int64 `(batch, length)`, padded with 0; any length.
        training: bool. Whether to apply dropout.

    Output shape:
        `(batch, output_dim)`.

    Example:
    >>> encoder = PooledEmbedding(vocab_size=9, max_seq_len=4, output_dim=8)
    >>> encoder(np.array([[3, 1, 0], [0, 0, 0]])).shape
    TensorShape([2, 8])

    Reference:
    - [Arora, Liang and Ma, 2017](https://openreview.net/forum?id=SyK00v5xx),
      `"sif"`
    """

    def __init__(
        self,
        vocab_size,
        max_seq_len,
        output_dim,
        dropout=0.0,
        token_weighting="none",
        token_combiner="mean",
        **kwargs: Any,
    ):
        if token_weighting not in ("none", "sif", "learned"):
            raise ValueError(
                '`token_weighting` must be "none", "sif" or "learned". '
                f"Received: token_weighting={token_weighting!r}"
            )
        if token_combiner not in ("mean", "sqrtn"):
            raise ValueError(
                '`token_combiner` must be "mean" or "sqrtn". '
                f"Received: token_combiner={token_combiner!r}"
            )
        kwargs.setdefault("token_embedding_dim", output_dim)
        super().__init__(vocab_size, max_seq_len, output_dim, **kwargs)
        if self.token_embedding_dim != output_dim:
            raise ValueError(
                "`token_embedding_dim` must equal `output_dim` or be left "
                "out: a mean of token embeddings has their size. Received: "
                f"token_embedding_dim={self.token_embedding_dim}, "
                f"output_dim={output_dim}"
            )
        self.dropout = dropout
        self.network = PooledEmbeddingEncoder(
            dropout, dtype=self.dtype_policy, name="pooled_embedding"
        )
        self.token_weighting = token_weighting
        self.token_combiner = token_combiner
        self.token_weights = None
        if token_weighting != "none":
            self.token_weights = TokenEmbedding(
                self.vocab_size,
                1,
                "ones",
                fixed=token_weighting == "sif",
                dtype="float32",
                name="token_weights",
            )

    def build(self, input_shape):
        super().build(input_shape)
        if self.token_weights is not None:
            self.token_weights.build(input_shape)

    def encode(self, ids, mask, training=None):
        # No tensor of shape (batch, length, dim).
        means = self.token_embedding(
            ids,
            mask=mask,
            combiner=self.token_combiner,
            token_weights=self.token_weights,
            training=training,
        )
        return self.network(means, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "token_weighting": self.token_weighting,
            "token_combiner": self.token_combiner,
        }
