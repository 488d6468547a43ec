"""Checks of requests inside the exported graph.

A model server checks only names and dtypes of a request; shapes and values
reach the graph unchecked. Each check returns its input with a control
dependency on the assertion, so that no other op fails first with an internal
message.
"""

import tensorflow as tf

GIVE_ONE_SIDE = "Give exactly one of in0 and in1, and leave the other empty."


def known_ids(ids: tf.Tensor, side: str, vocab_size: int) -> tf.Tensor:
    """Returns `ids` if the vocabulary holds all of them.

    Ids beyond `max_seq_len` are checked, too: an unknown id there also means
    that the request used another vocabulary. Without this check a CPU fails
    with an internal message and a GPU answers with zeros.

    Args:
        ids: int64 `(batch, length)`, any lengths.
        side: Name of the input, for the message.
        vocab_size: Ids must be below it.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if an id is
            outside 0 to `vocab_size - 1` or `ids` has another rank.

    Example:
    >>> known_ids(tf.constant([[1, 2]], tf.int64), "in0", 3).numpy()
    array([[1, 2]])
    """
    ids = tf.ensure_shape(ids, [None, None])
    lowest = tf.reduce_min(ids)
    worst = tf.where(lowest < 0, lowest, tf.reduce_max(ids))
    message = tf.strings.join(
        [
            f"{side} holds id ",
            tf.as_string(worst),
            f", but ids must be from 0 to {vocab_size - 1}.",
        ]
    )
    known = tf.reduce_all((ids >= 0) & (ids < vocab_size))
    with tf.control_dependencies([tf.debugging.Assert(known, [message])]):
        return tf.identity(ids)


def one_text_a_row(texts: tf.Tensor) -> tf.Tensor:
    """Returns `texts` if each row is one text.

    Args:
        texts: string `(batch,)`.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if `texts` has
            another rank, such as lists of one text.

    Example:
    >>> one_text_a_row(tf.constant(["a dog"])).shape
    TensorShape([1])
    """
    return tf.ensure_shape(texts, [None])


def same_rows(in0: tf.Tensor, in1: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns both sides if they have the same number of rows.

    Otherwise broadcasting would pair a single row with all rows of the other.

    Args:
        in0: ids `(batch, length)` or texts `(batch,)`.
        in1: ids `(batch, length)` or texts `(batch,)`.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs.

    Example:
    >>> ids = tf.zeros([2, 3], tf.int64)
    >>> [side.shape[0] for side in same_rows(ids, ids)]
    [2, 2]
    """
    rows0, rows1 = tf.shape(in0)[0], tf.shape(in1)[0]
    message = tf.strings.join(
        [
            "in0 and in1 must have the same number of rows, but in0 has ",
            tf.as_string(rows0),
            " and in1 has ",
            tf.as_string(rows1),
            ".",
        ]
    )
    equal = tf.equal(rows0, rows1)
    with tf.control_dependencies([tf.debugging.Assert(equal, [message])]):
        return tf.identity(in0), tf.identity(in1)


def in0_is_given(in0: tf.Tensor, in1: tf.Tensor) -> tf.Tensor:
    """Returns whether `in0` is the given side, and not `in1`.

    A side without elements is absent: gRPC takes the signature's default,
    REST sends an empty list in every row or in the column. If both sides have
    elements, a side of empty texts only is absent, too, for REST rows with
    all fields. So to encode the empty text itself, send no elements for the
    other side.

    Args:
        in0: int64 or string, any shape.
        in1: int64 or string, any shape.

    Returns:
        bool scalar; false means that `in1` is given.

    Raises:
        tf.errors.InvalidArgumentError: When the graph runs, if both sides
            are given or neither is.

    Example:
    >>> bool(in0_is_given(tf.constant([[7]]), tf.zeros([1, 0], tf.int32)))
    True
    >>> bool(in0_is_given(tf.constant([""]), tf.constant(["a dog"])))
    False
    >>> bool(in0_is_given(tf.constant([""]), tf.constant([], tf.string)))
    True
    """
    given0, given1 = tf.size(in0) > 0, tf.size(in1) > 0
    both = given0 & given1
    given0 &= _says_something(in0) | ~both
    given1 &= _says_something(in1) | ~both
    one = tf.not_equal(given0, given1)
    with tf.control_dependencies([tf.debugging.Assert(one, [GIVE_ONE_SIDE])]):
        return tf.identity(given0)


def _says_something(values):
    if values.dtype != tf.string:
        return tf.constant(True)
    # Whatever the rank: rows of empty lists come as `(batch, 0)`.
    return tf.reduce_any(tf.not_equal(tf.reshape(values, [-1]), ""))
