"""Transformer encoder of ids."""

from typing import Any

import keras

from o2v_keras.encoders.token_table_encoder import TokenTableEncoder
from o2v_keras.layers.transformer_encoder import TransformerEncoder


@keras.saving.register_keras_serializable(package="o2v_keras")
class Transformer(TokenTableEncoder):
    """Encodes a sequence with self-attention and pools its steps.

    A token table, then `TransformerEncoder`: pre-norm layers with rotary
    positions.

    Args:
        vocab_size: int, at least 2. Ids are below it; id 0 is padding.
        max_seq_len: int, at least 1. Longer sequences are cut to their first
            ids.
        output_dim: int. Size of the encoding and of every step.
        layers: int. Number of attention layers. Defaults to `2`.
        heads: int. Number of attention heads; `output_dim / heads` must be a
            whole even number. Defaults to `4`.
        feed_forward_dim: int. Width of the hidden feed-forward layers.
            Defaults to `None`: 4 times `output_dim`.
        pooling: str. `"mean"` of the steps, or the `"first"` one. Defaults to
            `"mean"`.
        dropout: float, from 0 to 1. Fraction of units to drop in training.
            Defaults to `0.0`.
        **kwargs: Arguments of `TokenTableEncoder` (`token_embedding_dim`,
            `token_embedding`, `id_dropout`, `unknown_id`) and of Keras
            layers.

    Call arguments:
        inputs: int64 `(batch, length)`, padded with 0; any length.
        training: bool. Whether to apply dropout.

    Output shape:
        `(batch, output_dim)`.

    Example:
    >>> encoder = Transformer(vocab_size=9, max_seq_len=4, output_dim=8)
    >>> encoder(np.array([[3, 1, 0], [0, 0, 0]])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        vocab_size,
        max_seq_len,
        output_dim,
        layers=2,
        heads=4,
        feed_forward_dim=None,
        pooling="mean",
        dropout=0.0,
        **kwargs: Any,
    ):
        super().__init__(vocab_size, max_seq_len, output_dim, **kwargs)
        self.layers = layers
        self.heads = heads
        self.feed_forward_dim = feed_forward_dim or 4 * output_dim
        self.pooling = pooling
        self.dropout = dropout
        self.network = TransformerEncoder(
            output_dim,
            layers,
            heads,
            self.feed_forward_dim,
            pooling,
            dropout,
            dtype=self.dtype_policy,
            name="transformer",
        )

    def get_config(self):
        return {
            **super().get_config(),
            "layers": self.layers,
            "heads": self.heads,
            "feed_forward_dim": self.feed_forward_dim,
            "pooling": self.pooling,
            "dropout": self.dropout,
        }
