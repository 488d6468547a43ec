import keras
import numpy as np
import pytest
from keras import ops

from o2v_keras.encoders.encoder import Encoder
from o2v_keras.encoders.hcnn import HCNN
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.testing import check_encoder

SIZES = {"vocab_size": 30, "max_seq_len": 6, "output_dim": 8}


def test_a_functional_model_is_an_encoder():
    ids = keras.Input((None,), dtype="int64")
    vectors = TokenEmbedding(30, 4)(
        ids, mask=ops.not_equal(ids, 0), combiner="mean"
    )
    check_encoder(keras.Model(ids, vectors), vocab_size=30)


def test_weights_stay_as_they_are():
    encoder = HCNN(**SIZES)
    encoder(np.ones((1, 2), "int64"))
    before = encoder.get_weights()
    check_encoder(encoder)
    for weight, old in zip(encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


class Mean(Encoder):
    """The mean of embeddings; subclasses break one thing each."""

    def __init__(self, scale=2.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.table = keras.layers.Embedding(
            self.vocab_size, self.output_dim, dtype=self.dtype_policy
        )

    def build(self, input_shape):
        self.table.build(input_shape)

    def encode(self, ids, mask, training=None):
        mask = ops.cast(mask, self.compute_dtype)[..., None]
        total = ops.sum(self.table(ids) * mask, axis=1)
        return self.scale * total / ops.maximum(ops.sum(mask, axis=1), 1)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def _registered(cls):
    return keras.saving.register_keras_serializable("testing_test")(cls)


@_registered
class Right(Mean):
    pass


@_registered
class LetsPaddingThrough(Mean):
    def encode(self, ids, mask, training=None):
        return ops.mean(self.table(ids), axis=1)


@_registered
class SeesItsBatch(Mean):
    def encode(self, ids, mask, training=None):
        vectors = super().encode(ids, mask)
        return vectors - ops.mean(vectors, axis=0, keepdims=True)


@_registered
class NanForPadding(Mean):
    def encode(self, ids, mask, training=None):
        mask = ops.cast(mask, self.compute_dtype)[..., None]
        total = ops.sum(self.table(ids) * mask, axis=1)
        return total / ops.sum(mask, axis=1)


@_registered
class NanGradients(Mean):
    def encode(self, ids, mask, training=None):
        norms = super().encode(ids, mask)
        return ops.sqrt(ops.square(norms))


@_registered
class GivesSteps(Mean):
    def encode(self, ids, mask, training=None):
        return self.table(ids)


@_registered
class GivesIntegers(Mean):
    def encode(self, ids, mask, training=None):
        return ids[:, :1]


@_registered
class ForgetsAValue(Mean):
    def get_config(self):
        return Encoder.get_config(self)


@_registered
class KeepsAWrongValue(Mean):
    def get_config(self):
        return {**super().get_config(), "scale": 2.0}


class IsNotRegistered(Mean):
    pass


@_registered
class FailsOnLengthZero(Mean):
    def call(self, inputs, training=None):
        # Without the step that `Encoder` adds.
        return self.encode(inputs, ops.not_equal(inputs, 0))[:, :8] + ops.cast(
            ops.max(inputs, axis=1, keepdims=True) * 0, "float32"
        )


@_registered
class DecidesInPython(Mean):
    def encode(self, ids, mask, training=None):
        encodings = super().encode(ids, mask)
        # The number of steps is unknown in a graph.
        return encodings * 2 if ids.shape[1] == 1 else encodings


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (LetsPaddingThrough, "must encode ids alike whatever the padding"),
        (SeesItsBatch, "the other rows of the batch"),
        (NanForPadding, "row of padding alone, ids of 0, as finite"),
        (
            NanGradients,
            "finite gradients where a row is padding alone.*embeddings is not",
        ),
        (GivesSteps, r"Received: \(4, 4, 8\) for ids of shape \(4, 4\)"),
        (GivesIntegers, "must give floats. Received: int64"),
        (ForgetsAValue, "all its arguments from `get_config`.*Missing: scale"),
        (KeepsAWrongValue, "by from_config.*must give the same encodings"),
        (IsNotRegistered, "survive a .keras file.*register_keras_serializa"),
        (FailsOnLengthZero, "must take a batch of length 0|of length 0"),
        (DecidesInPython, "must compute in an exported graph|whatever"),
    ],
)
def test_says_what_is_wrong(cls, message):
    with pytest.raises(AssertionError, match=message) as raised:
        check_encoder(cls(**SIZES, scale=3.0))
    assert str(raised.value).startswith(f"`{cls.__name__}` (")


def test_accepts_what_is_right():
    check_encoder(Right(**SIZES, scale=3.0))


def test_asks_for_the_size_of_the_vocabulary():
    with pytest.raises(ValueError, match="`vocab_size` must be given"):
        check_encoder(keras.layers.Embedding(5, 3))
