"""Transformer encoder for embedded token sequences."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.argument_checks import check_rate

POOLINGS = ("mean", "first")
# Wavelengths of the rotary positions grow up to 2 pi times this.
_LONGEST_WAVE = 10_000.0
# Added to the logits of padding. Finite, so that a row of padding alone has no
# NaN; its exponential is 0 in float32 beside any real logit.
_MASKED = -1e9


@keras.saving.register_keras_serializable(package="o2v_keras")
class TransformerEncoder(keras.layers.Layer):
    """Encodes a sequence with self-attention and pools its steps.

    With `x_0` the embeddings, projected to `output_dim` if they have another
    width, for each layer `i`:

    ```
    h_i     = x_i + dropout(attention_i(norm(x_i)))
    x_{i+1} = h_i + dropout(W_out relu(W_in norm(h_i)))
    ```

    and the encoding is the mean of `norm(x_layers)` over the real steps, or
    its first real step. Norms (root mean square) stand before each sublayer,
    queries and keys are rotated by their positions, one product makes
    queries, keys and values, and there are no biases, as in LLaMA. Norms and
    softmax are computed in float32 under mixed precision.

    Masking: padded steps are attended by none and pooled by none, and
    positions count real steps alone. So padding never changes an encoding,
    wherever it stands, and a sequence of padding alone is encoded as zeros.
    The output has no mask.

    Args:
        output_dim: int. Size of the encoding and of every step.
        layers: int. Number of attention layers. Defaults to 2.
        heads: int. Number of attention heads; `output_dim / heads` must be a
            whole even number. Defaults to 4.
        feed_forward_dim: int. Width of the hidden feed-forward layers.
            Defaults to `None`: 4 times `output_dim`.
        pooling: str. `"mean"` or `"first"`. Take `"first"` if every sequence
            begins with a token that stands for the whole, such as `[CLS]`.
            Defaults to `"mean"`.
        dropout: float. Fraction of units to drop in training, from 0 to 1.
            Defaults to 0.0.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, steps, embedding_dim)`,
            at least one step.
        mask: Optional bool tensor of shape `(batch_size, steps)`, `True` at
            real steps. Defaults to `None` (every step is real).
        training: Optional bool. Whether to apply dropout.

    Output shape:
        `(batch_size, output_dim)`.

    Raises:
        ValueError: If `output_dim`, `layers`, `heads` or `feed_forward_dim`
            is not a positive integer, `output_dim` cannot be shared by the
            heads, `pooling` is unknown, or `dropout` is outside [0, 1].

    Example:
    >>> encoder = TransformerEncoder(output_dim=8, heads=2)
    >>> encoder(np.ones((2, 5, 3)), mask=np.ones((2, 5), bool)).shape
    TensorShape([2, 8])

    Reference:
    - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    - [Su et al., 2021](https://arxiv.org/abs/2104.09864) (rotary positions)
    - [Touvron et al., 2023](https://arxiv.org/abs/2302.13971) (LLaMA)
    """

    def __init__(
        self,
        output_dim,
        layers=2,
        heads=4,
        feed_forward_dim=None,
        pooling="mean",
        dropout=0.0,
        **kwargs: Any,
    ):
        check_integer("output_dim", output_dim)
        check_integer("layers", layers)
        check_integer("heads", heads)
        if feed_forward_dim is not None:
            check_integer("feed_forward_dim", feed_forward_dim)
        check_rate("dropout", dropout)
        if output_dim % (2 * heads):
            raise ValueError(
                "`output_dim` must be a multiple of 2 * `heads`: every head "
                "takes an equal share, in pairs that rotary positions rotate. "
                f"Received: output_dim={output_dim}, heads={heads}"
            )
        if pooling not in POOLINGS:
            raise ValueError(
                '`pooling` must be "mean" or "first". '
                f"Received: pooling={pooling!r}"
            )
        super().__init__(**kwargs)
        self.output_dim = output_dim
        self.layers = layers
        self.heads = heads
        self.feed_forward_dim = feed_forward_dim
        self.pooling = pooling
        self.dropout = dropout
        self.projection = _dense(self, output_dim, "projection")
        self.blocks = [
            _Block(
                output_dim,
                heads,
                feed_forward_dim or 4 * output_dim,
                dropout,
                # The mask is added to float32 logits.
                autocast=False,
                dtype=self.dtype_policy,
                name=f"block_{i}",
            )
            for i in range(layers)
        ]
        self.norm = _norm(self, "norm")

    def build(self, input_shape):
        steps = (*input_shape[:-1], self.output_dim)
        if input_shape[-1] == self.output_dim:
            self.projection = None
        else:
            self.projection.build(input_shape)
        for block in self.blocks:
            block.build(steps)
        self.norm.build(steps)

    def call(self, inputs, mask=None, training=None):
        if mask is None:
            mask = ops.ones(ops.shape(inputs)[:2], "bool")
        mask = ops.cast(mask, "bool")  # (batch, steps)
        hidden = ops.where(ops.expand_dims(mask, -1), inputs, 0)
        if self.projection is not None:
            hidden = self.projection(hidden)
        positions = ops.cumsum(ops.cast(mask, "int32"), axis=1) - 1
        rotation = _rotation(positions, self.output_dim // self.heads)
        # (batch, 1, 1, steps)
        masked = ops.where(mask[:, None, None, :], 0.0, _MASKED)
        for block in self.blocks:
            hidden = block(hidden, rotation, masked, training=training)
        hidden = self.norm(hidden)
        if self.pooling == "first":
            mask = ops.logical_and(mask, ops.equal(positions, 0))
        weights = ops.cast(mask, hidden.dtype)
        # (batch, 1, steps) x (batch, steps, output_dim)
        total = ops.squeeze(ops.matmul(weights[:, None, :], hidden), axis=1)
        count = ops.sum(weights, axis=1, keepdims=True)
        return ops.cast(total / ops.maximum(count, 1), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "layers": self.layers,
            "heads": self.heads,
            "feed_forward_dim": self.feed_forward_dim,
            "pooling": self.pooling,
            "dropout": self.dropout,
        }


class _Block(keras.layers.Layer):
    """Attention and a feed-forward layer, each added to its input."""

    def __init__(self, dim, heads, feed_forward_dim, dropout, **kwargs: Any):
        super().__init__(**kwargs)
        self.dim = dim
        self.heads = heads
        self.attention_norm = _norm(self, "attention_norm")
        self.queries_keys_values = _dense(self, 3 * dim, "queries_keys_values")
        self.attended = _dense(self, dim, "attended")
        self.feed_forward_norm = _norm(self, "feed_forward_norm")
        self.inner = _dense(self, feed_forward_dim, "inner", activation="relu")
        self.outer = _dense(self, dim, "outer")
        self.dropouts = [
            keras.layers.Dropout(dropout, dtype=self.dtype_policy, name=name)
            for name in ("attention_dropout", "feed_forward_dropout")
        ]

    def build(self, input_shape):
        for layer in (
            self.attention_norm,
            self.queries_keys_values,
            self.attended,
            self.feed_forward_norm,
            self.inner,
        ):
            layer.build(input_shape)
        self.outer.build((*input_shape[:-1], self.inner.units))

    def call(self, hidden, rotation, masked, training=None):
        attended = self._attend(self.attention_norm(hidden), rotation, masked)
        hidden += self.dropouts[0](attended, training=training)
        outer = self.outer(self.inner(self.feed_forward_norm(hidden)))
        return hidden + self.dropouts[1](outer, training=training)

    def _attend(self, hidden, rotation, masked):
        batch, steps = ops.shape(hidden)[:2]
        width = self.dim // self.heads
        fused = ops.reshape(
            self.queries_keys_values(hidden),
            (batch, steps, 3, self.heads, width),
        )
        # Three tensors of (batch, heads, steps, width).
        queries, keys, values = ops.unstack(
            ops.transpose(fused, (2, 0, 3, 1, 4)), 3, axis=0
        )
        queries, keys = _rotate(queries, rotation), _rotate(keys, rotation)
        logits = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
        logits = ops.cast(logits, masked.dtype) * width**-0.5 + masked
        # (batch, heads, steps, steps). Keras's softmax warns of one step.
        attention = ops.cast(tf.nn.softmax(logits), values.dtype)
        mixed = ops.transpose(ops.matmul(attention, values), (0, 2, 1, 3))
        return self.attended(ops.reshape(mixed, (batch, steps, self.dim)))


def _dense(owner, units, name, activation=None):
    return keras.layers.Dense(
        units,
        activation=activation,
        use_bias=False,
        dtype=owner.dtype_policy,
        name=name,
    )


def _norm(owner, name):
    dtype = keras.backend.result_type(owner.compute_dtype, "float32")
    return keras.layers.RMSNormalization(epsilon=1e-6, dtype=dtype, name=name)


def _rotation(positions, width):
    """Returns cosine and sine, each `(batch, 1, steps, width / 2)`."""
    speeds = _LONGEST_WAVE ** -(np.arange(0, width, 2) / width)
    positions = ops.cast(positions, "float32")[:, None, :, None]
    angles = positions * speeds.astype("float32")
    return ops.cos(angles), ops.sin(angles)


def _rotate(vectors, rotation):
    cosine, sine = (ops.cast(part, vectors.dtype) for part in rotation)
    first, second = ops.split(vectors, 2, axis=-1)
    return ops.concatenate(
        [first * cosine - second * sine, second * cosine + first * sine],
        axis=-1,
    )
