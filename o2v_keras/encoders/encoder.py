"""The contract of encoders: from ids to one vector."""

from typing import Any

import keras
from keras import ops

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.id_dropout import IdDropout
from o2v_keras.layers.sequence_limit import SequenceLimit


class Encoder(keras.layers.Layer):
    """Base class of encoders, which map a sequence of ids to one vector.

    A subclass defines `encode`, adds its own arguments to `get_config`, and
    is registered with Keras. `o2v_keras.testing.check_encoder` checks that it
    keeps the contract: padding changes nothing, rows of padding alone give
    finite encodings, configuration and weights survive saving.

    `Object2Vec` takes any Keras layer or model with these inputs and outputs.
    This class adds what every encoder needs: it cuts ids to `max_seq_len`,
    pads an empty batch to one step, drops ids, and makes the mask.

    Args:
        vocab_size: int, at least 2. Ids are below it; id 0 is padding.
        max_seq_len: int, at least 1. Longer sequences are cut to their first
            ids.
        output_dim: int, at least 1. Size of the encoding.
        id_dropout: float, from 0 to 1. Share of training rows whose first
            token is replaced by `unknown_id`. Defaults to `0.0`.
        unknown_id: int. Stands for ids unseen in training; required with
            `id_dropout`. Defaults to `0`: none.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: int64 `(batch, length)`, padded with 0; any length.
        training: bool. Defaults to `None`, which Keras fills in.

    Output shape:
        `(batch, output_dim)`, of the compute dtype.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
    >>> class IdsPresent(Encoder):
    ...     def encode(self, ids, mask, training=None):
    ...         return ops.max(ops.one_hot(ids, self.vocab_size), axis=1)
    >>> IdsPresent(vocab_size=4, max_seq_len=2, output_dim=4)(
    ...     np.array([[3, 1, 2]])
    ... ).numpy()
    array([[0., 1., 0., 1.]], dtype=float32)

    Reference:
    - sentence-transformers' `Module`: a module of one's own is a class with a
      few documented methods.
    """

    def __init__(
        self,
        vocab_size,
        max_seq_len,
        output_dim,
        id_dropout=0.0,
        unknown_id=0,
        **kwargs: Any,
    ):
        check_integer("vocab_size", vocab_size, 2)
        check_integer("max_seq_len", max_seq_len)
        check_integer("output_dim", output_dim)
        super().__init__(**kwargs)
        # What an encoder does with ids decides whether XLA can compile it.
        self.supports_jit = False
        # NumPy's integers, such as `ids.max() + 1`, are no JSON.
        self.vocab_size = int(vocab_size)
        self.max_seq_len = int(max_seq_len)
        self.output_dim = int(output_dim)
        self.id_dropout = id_dropout
        self.unknown_id = unknown_id
        self._limit = SequenceLimit(self.max_seq_len, name="sequence_limit")
        # Else Keras warns a subclass that needs no `build`.
        self._limit.build((None, None))
        self._dropout_of_ids = None
        if id_dropout:
            self._dropout_of_ids = IdDropout(
                id_dropout, unknown_id, name="id_dropout"
            )
            self._dropout_of_ids.build((None, None))

    def encode(self, ids, mask, training=None):
        """Returns the encodings; subclasses define it.

        Args:
            ids: int64 `(batch, length)`, 1 to `max_seq_len` steps.
            mask: bool `(batch, length)`: `True` at real tokens, `ids != 0`.
            training: bool.

        Returns:
            Float `(batch, output_dim)`.
        """
        raise NotImplementedError

    def call(self, inputs, training=None):
        ids = self._limit(inputs)  # (batch, 1 to max_seq_len)
        if self._dropout_of_ids is not None:
            ids = self._dropout_of_ids(ids, training=training)
        return self.encode(ids, ops.not_equal(ids, 0), training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "max_seq_len": self.max_seq_len,
            "output_dim": self.output_dim,
            "id_dropout": self.id_dropout,
            "unknown_id": self.unknown_id,
        }
