"""Bidirectional LSTM encoder for embedded token sequences."""

from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.argument_checks import check_rate
from o2v_keras.layers.packed_lstm import PackedSteps
from o2v_keras.layers.packed_lstm import packed_lstm


@keras.saving.register_keras_serializable(package="o2v_keras")
class BiLSTMEncoder(keras.layers.Layer):
    """Encodes a sequence as the maximum over time of bidirectional LSTMs.

    Every layer runs one LSTM forwards and one backwards and concatenates
    their outputs, each of `output_dim / 2` units; the encoding is the maximum
    over time of the last layer. SageMaker's documentation of `bilstm` says
    only that signals flow both ways; concatenation and max-pooling follow
    InferSent, to which its notebooks compare it.

    Masking: only real steps are computed, in their order, so padding never
    changes an encoding, and a sequence of padding alone is encoded as zeros.
    cuDNN accepts only right padding and no empty rows; there real steps are
    moved to the left, the backward LSTM runs over rows reversed within their
    lengths, and no LSTM gets a mask. The output has no mask.

    Args:
        output_dim: int. Size of the encoding; a positive even number.
        layers: int. Number of bidirectional layers. Defaults to 1.
        dropout: float. Fraction of units to drop between layers in training,
            from 0 to 1. Defaults to 0.0.
        use_cudnn: `"auto"` or bool. Whether to use cuDNN. Defaults to
            `"auto"` (if there is a GPU). The choice is made when the layer
            is traced: to trace an existing layer for the CPU, first set
            `encoder.use_cudnn = False`.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, steps, embedding_dim)`,
            at least one step; must be finite, at padded steps too.
        mask: Optional bool tensor of shape `(batch_size, steps)`, `True` at
            real steps. Defaults to `None` (every step is real).
        training: Optional bool. Whether to apply dropout.

    Output shape:
        `(batch_size, output_dim)`.

    Raises:
        ValueError: If `output_dim` is not a positive even integer, `layers`
            not a positive integer, `dropout` outside [0, 1], or `use_cudnn`
            another value.

    Example:
    >>> encoder = BiLSTMEncoder(output_dim=6)
    >>> encoder(np.ones((2, 5, 3)), mask=np.ones((2, 5), bool)).shape
    TensorShape([2, 6])

    Reference:
    - [Conneau et al., 2017](https://aclanthology.org/D17-1070/)
    """

    def __init__(
        self,
        output_dim,
        layers=1,
        dropout=0.0,
        use_cudnn="auto",
        **kwargs: Any,
    ):
        check_integer("output_dim", output_dim)
        check_integer("layers", layers)
        check_rate("dropout", dropout)
        _check_use_cudnn(use_cudnn)
        if output_dim % 2:
            raise ValueError(
                "`output_dim` must be even, half for each direction. "
                f"Received: output_dim={output_dim}"
            )
        super().__init__(**kwargs)
        self.output_dim = output_dim
        self.layers = layers
        self.dropout = dropout
        self.forward_lstms = []
        self.backward_lstms = []
        for i in range(layers):
            self.forward_lstms.append(self._lstm(use_cudnn, f"forward_{i}"))
            self.backward_lstms.append(self._lstm(use_cudnn, f"backward_{i}"))
        self.dropouts = [
            keras.layers.Dropout(
                dropout, dtype=self.dtype_policy, name=f"dropout_{i}"
            )
            for i in range(layers - 1)
        ]

    @property
    def use_cudnn(self):
        """`"auto"` or bool: whether the LSTMs are traced for cuDNN."""
        return self.forward_lstms[0].use_cudnn

    @use_cudnn.setter
    def use_cudnn(self, value):
        _check_use_cudnn(value)
        for lstm in self.forward_lstms + self.backward_lstms:
            lstm.use_cudnn = value

    def build(self, input_shape):
        for forward, backward in zip(
            self.forward_lstms, self.backward_lstms, strict=True
        ):
            forward.build(input_shape)
            backward.build(input_shape)
            input_shape = (*input_shape[:-1], self.output_dim)

    def call(self, inputs, mask=None, training=None):
        if mask is None:
            mask = tf.ones(tf.shape(inputs)[:2], tf.bool)
        mask = tf.cast(mask, tf.bool)  # (batch, steps)
        if self._takes_cudnn():
            return self._call_cudnn(inputs, mask, training)
        return self._call_packed(inputs, mask, training)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "layers": self.layers,
            "dropout": self.dropout,
            "use_cudnn": self.use_cudnn,
        }

    def _takes_cudnn(self):
        if self.use_cudnn == "auto":
            return bool(tf.config.list_logical_devices("GPU"))
        return self.use_cudnn

    def _call_packed(self, hidden, mask, training):
        directions = [PackedSteps(mask), PackedSteps(mask, reverse=True)]
        for i in range(self.layers):
            if i > 0:
                hidden = self.dropouts[i - 1](hidden, training=training)
            outputs = []
            for packed, lstm in zip(
                directions,
                (self.forward_lstms[i], self.backward_lstms[i]),
                strict=True,
            ):
                steps = packed_lstm(
                    packed.pack(hidden),
                    packed.sizes,
                    tf.convert_to_tensor(lstm.cell.kernel),
                    tf.convert_to_tensor(lstm.cell.recurrent_kernel),
                    tf.convert_to_tensor(lstm.cell.bias),
                    training=training,
                )
                # No output of an LSTM is below -1.
                outputs.append(packed.unpack(steps, padding=-1.0))
            hidden = tf.concat(outputs, axis=-1)  # (batch, steps, output_dim)
        real = tf.reduce_any(mask, axis=1, keepdims=True)  # (batch, 1)
        return tf.where(real, tf.reduce_max(hidden, axis=1), 0.0)

    def _call_cudnn(self, inputs, mask, training):
        hidden, lengths = _move_left(inputs, mask)
        for i in range(self.layers):
            if i > 0:
                hidden = self.dropouts[i - 1](hidden, training=training)
            forward = self.forward_lstms[i](hidden)
            backward = _reverse(
                self.backward_lstms[i](_reverse(hidden, lengths)), lengths
            )
            # (batch, steps, output_dim)
            hidden = tf.concat([forward, backward], axis=-1)
        return _max_over_time(hidden, lengths)

    def _lstm(self, use_cudnn, name):
        return keras.layers.LSTM(
            self.output_dim // 2,
            return_sequences=True,
            use_cudnn=use_cudnn,
            dtype=self.dtype_policy,
            name=name,
        )


def _check_use_cudnn(value):
    if value != "auto" and not isinstance(value, bool):
        raise ValueError(
            '`use_cudnn` must be one of "auto", True, False. '
            f"Received: use_cudnn={value!r}"
        )


def _move_left(inputs, mask):
    """Moves real steps to the left; also returns the rows' lengths."""
    mask = tf.cast(mask, tf.int32)
    order = tf.argsort(mask, axis=1, direction="DESCENDING", stable=True)
    return tf.gather(inputs, order, batch_dims=1), tf.reduce_sum(mask, axis=1)


def _reverse(inputs, lengths):
    """Reverses the first `lengths` steps of each row."""
    return tf.reverse_sequence(inputs, lengths, seq_axis=1)


def _max_over_time(inputs, lengths):
    """Returns the maxima over real steps, zeros for rows without any."""
    real = tf.sequence_mask(lengths, tf.shape(inputs)[1])[..., None]
    # No output of an LSTM is below -1.
    maxima = tf.reduce_max(tf.where(real, inputs, -1.0), axis=1)
    return tf.where(lengths[:, None] > 0, maxima, 0.0)
