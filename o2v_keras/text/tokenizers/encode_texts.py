"""Tokenizes many texts on all cores."""

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
from o2v_keras.text.tokenizers.text_batches import text_batches
from o2v_keras.text.tokenizers.tokenizer import Tokenizer

# No attributes of the tokenizers: a SavedModel exports a tokenizer's
# attributes with it.
_GRAPHS = weakref.WeakKeyDictionary()


def encode_texts(tokenizer: Tokenizer, texts: Iterable[str]) -> Sequences:
    """Returns the ids of texts.

    The texts are read once and tokenized in batches, on all cores. Memory
    holds a few batches of texts, and all ids.

    Args:
        tokenizer: `Tokenizer`.
        texts: Texts; an iterator is read a few batches ahead.

    Example:
    >>> from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog"]))
    >>> [row.tolist() for row in encode_texts(tokenizer, ["A dog", "", "Hi"])]
    [[2, 3], [], [1]]
    """
    none = Sequences(np.zeros(0, np.int64), np.zeros(1, np.int64))
    return Sequences.concat([none, *_encoded(tokenizer, text_batches(texts))])


def tokenizer_graph(
    tokenizer: Tokenizer,
) -> Callable[[tf.Tensor], tf.RaggedTensor]:
    """Returns a tokenizer as a `tf.function`, traced once.

    Args:
        tokenizer: `Tokenizer`.

    Returns:
        A function of strings `(batch,)`, of any batch size.

    Example:
    >>> from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog"]))
    >>> tokenizer_graph(tokenizer)(["A dog!"])
    <tf.RaggedTensor [[2, 3, 1]]>
    """
    if tokenizer not in _GRAPHS:
        # A graph that held its tokenizer would keep it in memory for ever.
        proxy = weakref.proxy(tokenizer)
        graph = tf.function(
            lambda texts: proxy(texts),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        # TensorFlow warns of retracing if several threads make the first call.
        graph.get_concrete_function()
        _GRAPHS[tokenizer] = graph
    return _GRAPHS[tokenizer]


def _encoded(tokenizer, batches) -> Iterator[Sequences]:
    graph = tokenizer_graph(tokenizer)

    def encode(batch):
        ids = graph(batch)
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
