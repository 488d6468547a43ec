"""An LSTM over packed sequences."""

import tensorflow as tf


def packed_lstm(inputs, sizes, kernel, recurrent_kernel, bias, training=False):
    """Runs an LSTM over packed steps.

    Computes the same as `keras.layers.LSTM` (sigmoid gates, tanh state) in
    half its time on a CPU: products that do not depend on the previous step
    are one large product outside the loop, forwards and backwards, and rows
    that have ended are skipped.

    Args:
        inputs: Float tensor `(packed steps, features)`, as `PackedSteps`
            orders them.
        sizes: int32 `(steps,)`. Rows of each step, not increasing.
        kernel: `(features, 4 * units)`; gates in the order of Keras: input,
            forget, cell, output.
        recurrent_kernel: `(units, 4 * units)`.
        bias: `(4 * units,)`.
        training: bool. Whether to keep the intermediate values of a fast
            gradient; otherwise TensorFlow derives the gradient. Defaults to
            `False`.

    Returns:
        The hidden states, `(packed steps, units)`.

    Example:
    >>> packed_lstm(
    ...     tf.ones((3, 2)),
    ...     tf.constant([2, 1]),
    ...     tf.ones((2, 4)),
    ...     tf.ones((1, 4)),
    ...     tf.zeros(4),
    ... ).shape
    TensorShape([3, 1])
    """
    # The part of the gates that depends on the inputs alone.
    gates = tf.nn.bias_add(tf.matmul(inputs, kernel), bias)  # (N, 4 * units)
    if training:
        return _recurrence_with_gradient(gates, recurrent_kernel, sizes)
    return _recurrence(gates, recurrent_kernel, sizes)[0]


def _recurrence(gates, kernel, sizes, keep=False):
    """Returns all hidden states and, with `keep`, the cells' values."""
    units = kernel.shape[0]
    steps = tf.shape(sizes)[0]
    starts = tf.cumsum(sizes, exclusive=True)
    hidden, state, kept = _cell(gates[: sizes[0]], None)
    hiddens = _array(gates, steps, units).write(0, hidden)
    kept = kept if keep else []
    arrays = [_array(gates, steps, units).write(0, value) for value in kept]

    def step(t, hidden, state, hiddens, arrays):
        size = sizes[t]
        hidden, state, kept = _cell(
            gates[starts[t] : starts[t] + size]
            + tf.matmul(hidden[:size], kernel),
            state[:size],
        )
        arrays = [
            # Without `keep`, `arrays` is empty and `kept` is not.
            array.write(t, value)
            for array, value in zip(arrays, kept, strict=False)
        ]
        return t + 1, hidden, state, hiddens.write(t, hidden), arrays

    rows = tf.TensorShape([None, units])
    _, _, _, hiddens, arrays = tf.while_loop(
        lambda t, *_: t < steps,
        step,
        (1, hidden, state, hiddens, arrays),
        shape_invariants=(
            tf.TensorShape([]),
            rows,
            rows,
            tf.TensorShape(None),
            [tf.TensorShape(None)] * len(arrays),
        ),
    )
    return hiddens.concat(), arrays


def _cell(gates, state):
    """Returns hidden state, cell state and the values for the gradient."""
    gate_in, forget, cell, out = tf.split(gates, 4, axis=1)
    gate_in, forget, out = map(tf.sigmoid, (gate_in, forget, out))
    cell = tf.tanh(cell)
    added = gate_in * cell
    state = added if state is None else forget * state + added
    squashed = tf.tanh(state)
    kept = [gate_in, forget, cell, out, state, squashed]
    return out * squashed, state, kept


@tf.custom_gradient
def _recurrence_with_gradient(gates, kernel, sizes):
    hiddens, arrays = _recurrence(gates, kernel, sizes, keep=True)

    def gradient(upstream):
        by_gates = _gradient_by_gates(upstream, kernel, sizes, arrays)
        return (
            by_gates,
            _gradient_by_kernel(hiddens, by_gates, sizes),
            None,
        )

    return hiddens, gradient


def _gradient_by_gates(upstream, kernel, sizes, arrays):
    """Backpropagates through time."""
    units = kernel.shape[0]
    steps = tf.shape(sizes)[0]
    starts = tf.cumsum(sizes, exclusive=True)
    states = arrays[4]

    def cell(t, by_hidden, by_state, state_before):
        gate_in, forget, cell, out, _, squashed = (a.read(t) for a in arrays)
        size = sizes[t]
        by_hidden = upstream[starts[t] : starts[t] + size] + _grown(
            by_hidden, size
        )
        by_state = _grown(by_state, size) + _tanh_gradient(
            squashed, by_hidden * out
        )
        by_forget = tf.zeros_like(forget)
        if state_before is not None:
            by_forget = _sigmoid_gradient(forget, by_state * state_before)
        by_gates = [
            _sigmoid_gradient(gate_in, by_state * cell),
            by_forget,
            _tanh_gradient(cell, by_state * gate_in),
            _sigmoid_gradient(out, by_hidden * squashed),
        ]
        return tf.concat(by_gates, axis=1), by_state * forget

    def step(t, by_hidden, by_state, by_gates):
        before = states.read(t - 1)[: sizes[t]]
        gates, by_state = cell(t, by_hidden, by_state, before)
        by_hidden = tf.matmul(gates, kernel, transpose_b=True)
        return t - 1, by_hidden, by_state, by_gates.write(t, gates)

    nothing = tf.zeros([0, units], kernel.dtype)
    rows = tf.TensorShape([None, units])
    _, by_hidden, by_state, by_gates = tf.while_loop(
        lambda t, *_: t > 0,
        step,
        (steps - 1, nothing, nothing, _array(kernel, steps, 4 * units)),
        shape_invariants=(
            tf.TensorShape([]),
            rows,
            rows,
            tf.TensorShape(None),
        ),
    )
    first, _ = cell(0, by_hidden, by_state, None)
    return by_gates.write(0, first).concat()


