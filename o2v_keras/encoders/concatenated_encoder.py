"""Encoder of several encoders side by side."""

import math
from typing import Any

import keras
from keras import ops

from o2v_keras.encoders.encoder import Encoder


@keras.saving.register_keras_serializable(package="o2v_keras")
class ConcatenatedEncoder(Encoder):
    """Concatenates the encodings of several encoders, each scaled.

    The dot product of two such encodings is the sum of the encoders' dot
    products, each times the square of its scale; with `normalize` it is the
    weighted sum of their cosines.

    Args:
        vocab_size: int, at least 2. Ids are below it; id 0 is padding.
        max_seq_len: int, at least 1. Longer sequences are cut to their first
            ids, before each encoder cuts them to its own length.
        output_dim: int. Size of the encoding: the sum of the encoders' sizes.
        encoders: list of Keras layers or models from ids to encodings.
        scales: list of float, above 0. Factor of each encoding. Defaults to
            `None`: ones.
        normalize: bool. Whether each encoding is scaled to length 1 first;
            zeros stay zeros. Defaults to `False`.
        **kwargs: Arguments of `Encoder` and of Keras layers.

    Call arguments:
        inputs: int64 `(batch, length)`, padded with 0; any length.
        training: bool. Passed to the encoders.

    Output shape:
        `(batch, output_dim)`.

    Raises:
        ValueError: If there is no encoder, not a scale for each, or
            `output_dim` is another sum.

    Example:
    >>> from o2v_keras.encoders import HCNN, PooledEmbedding
    >>> encoder = ConcatenatedEncoder(
    ...     vocab_size=9,
    ...     max_seq_len=4,
    ...     output_dim=12,
    ...     encoders=[HCNN(9, 4, 8), PooledEmbedding(9, 4, 4)],
    ... )
    >>> encoder(np.array([[3, 1, 0], [0, 0, 0]])).shape
    TensorShape([2, 12])
    """

    def __init__(
        self,
        vocab_size,
        max_seq_len,
        output_dim,
        encoders,
        scales=None,
        normalize=False,
        **kwargs: Any,
    ):
        super().__init__(vocab_size, max_seq_len, output_dim, **kwargs)
        encoders = list(encoders)
        scales = [1.0] * len(encoders) if scales is None else list(scales)
        valid = all(math.isfinite(scale) and scale > 0 for scale in scales)
        if not encoders or len(scales) != len(encoders) or not valid:
            raise ValueError(
                "`encoders` must be at least one encoder, and `scales` a "
                f"number above 0 for each. Received: {len(encoders)} encoders, "
                f"scales={scales}"
            )
        self.encoders = encoders
        self.scales = tuple(float(scale) for scale in scales)
        self.normalize = normalize

    def build(self, input_shape):
        for encoder in self.encoders:
            if not encoder.built:
                encoder.build(input_shape)

    def encode(self, ids, mask, training=None):
        parts = []
        for encoder, scale in zip(self.encoders, self.scales, strict=True):
            # Squares overflow in half precision.
            part = ops.cast(encoder(ids, training=training), "float32")
            if self.normalize:
                part = ops.normalize(part, axis=-1, epsilon=1e-12)
            parts.append(ops.cast(part * scale, self.compute_dtype))
        encoding = ops.concatenate(parts, axis=-1)
        if encoding.shape[-1] != self.output_dim:
            raise ValueError(
                "`output_dim` must be the sum of the encoders' sizes, "
                f"{encoding.shape[-1]}. Received: output_dim={self.output_dim}"
            )
        return encoding

    def get_config(self):
        # By number: a configuration of a model leaves out what is a mapping.
        encoders = {
            str(number): keras.saving.serialize_keras_object(encoder)
            for number, encoder in enumerate(self.encoders)
        }
        return {
            **super().get_config(),
            "encoders": encoders,
            "scales": list(self.scales),
            "normalize": self.normalize,
        }

    @classmethod
    def from_config(cls, config):
        encoders = [
            keras.saving.deserialize_keras_object(encoder)
            for encoder in config["encoders"].values()
        ]
        return cls(**{**config, "encoders": encoders})
