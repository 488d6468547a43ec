"""The rows of a variable that a step touches."""

import tensorflow as tf


class TouchedRows:
    """Stands in for a whole variable where only some rows are to change.

    A Keras optimizer's formula runs on it as on a variable: it reads as a
    tensor, takes part in arithmetic and can be assigned to. What is read is
    gathered once, when first needed; what is assigned is scattered at once.

    Args:
        variable: `tf.Variable` of shape `(rows, ...)`.
        indices: int tensor `(touched,)`. Distinct row numbers.

    Attributes:
        variable: The variable behind.

    Example:
    >>> variable = tf.Variable([[1.0], [2.0], [3.0]])
    >>> rows = TouchedRows(variable, tf.constant([2, 0]))
    >>> rows.assign_add(10 * rows)
    >>> variable.numpy().ravel()
    array([11.,  2., 33.], dtype=float32)
    """

    def __init__(self, variable: tf.Variable, indices: tf.Tensor):
        self.variable = variable
        self._indices = indices
        self._value = None

    @property
    def dtype(self) -> tf.DType:
        return self.variable.dtype

    @property
    def value(self) -> tf.Tensor:
        """The rows as they stand, `(touched, ...)`."""
        if self._value is None:
            self._value = tf.gather(self.variable, self._indices)
        return self._value

    def assign(self, value: tf.Tensor):
        self._value = tf.cast(value, self.dtype)
        self.variable.scatter_update(self._slices(self._value))

    def assign_add(self, delta: tf.Tensor):
        if self._value is None:
            delta = tf.cast(delta, self.dtype)
            self.variable.scatter_add(self._slices(delta))
        else:
            self.assign(self._value + tf.cast(delta, self.dtype))

    def assign_sub(self, delta: tf.Tensor):
        self.assign_add(-delta)

    def _slices(self, values):
        return tf.IndexedSlices(values, self._indices)

    def __tf_tensor__(self, dtype=None, name=None):
        return tf.convert_to_tensor(self.value, dtype, name)


def _operator(name):
    def operate(self, *others):
        others = [tf.convert_to_tensor(other, self.dtype) for other in others]
        return getattr(self.value, name)(*others)

    return operate


for _name in ("add", "sub", "mul", "truediv", "pow"):
    for _operation in (f"__{_name}__", f"__r{_name}__"):
        setattr(TouchedRows, _operation, _operator(_operation))
TouchedRows.__neg__ = _operator("__neg__")
