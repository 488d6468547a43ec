"""A stack of dense layers."""

from typing import Any

import keras

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.argument_checks import check_rate


@keras.saving.register_keras_serializable(package="o2v_keras")
class FeedForward(keras.layers.Layer):
    """A stack of dense layers, each followed by dropout.

    `x_{i+1} = dropout(activation(dot(x_i, kernel_i) + bias_i))`. With
    `layers=0` it returns its inputs.

    SageMaker's Object2Vec builds its `mlp_layers` the same way, but without
    dropout after a linear layer.

    Args:
        units: int. Size of every layer.
        layers: int. Number of layers, 0 or more.
        activation: str or callable. Defaults to `"linear"`.
        dropout: float. Fraction of each layer's units to drop in training,
            from 0 to 1. Defaults to 0.0.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, dim)`.
        training: Optional bool. Whether to apply dropout.

    Output shape:
        `(batch_size, units)`; that of `inputs` if `layers` is 0.

    Raises:
        ValueError: If `units` is not a positive or `layers` not a
            non-negative integer, `activation` is unknown, or `dropout` is
            outside [0, 1].

    Example:
    >>> mlp = FeedForward(units=16, layers=2, activation="tanh")
    >>> mlp(np.ones((3, 8))).shape
    TensorShape([3, 16])
    """

    def __init__(
        self, units, layers, activation="linear", dropout=0.0, **kwargs: Any
    ):
        check_integer("units", units)
        check_integer("layers", layers, minimum=0)
        check_rate("dropout", dropout)
        super().__init__(**kwargs)
        self.units = units
        self.layers = layers
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.dense_layers = [
            keras.layers.Dense(
                units,
                activation=self.activation,
                dtype=self.dtype_policy,
                name=f"dense_{i}",
            )
            for i in range(layers)
        ]
        self.dropouts = [
            keras.layers.Dropout(
                dropout, dtype=self.dtype_policy, name=f"dropout_{i}"
            )
            for i in range(layers)
        ]

    def build(self, input_shape):
        for dense in self.dense_layers:
            dense.build(input_shape)
            input_shape = (*input_shape[:-1], self.units)

    def call(self, inputs, training=None):
        hidden = inputs
        for dense, dropout in zip(
            self.dense_layers, self.dropouts, strict=True
        ):
            hidden = dropout(dense(hidden), training=training)
        return hidden

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "layers": self.layers,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
        }
