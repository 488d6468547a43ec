"""Hierarchical convolutional encoder for embedded token sequences."""

from typing import Any

import keras
from keras import ops

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.argument_checks import check_rate


@keras.saving.register_keras_serializable(package="o2v_keras")
class HCNNEncoder(keras.layers.Layer):
    """Encodes a sequence as the maxima over time of stacked convolutions.

    With `x_0` the embeddings, for each layer `i`:

    ```
    h_i     = relu(conv_i(x_i))        # length-preserving, with bias
    p_i     = max over time(h_i)
    x_{i+1} = dropout(h_i)
    ```

    and the encoding is `concat(p_0, ..., p_{layers-1})`. All layers have the
    same number of filters; if `layers` does not divide `output_dim`, the
    first layers have one more. No dropout follows the last convolution.

    Operations and shapes are those in the training logs of SageMaker's `hcnn`
    network. ReLU is inferred: the published encodings are non-negative and
    half zeros, as in InferSent's hierarchical ConvNet.

    Masking: padded steps are zeroed before every convolution and every
    maximum, so padding at either end of a sequence never changes its
    encoding, and a sequence of padding alone is encoded as zeros. (SageMaker
    masks only before the first convolution, so padding enters its maxima.)
    Filters see padding between real steps as zeros. The output has no mask.

    Args:
        output_dim: int. Size of the encoding; at least `layers`.
        layers: int. Number of convolutions. Defaults to 4.
        filter_width: int. Width of the filters, in steps; an even one
            extends one step further to the right. Defaults to 3.
        dropout: float. Fraction of units to drop between convolutions in
            training, from 0 to 1. Defaults to 0.0.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: Float tensor of shape `(batch_size, steps, embedding_dim)`.
        mask: Optional bool tensor of shape `(batch_size, steps)`, `True` at
            real steps. Defaults to `None` (every step is real).
        training: Optional bool. Whether to apply dropout.

    Output shape:
        `(batch_size, output_dim)`.

    Raises:
        ValueError: If `output_dim`, `layers` or `filter_width` is not a
            positive integer, `output_dim < layers`, or `dropout` is outside
            [0, 1].

    Example:
    >>> encoder = HCNNEncoder(output_dim=10, layers=4)
    >>> encoder.filters
    (3, 3, 2, 2)
    >>> encoder(np.ones((2, 5, 3)), mask=np.ones((2, 5), bool)).shape
    TensorShape([2, 10])

    Reference:
    - [Conneau et al., 2017](https://aclanthology.org/D17-1070/)
    """

    def __init__(
        self,
        output_dim,
        layers=4,
        filter_width=3,
        dropout=0.0,
        **kwargs: Any,
    ):
        check_integer("output_dim", output_dim)
        check_integer("layers", layers)
        check_integer("filter_width", filter_width)
        check_rate("dropout", dropout)
        if output_dim < layers:
            raise ValueError(
                "`output_dim` must be at least `layers`, so that every "
                "convolution has a filter. "
                f"Received: output_dim={output_dim}, layers={layers}"
            )
        super().__init__(**kwargs)
        self.output_dim = output_dim
        self.layers = layers
        self.filter_width = filter_width
        self.dropout = dropout
        self.convolutions = [
            keras.layers.Conv1D(
                filters,
                filter_width,
                padding="same",
                activation="relu",
                dtype=self.dtype_policy,
                name=f"conv_{i}",
            )
            for i, filters in enumerate(self.filters)
        ]
        self.dropouts = [
            keras.layers.Dropout(
                dropout, dtype=self.dtype_policy, name=f"dropout_{i}"
            )
            for i in range(layers - 1)
        ]

    @property
    def filters(self):
        """Number of filters of each convolution, as a tuple of int."""
        share, rest = divmod(self.output_dim, self.layers)
        return tuple(share + (i < rest) for i in range(self.layers))

    def build(self, input_shape):
        for convolution in self.convolutions:
            convolution.build(input_shape)
            input_shape = (*input_shape[:-1], convolution.filters)

    def call(self, inputs, mask=None, training=None):
        hidden = _zero_padding(inputs, mask)
        maxima = []
        for i, convolution in enumerate(self.convolutions):
            if i > 0:
                hidden = self.dropouts[i - 1](hidden, training=training)
            # ReLU is never negative, so zeroed steps change neither the
            # maximum nor the next convolution.
            hidden = _zero_padding(convolution(hidden), mask)
            maxima.append(ops.max(hidden, axis=1))  # (batch, filters)
        return ops.concatenate(maxima, axis=-1)  # (batch, output_dim)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "layers": self.layers,
            "filter_width": self.filter_width,
            "dropout": self.dropout,
        }


def _zero_padding(inputs, mask):
    if mask is None:
        return inputs
    mask = ops.expand_dims(ops.cast(mask, "bool"), axis=-1)  # (batch, steps, 1)
    return ops.where(mask, inputs, 0)
