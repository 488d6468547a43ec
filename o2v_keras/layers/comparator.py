"""Comparison of two encodings."""

from typing import Any

import keras
from keras import ops

from o2v_keras.registry import COMPARATORS


@COMPARATORS.register("hadamard")
def hadamard(first, second):
    """Returns the elementwise product `first * second`."""
    return first * second


@COMPARATORS.register("concat")
def concat(first, second):
    """Returns `first` and `second` concatenated."""
    return ops.concatenate([first, second], axis=-1)


@COMPARATORS.register("abs_diff")
def abs_diff(first, second):
    """Returns the elementwise difference `|first - second|`."""
    return ops.abs(first - second)


@COMPARATORS.register("dot")
def dot(first, second):
    """Returns the dot product, `(batch_size, 1)`."""
    return ops.sum(first * second, axis=-1, keepdims=True)


@COMPARATORS.register("cosine")
def cosine(first, second):
    """Returns the cosine, `(batch_size, 1)`; 0 if an encoding is zero."""
    # Squares overflow in half precision.
    wide = [ops.cast(side, "float32") for side in (first, second)]
    units = [ops.normalize(side, axis=-1, epsilon=1e-12) for side in wide]
    return ops.cast(dot(*units), first.dtype)


_BLOCK = 32


@COMPARATORS.register("block_cosine")
def block_cosine(first, second):
    """Returns a cosine for every 32 numbers, `(batch_size, dim / 32)`.

    Each block is a view of its own of what makes objects alike; an MLP weighs
    them. Its outputs have the scale of cosines whatever the lengths of the
    encodings are. The last block may be smaller; 0 if a block is zero.

    Reference:
    - [Wang et al., 2017](https://arxiv.org/abs/1702.03814), who compare by
      many weighted cosines
    """
    short = -first.shape[-1] % _BLOCK
    sides = []
    for side in (first, second):
        side = ops.pad(ops.cast(side, "float32"), [[0, 0], [0, short]])
        blocks = ops.reshape(side, (-1, side.shape[-1] // _BLOCK, _BLOCK))
        sides.append(ops.normalize(blocks, axis=-1, epsilon=1e-12))
    return ops.cast(ops.sum(sides[0] * sides[1], axis=-1), first.dtype)


# Operations whose one output grows with the similarity of two encodings.
_SIMILARITIES = ("dot", "cosine")


def similarity_places(operations, dim):
    """Returns the columns of `dot` and `cosine` in a comparator's output.

    Args:
        operations: Names of operations, in order.
        dim: int. Size of an encoding.

    Example:
    >>> similarity_places(["concat", "dot", "cosine"], dim=8)
    [16, 17]
    """
    places, start = [], 0
    if not {*_SIMILARITIES} & {*operations}:
        return places
    for name in operations:
        if name in _SIMILARITIES:
            places.append(start)
            start += 1
        else:
            one = ops.zeros((1, dim))
            start += COMPARATORS[name](one, one).shape[-1]
    return places


@keras.saving.register_keras_serializable(package="o2v_keras")
class Comparator(keras.layers.Layer):
    """Concatenates the results of several operations on two encodings.

    For encodings `a` and `b` of size `dim`:

    | operation  | result        | size      |
    | ---------- | ------------- | --------- |
    | `hadamard` | `a * b`       | `dim`     |
    | `concat`   | `a, b`        | `2 * dim` |
    | `abs_diff` | `abs(a - b)`  | `dim`     |
    | `dot`      | `sum(a * b)`  | 1         |
    | `cosine`   | `dot` of `a` and `b` scaled to length 1 | 1 |
    | `block_cosine` | the same of every 32 numbers | `dim / 32`, rounded up |

    The first three are SageMaker's `comparator_list`. To add an operation,
    decorate a function of two tensors `(batch_size, dim)` with
    `@o2v_keras.registry.COMPARATORS.register(name)` before a layer or a saved
    model uses the name.

    Args:
        operations: list or tuple of str. Names of registered operations, at
            least one. Defaults to `("hadamard", "concat", "abs_diff")`.
        **kwargs: Base layer arguments such as `name` and `dtype`.

    Call arguments:
        inputs: List or tuple of two float tensors of shape
            `(batch_size, dim)`.

    Output shape:
        `(batch_size, size)`, the sum of the operations' sizes; `4 * dim` by
        default.

    Raises:
        ValueError: If `operations` is empty, a bare string, or names an
            unknown operation; or the two encodings differ in size.

    Example:
    >>> comparator = Comparator(["abs_diff", "hadamard"])
    >>> comparator([np.array([[1.0, 2.0]]), np.array([[4.0, 3.0]])]).numpy()
    array([[3., 1., 4., 6.]], dtype=float32)
    """

    def __init__(
        self, operations=("hadamard", "concat", "abs_diff"), **kwargs: Any
    ):
        if not isinstance(operations, list | tuple) or not operations:
            raise ValueError(
                "`operations` must be a list of at least one of "
                f"{', '.join(COMPARATORS.names)}. "
                f"Received: operations={operations!r}"
            )
        for name in operations:
            COMPARATORS[name]  # An unknown name is an error here.
        super().__init__(**kwargs)
        self.operations = tuple(operations)
        self.input_spec = [keras.layers.InputSpec(ndim=2)] * 2

    def build(self, input_shape):
        first, second = input_shape
        if first[-1] != second[-1]:
            raise ValueError(
                "`inputs` must be two encodings of the same size. "
                f"Received: shapes {tuple(first)} and {tuple(second)}"
            )
        # Later calls must have this size: products would broadcast others.
        size = keras.layers.InputSpec(ndim=2, axes={-1: first[-1]})
        self.input_spec = [size, size]

    def call(self, inputs):
        first, second = inputs
        return ops.concatenate(
            [COMPARATORS[name](first, second) for name in self.operations],
            axis=-1,
        )

    def get_config(self):
        return {**super().get_config(), "operations": list(self.operations)}
