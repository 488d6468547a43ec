"""Comparators that look at encodings in blocks."""

from keras import ops

from o2v_keras import COMPARATORS

BLOCK = 32

_SMALLEST_SQUARE = 1e-6


@COMPARATORS.register("block_cosine")
def block_cosine(first, second):
    """Returns a cosine for every 32 numbers, `(batch, dim / 32)`.

    Each block is a view of its own of what makes sentences alike; the MLP
    weighs them.

    Reference:
    - [Wang et al., 2017](https://arxiv.org/abs/1702.03814), who compare by
      many weighted cosines
    """
    first, second = _blocks(first), _blocks(second)
    dots = ops.sum(first * second, axis=-1)  # (B, dim / 32)
    return dots / ops.sqrt(_squares(first) * _squares(second))


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
