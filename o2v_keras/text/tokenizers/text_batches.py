"""Cuts texts into batches of bounded size."""

from collections.abc import Iterable
from collections.abc import Iterator

import tensorflow as tf

from o2v_keras.text.tokenizers.tokenizer import text_tensor

BATCH_ROWS = 8192
BATCH_CHARACTERS = 4 << 20


def text_batches(texts: Iterable[str]) -> Iterator[tf.Tensor]:
    """Encodes texts as UTF-8 and cuts them into batches.

    A batch ends with the text that brings it to `BATCH_ROWS` texts or
    `BATCH_CHARACTERS` characters. Lone surrogates become bytes that are no
    UTF-8, which tokenizers read as U+FFFD.

    Args:
        texts: Texts.

    Returns:
        String tensors of shape `(batch,)`.

    Example:
    >>> [len(batch) for batch in text_batches(["text"] * 10_000)]
    [8192, 1808]
    """
    batch, characters = [], 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if len(batch) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield text_tensor(batch)
            batch, characters = [], 0
    if batch:
        yield text_tensor(batch)
