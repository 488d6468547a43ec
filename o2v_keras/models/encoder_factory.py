"""Builds the Keras model of an encoder from its configuration."""

import keras

from o2v_keras.config import EncoderConfig
from o2v_keras.layers.bilstm_encoder import BiLSTMEncoder
from o2v_keras.layers.hcnn_encoder import HCNNEncoder
from o2v_keras.layers.id_dropout import IdDropout
from o2v_keras.layers.padding_mask import PaddingMask
from o2v_keras.layers.pooled_embedding_encoder import PooledEmbeddingEncoder
from o2v_keras.layers.sequence_limit import SequenceLimit
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.layers.transformer_encoder import TransformerEncoder
from o2v_keras.registry import ENCODERS


@ENCODERS.register("hcnn")
def _hcnn(config: EncoderConfig) -> keras.Layer:
    return HCNNEncoder(
        output_dim=config.enc_dim,
        layers=config.layers,
        filter_width=config.cnn_filter_width,
        dropout=config.dropout,
        name="hcnn",
    )


@ENCODERS.register("bilstm")
def _bilstm(config: EncoderConfig) -> keras.Layer:
    return BiLSTMEncoder(
        output_dim=config.enc_dim,
        layers=config.layers,
        dropout=config.dropout,
        name="bilstm",
    )


@ENCODERS.register("pooled_embedding")
def _pooled_embedding(config: EncoderConfig) -> keras.Layer:
    return PooledEmbeddingEncoder(
        dropout=config.dropout, name="pooled_embedding"
    )


@ENCODERS.register("transformer")
def _transformer(config: EncoderConfig) -> keras.Layer:
    return TransformerEncoder(
        output_dim=config.enc_dim,
        layers=config.layers,
        heads=config.heads,
        feed_forward_dim=config.feed_forward_dim,
        dropout=config.dropout,
        name="transformer",
    )


def make_encoder(
    config: EncoderConfig,
    token_embedding: TokenEmbedding,
    input_name: str,
    name: str,
) -> keras.Model:
    """Returns a model that encodes the padded ids of one side.

    The graph cuts ids to `max_seq_len`, pads an empty batch to one step and
    masks id 0, so the model and its exports handle every input alike.

    Args:
        config: The encoder's resolved hyperparameters. `config.network`
            names the builder in `ENCODERS`: a function from `config` to a
            layer called as `layer(embedded, mask=mask)` on
            `(batch, length, token_embedding_dim)` and a bool
            `(batch, length)`. If the layer has a true attribute
            `takes_means`, it is called on the means of real tokens,
            `(batch, token_embedding_dim)`.
        token_embedding: The token table. Pass the same layer to both
            encoders to tie their weights.
        input_name: Name of the model's input, `(batch, length)` int64.
        name: Name of the model.

    Returns:
        A `keras.Model` with output `(batch, enc_dim)`.

    Raises:
        ValueError: If the width of the encoding is not `enc_dim`.
    """
    inputs = keras.Input((None,), dtype="int64", name=input_name)
    # (batch, 1 to max_seq_len)
    ids = SequenceLimit(config.max_seq_len, name="sequence_limit")(inputs)
    if config.id_dropout:
        ids = IdDropout(
            config.id_dropout, config.unknown_id, name="id_dropout"
        )(ids)
    mask = PaddingMask(name="padding_mask")(ids)
    encoder = ENCODERS[config.network](config)
    if getattr(encoder, "takes_means", False):
        encoding = encoder(token_embedding(ids, mask=mask, pooled=True))
    else:
        encoding = encoder(token_embedding(ids), mask=mask)
    if encoding.shape[1:] != (config.enc_dim,):
        raise ValueError(
            f'The encoder "{config.network}" must give encodings of shape '
            f"(batch, enc_dim). Received: {tuple(encoding.shape)} with "
            f"enc_dim={config.enc_dim}"
        )
    return keras.Model(inputs, encoding, name=name)
