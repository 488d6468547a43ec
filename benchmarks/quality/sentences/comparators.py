"""A comparator of the lengths of encodings, in the blocks of `block_cosine`."""

from keras import ops

from o2v_keras import COMPARATORS

BLOCK = 32

_SMALLEST_SQUARE = 1e-6


@COMPARATORS.register("block_lengths")
def block_lengths(first, second):
    """Returns difference and sum of the blocks' logarithmic lengths.

    The mean of n unlike vectors is about `1 / sqrt(n)` as long as they are,
    so this tells how long and how rare in words the sentences are.
    """
    first = ops.log(_squares(_blocks(first))) / 2
    second = ops.log(_squares(_blocks(second))) / 2
    return ops.concatenate([ops.abs(first - second), first + second], axis=-1)


def _blocks(encoding):
    return ops.reshape(encoding, (-1, encoding.shape[-1] // BLOCK, BLOCK))


def _squares(blocks):
    return ops.sum(ops.square(blocks), axis=-1) + _SMALLEST_SQUARE
