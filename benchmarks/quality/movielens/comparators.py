"""Comparators that make matrix factorization of a linear head.

A head on `dot` or `hadamard` has weights of its own. Where rows are penalized
(`token_embedding_l2`) and the head is not, training lets the rows shrink and
the head grow, and the penalty is evaded: the factor of `dot` went from 0.1 to
24, and the error to that of the biases. Scaled up by constants, products of
rows as small as 0.01 are as large as ratings; the head's weights then hardly
move while the rows do, and stay what they were drawn as. Dimensions with
larger weights are penalized less, which does no harm.
"""

from keras import ops

from o2v_keras import COMPARATORS

PRODUCT_SCALE = 1e5
SUM_SCALE = 100.0


@COMPARATORS.register("scaled_hadamard")
def scaled_hadamard(first, second):
    """Returns the scaled elementwise product, `(batch, dim)`."""
    return PRODUCT_SCALE * first * second


@COMPARATORS.register("scaled_concat")
def scaled_concat(first, second):
    """Returns both encodings, scaled, `(batch, 2 * dim)`.

    The head makes the biases of users and films of them.
    """
    return SUM_SCALE * ops.concatenate([first, second], axis=-1)
