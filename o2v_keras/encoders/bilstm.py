"""Bidirectional LSTM encoder of ids."""

from typing import Any

import keras

from o2v_keras.encoders.token_table_encoder import TokenTableEncoder
from o2v_keras.layers.bilstm_encoder import BiLSTMEncoder


@keras.saving.register_keras_serializable(package="o2v_keras")
class BiLSTM(TokenTableEncoder):
    """Encodes a sequence as the maximum over time of bidirectional LSTMs.

    A token table, then `BiLSTMEncoder`.

    Args:
        vocab_size: int, at least 2. Ids are below it; id 0 is padding.
        max_seq_len: int, at least 1. Longer sequences are cut to their first
            ids.
        output_dim: int. Size of the encoding; even.
        layers: int. Number of bidirectional layers. Defaults to `1`.
        dropout: float, from 0 to 1. Fraction of units to drop between layers
            in training. Defaults to `0.0`.
        **kwargs: Arguments of `TokenTableEncoder` (`token_embedding_dim`,
            `token_embedding`, `id_dropout`, `unknown_id`) and of Keras
            layers.

    Call arguments:
        inputs: int64 `(batch, length)`, padded with 0; any length.
        training: bool. Whether to apply dropout.

    Output shape:
        `(batch, output_dim)`.

    Example:
    >>> encoder = BiLSTM(vocab_size=9, max_seq_len=4, output_dim=8)
    >>> encoder(np.array([[3, 1, 0], [0, 0, 0]])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        vocab_size,
        max_seq_len,
        output_dim,
        layers=1,
        dropout=0.0,
        **kwargs: Any,
    ):
        super().__init__(vocab_size, max_seq_len, output_dim, **kwargs)
        self.layers = layers
        self.dropout = dropout
        self.network = BiLSTMEncoder(
            output_dim,
            layers,
            dropout,
            dtype=self.dtype_policy,
            name="bilstm",
        )

    def get_config(self):
        return {
            **super().get_config(),
            "layers": self.layers,
            "dropout": self.dropout,
        }
