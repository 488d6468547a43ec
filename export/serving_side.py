"""One side of a pair in requests to an export."""

import numpy as np
import tensorflow as tf

from export.request_checks import known_ids
from export.request_checks import one_text_a_row
from o2v_keras.config import EncoderConfig
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from serving.signatures import IN0
from serving.signatures import IN1


class ServingSide(tf.Module):
    """The input of one side: its signature, its checks and its ids.

    Args:
        name: `"in0"` or `"in1"`.
        encoder: The side's `EncoderConfig`.
        tokenizer: `Tokenizer` of the side's texts, or `None` if requests hold
            ids. Defaults to `None`.

    Attributes:
        takes_text: bool. Whether requests hold texts.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> config = Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9)
    >>> side = ServingSide("in0", config.encoder0)
    >>> side.spec
    TensorSpec(shape=(None, None), dtype=tf.int64, name='in0')
    >>> side.ids(tf.constant([[1, 2]], tf.int64)).numpy()
    array([[1, 2]])
    """

    def __init__(
        self,
        name: str,
        encoder: EncoderConfig,
        tokenizer: Tokenizer | None = None,
    ):
        super().__init__(name=name)
        self.max_seq_len = encoder.max_seq_len
        self.vocab_size = encoder.vocab_size
        # As an attribute, its vocabulary becomes an asset of the SavedModel.
        self.tokenizer = tokenizer

    @property
    def takes_text(self) -> bool:
        return self.tokenizer is not None

    @property
    def spec(self) -> tf.TensorSpec:
        """The side's input in a signature."""
        if self.takes_text:
            return tf.TensorSpec([None], tf.string, name=self.name)
        return tf.TensorSpec([None, None], tf.int64, name=self.name)

    @property
    def absent(self) -> tf.Tensor:
        """The input of a request without this side."""
        if self.takes_text:
            return tf.constant([], tf.string)
        return tf.zeros([0, 0], tf.int64)

    @property
    def words(self) -> list[str]:
        """Words of the tokenizer's vocabulary, at least one."""
        return [*self.tokenizer.word_ids()] or ["a"]

    def empty_rows(self, rows: int) -> np.ndarray:
        """Returns the input of rows that leave this side empty."""
        if self.takes_text:
            return np.full(rows, b"", object)
        return np.zeros((rows, 0), np.int64)

    def checked(self, values: tf.Tensor) -> tf.Tensor:
        """Returns a request's input if it is valid.

        Raises:
            tf.errors.InvalidArgumentError: When the graph runs, if it has
                another rank or holds an id outside the vocabulary.
        """
        if self.takes_text:
            return one_text_a_row(values)
        return known_ids(values, self.name, self.vocab_size)

    def ids(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the ids of a checked input.

        Args:
            values: int64 `(batch, length)` or string `(batch,)`.

        Returns:
            int64 `(batch, length)`, padded with 0. Texts give at most
            `max_seq_len` ids, because encoders cut the rest.
        """
        values = tf.convert_to_tensor(values)
        if not self.takes_text:
            return values
        ids = self.tokenizer.tokenize(values)
        longest = tf.reduce_max(ids.row_lengths())
        # The maximum of no rows is negative.
        length = tf.clip_by_value(longest, 0, self.max_seq_len)
        return ids.to_tensor(0, shape=tf.stack([ids.nrows(), length]))


def serving_sides(model: Object2Vec) -> tuple[ServingSide, ServingSide]:
    """Returns the sides of a model's requests.

    A side takes texts where `model.tokenizers` has a tokenizer for it.

    Args:
        model: `Object2Vec`.

    Raises:
        ValueError: If the model was trained on texts and its tokenizer is
            not there.
    """
    return serving_side(model, IN0), serving_side(model, IN1)


def serving_side(model: Object2Vec, name: str) -> ServingSide:
    """Returns `"in0"` or `"in1"` of a model's requests.

    Raises:
        ValueError: If it was trained on texts and its tokenizer is not there.
    """
    encoder = model.config.side(name)
    tokenizer = getattr(model.tokenizers, name)
    if encoder.tokenizer and tokenizer is None:
        raise ValueError(
            f"`model` must have the tokenizer of {name}, because it was "
            "trained on texts. Set `model.tokenizers` to what "
            "`learn_tokenizers` returned. "
            f"Received: enc{name[-1]}_tokenizer={encoder.tokenizer!r}, "
            f"model.tokenizers.{name}=None"
        )
    return ServingSide(name, encoder, tokenizer)
