"""Tokenizing many texts."""

import os
import weakref
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from o2v_keras.data.sequences import Sequences
from o2v_keras.data.text.tokenizers.text_batches import text_batches
from o2v_keras.data.text.tokenizers.tokenizer import Tokenizer

# Traced once for each tokenizer, and no part of it, which would be exported.
_GRAPHS = weakref.WeakKeyDictionary()


def encode_texts(
    tokenizer: Tokenizer,
    texts: Iterable[str],
    progress: Callable[[int], None] | None = None,
) -> Sequences:
    """Returns the ids of texts.

    The texts are read once and tokenized in batches, on all cores; a few
    batches of texts are in memory at a time, and all ids.

    Args:
        tokenizer: `Tokenizer`.
        texts: Texts.
        progress: Called with the number of texts done so far, after each
            batch. Defaults to `None`.

    Example:
    >>> from o2v_keras.data.text.tokenizers.word_tokenizer import WordTokenizer
    >>> from o2v_keras.data.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog"]))
    >>> [row.tolist() for row in encode_texts(tokenizer, ["A dog", "", "Hi"])]
    [[2, 3], [], [1]]
    """
    none = Sequences(np.zeros(0, np.int64), np.zeros(1, np.int64))
    parts, done = [none], 0
    for part in _encoded(tokenizer, text_batches(texts)):
        parts.append(part)
        done += len(part)
        if progress is not None:
            progress(done)
    return Sequences.concat(parts)


def _encoded(tokenizer, batches) -> Iterator[Sequences]:
    graph = _graph(tokenizer)

    def encode(batch):
        ids = graph(tf.constant(batch, tf.string))
        return Sequences(ids.values.numpy(), ids.row_splits.numpy())

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        running = deque()
        for batch in batches:
            running.append(pool.submit(encode, batch))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _graph(tokenizer):
    if tokenizer not in _GRAPHS:
        # Held by its graph, a tokenizer would stay for ever.
        proxy = weakref.proxy(tokenizer)
        _GRAPHS[tokenizer] = tf.function(
            lambda texts: proxy(texts),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
    return _GRAPHS[tokenizer]
