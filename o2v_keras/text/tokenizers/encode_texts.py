"""Tokenizes many texts on all cores."""

import os
import weakref
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.sequences import Sequences
from o2v_keras.text.tokenizers.text_batches import text_batches
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.tokenizer import text_tensor

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
    >>> from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
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
    """Returns `tokenizer.tokenize` as a `tf.function`, traced once.

    Args:
        tokenizer: `Tokenizer`.

    Returns:
        A function of strings `(batch,)`, of any batch size.

    Example:
    >>> from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog"]))
    >>> tokenizer_graph(tokenizer)(["A dog!"])
    <tf.RaggedTensor [[2, 3, 1]]>
    """
    if tokenizer not in _GRAPHS:
        # A graph that held its tokenizer would keep it in memory for ever.
        proxy = weakref.proxy(tokenizer)
        graph = tf.function(
            lambda texts: proxy.tokenize(texts),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        # TensorFlow warns of retracing if several threads make the first call.
        graph.get_concrete_function()
        _GRAPHS[tokenizer] = graph
    return _GRAPHS[tokenizer]


def padded_ids(
    tokenizer: Tokenizer,
    texts: tf.Tensor | np.ndarray | Sequence[Any],
    max_seq_len: int,
) -> np.ndarray:
    """Returns the ids of texts, padded with 0 to the longest text.

    Args:
        tokenizer: `Tokenizer`.
        texts: Strings `(rows,)`: a list, an array or a tensor.
        max_seq_len: Most ids of a text; the others are cut off.

    Returns:
        int64 `(rows, length)`, with a length of at least 1.

    Raises:
        ValueError: If there is no text, or something else.

    Example:
    >>> from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog"]))
    >>> padded_ids(tokenizer, ["A dog", "", "a a a"], 2)
    array([[2, 3],
           [0, 0],
           [2, 2]])
    """
    tensor = text_tensor(texts)
    if tensor.shape.rank != 1 or not len(tensor):
        raise ValueError(
            "`texts` must be of shape `(rows,)`, with at least one text. "
            f"Received: shape {tuple(tensor.shape)}"
        )
    rows = encode_texts(tokenizer, tensor.numpy().tolist())
    return PaddedRows(rows, max_seq_len).gather(tf.range(len(rows))).numpy()


def holds_texts(values: Any) -> bool:
    """Whether a model's input is texts and not ids.

    Example:
    >>> holds_texts(np.array(["a", "dog"])), holds_texts([[1, 2]])
    (True, False)
    """
    if tf.is_tensor(values):
        return values.dtype == tf.string
    return isinstance(next(iter(values), None), str | bytes)


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
