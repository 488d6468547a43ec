"""Base of the encoders that look ids up in a token table."""

from typing import Any

import keras

from o2v_keras.encoders.encoder import Encoder
from o2v_keras.layers.token_embedding import TokenEmbedding


class TokenTableEncoder(Encoder):
    """Looks ids up in a table and encodes the sequence of embeddings.

    Args:
        vocab_size: int, at least 2. Ids are below it; id 0 is padding.
        max_seq_len: int, at least 1. Longer sequences are cut to their first
            ids.
        output_dim: int. Size of the encoding.
        token_embedding_dim: int. Size of a token embedding. Defaults to
            `300`.
        token_embedding: `TokenEmbedding` of the same sizes, such as
            `other.token_embedding`: both encoders then share one table.
            Defaults to `None`: a new one.
        **kwargs: Arguments of `Encoder` (`id_dropout`, `unknown_id`) and of
            Keras layers (`name`, `dtype`, `trainable`).

    Attributes:
        token_embedding: `TokenEmbedding`, the table.
        network: The layer from embeddings to the encoding, called as
            `network(embedded, mask=mask)`; subclasses set it.

    Raises:
        TypeError: If `token_embedding` is another layer.
        ValueError: If `token_embedding` has other sizes.
    """

    def __init__(
        self,
        vocab_size,
        max_seq_len,
        output_dim,
        token_embedding_dim=300,
        token_embedding=None,
        **kwargs: Any,
    ):
        super().__init__(vocab_size, max_seq_len, output_dim, **kwargs)
        vocab_size = self.vocab_size
        if token_embedding is None:
            token_embedding = TokenEmbedding(
                vocab_size,
                token_embedding_dim,
                dtype=self.dtype_policy,
                name="token_embedding",
            )
        if not isinstance(token_embedding, TokenEmbedding):
            raise TypeError(
                "`token_embedding` must be a TokenEmbedding, such as that of "
                "another encoder. "
                f"Received: token_embedding={token_embedding!r}"
            )
        sizes = token_embedding.vocab_size, token_embedding.output_dim
        if sizes != (vocab_size, token_embedding_dim):
            raise ValueError(
                "`token_embedding` must have the encoder's vocab_size="
                f"{vocab_size} and token_embedding_dim={token_embedding_dim}. "
                f"Received: token_embedding with vocab_size={sizes[0]} and "
                f"output_dim={sizes[1]}"
            )
        self.token_embedding_dim = token_embedding_dim
        self.token_embedding = token_embedding

    def build(self, input_shape):
        if not self.token_embedding.built:
            self.token_embedding.build(input_shape)
        self.network.build((*input_shape, self.token_embedding_dim))

    def encode(self, ids, mask, training=None):
        embedded = self.token_embedding(ids, training=training)
        return self.network(embedded, mask=mask, training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "token_embedding_dim": self.token_embedding_dim,
            "token_embedding": keras.saving.serialize_keras_object(
                self.token_embedding
            ),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("token_embedding"), dict):
            config["token_embedding"] = keras.saving.deserialize_keras_object(
                config["token_embedding"]
            )
        return super().from_config(config)
