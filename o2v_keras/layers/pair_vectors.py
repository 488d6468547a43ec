"""Vectors whose dot products are the logits of an in-batch softmax."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="o2v_keras")
class PairVectors(keras.layers.Layer):
    """Scales two encodings so that their dot products are logits.

    Stacks `a / temperature` and `b` for encodings `a` and `b`. For
    `"cosine"` both are first scaled to length 1 (zeros stay zeros). The dot
    product of any row's first vector with any row's second vector is the
    logit of that pair. `symmetric` divides both by the root of the
    temperature: dot products within a side are logits, too.

    A learned temperature is the exponential of a weight, so it is positive.

    Args:
        similarity: str. `"cosine"` or `"dot"`. Defaults to `"cosine"`.
        temperature: float, above 0. Defaults to `0.05`.
        learn_temperature: bool. Whether the temperature is trained, from
            `temperature` on. Defaults to `False`.
        symmetric: bool. Defaults to `False`.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: List or tuple of two float tensors of shape
            `(batch_size, dim)`.

    Output shape:
        `(batch_size, 2, dim)`.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
    >>> layer = PairVectors("dot", temperature=0.5)
    >>> layer([np.array([[1.0, 2.0]]), np.array([[4.0, 3.0]])]).numpy()
    array([[[2., 4.],
            [4., 3.]]], dtype=float32)

    Reference:
    - [Radford et al., 2021](https://arxiv.org/abs/2103.00020): the learned
      logarithm of the temperature.
    """

    def __init__(
        self,
        similarity="cosine",
        temperature=0.05,
        learn_temperature=False,
        symmetric=False,
        **kwargs: Any,
    ):
        if similarity not in ("cosine", "dot"):
            raise ValueError(
                '`similarity` must be "cosine" or "dot". '
                f"Received: similarity={similarity!r}"
            )
        if not temperature > 0:
            raise ValueError(
                "`temperature` must be a number above 0. "
                f"Received: temperature={temperature!r}"
            )
        super().__init__(**kwargs)
        self.similarity = similarity
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.symmetric = symmetric

    def build(self, input_shape):
        self.log_temperature = None
        if self.learn_temperature:
            self.log_temperature = self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(
                    math.log(self.temperature)
                ),
                name="log_temperature",
            )

    def call(self, inputs):
        if self.similarity == "cosine":
            inputs = [
                ops.normalize(side, axis=-1, epsilon=1e-12) for side in inputs
            ]
        first, second = inputs
        temperature = self.temperature
        if self.log_temperature is not None:
            temperature = ops.exp(self.log_temperature)
        # (batch, 2, dim)
        if self.symmetric:
            return ops.stack([first, second], axis=1) / ops.sqrt(temperature)
        return ops.stack([first / temperature, second], axis=1)

    def get_config(self):
        return {
            **super().get_config(),
            "similarity": self.similarity,
            "temperature": self.temperature,
            "learn_temperature": self.learn_temperature,
            "symmetric": self.symmetric,
        }