def _gradient_by_kernel(hiddens, by_gates, sizes):
    first = sizes[0]
    later = tf.range(first, tf.shape(hiddens)[0])
    # Distance to a row's previous step = number of rows of that step.
    before = later - tf.repeat(sizes[:-1], sizes[1:])
    return tf.matmul(
        tf.gather(hiddens, before), by_gates[first:], transpose_a=True
    )


def _array(like, steps, units):
    return tf.TensorArray(
        like.dtype,
        steps,
        clear_after_read=False,
        infer_shape=False,
        element_shape=[None, units],
    )


def _grown(values, size):
    """Pads with zeros for the rows that end at this step."""
    return tf.pad(values, [[0, size - tf.shape(values)[0]], [0, 0]])


def _sigmoid_gradient(outputs, upstream):
    return tf.raw_ops.SigmoidGrad(y=outputs, dy=upstream)


def _tanh_gradient(outputs, upstream):
    return tf.raw_ops.TanhGrad(y=outputs, dy=upstream)


class PackedSteps:
    """Packs the real steps of a padded batch, and unpacks them.

    Packed steps are ordered by step, then by length of the row: the first
    step of all rows, then the second step of the rows that have one, and so
    on, longer rows first. Step `t` is one slice of `sizes[t]` rows, which are
    the first rows of step `t - 1`. Padding is dropped wherever it is in a
    row; a row of padding alone keeps its first step.

    Args:
        mask: bool tensor `(batch_size, steps)`, at least one step, `True` at
            real steps.
        reverse: bool. Whether rows run from their last real step to their
            first. Defaults to `False`.

    Attributes:
        sizes: int32 `(longest row,)`. Rows of each step.
        lengths: int32 `(batch_size,)`. Packed steps of each row.

    Example:
    >>> packed = PackedSteps(tf.constant([[True, False], [True, True]]))
    >>> packed.sizes.numpy()
    array([2, 1], dtype=int32)
    >>> packed.pack(tf.constant([[[1.0], [9.0]], [[2.0], [3.0]]])).numpy()
    array([[2.],
           [1.],
           [3.]], dtype=float32)
    """

    def __init__(self, mask, reverse=False):
        batch_size, steps = tf.unstack(tf.shape(mask))
        empty = tf.logical_not(tf.reduce_any(mask, axis=1, keepdims=True))
        mask = mask | (empty & (tf.range(steps) == 0))
        rank = tf.cumsum(tf.cast(mask, tf.int32), axis=1)  # From 1; (B, T).
        self.lengths = rank[:, -1]
        rank = self.lengths[:, None] - rank if reverse else rank - 1
        longest = tf.maximum(tf.reduce_max(self.lengths), 1)
        self.sizes = tf.math.count_nonzero(
            self.lengths > tf.range(longest)[:, None], axis=1, dtype=tf.int32
        )
        by_length = tf.argsort(
            self.lengths, direction="DESCENDING", stable=True
        )
        row = tf.math.invert_permutation(by_length)  # Within a step; (B,).
        places = row[:, None] + tf.gather(
            tf.cumsum(self.sizes, exclusive=True),
            tf.clip_by_value(rank, 0, longest - 1),
        )
        count = tf.reduce_sum(self.lengths)
        mask = tf.reshape(mask, [-1])
        # Index of each step among the packed ones (padding: `count`), and of
        # each packed step in the flattened batch.
        self._places = tf.where(mask, tf.reshape(places, [-1]), count)
        real = tf.cast(tf.where(mask), tf.int32)
        self._origins = tf.scatter_nd(
            tf.gather(self._places, real), real[:, 0], [count]
        )
        self._shape = (batch_size, steps)

    def pack(self, inputs):
        """Returns `(packed steps, features)` of `(batch, steps, features)`."""

        @tf.custom_gradient
        def pack(flat):
            return tf.gather(flat, self._origins), self._spread

        # The gradient of a plain `tf.gather` would be summed row by row.
        return pack(tf.reshape(inputs, [-1, inputs.shape[-1]]))

    def unpack(self, packed, padding=0.0):
        """Returns `(batch, steps, features)`, `padding` at padded steps."""

        @tf.custom_gradient
        def unpack(packed):
            return self._spread(packed, padding), lambda upstream: tf.gather(
                upstream, self._origins
            )

        return tf.reshape(unpack(packed), [*self._shape, packed.shape[-1]])

    def _spread(self, packed, padding=0.0):
        fill = tf.fill([1, packed.shape[-1]], tf.cast(padding, packed.dtype))
        return tf.gather(tf.concat([packed, fill], axis=0), self._places)
