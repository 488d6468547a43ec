"""Tokenizers as functions on their graphs."""

import weakref
from collections.abc import Callable

import tensorflow as tf

from o2v_keras.text.tokenizers.tokenizer import Tokenizer

# No attributes of the tokenizers: what one has is exported with it.
_GRAPHS = weakref.WeakKeyDictionary()


def tokenizer_graph(
    tokenizer: Tokenizer,
) -> Callable[[tf.Tensor], tf.RaggedTensor]:
    """Returns a `tf.function` of string tensors of any length.

    A tokenizer is traced once, here.

    Example:
    >>> from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizer = WordTokenizer(Vocabulary(["a", "dog"]))
    >>> tokenizer_graph(tokenizer)(["A dog!"])
    <tf.RaggedTensor [[2, 3, 1]]>
    """
    if tokenizer not in _GRAPHS:
        # Held by its graph, a tokenizer would stay for ever.
        proxy = weakref.proxy(tokenizer)
        graph = tf.function(
            lambda texts: proxy(texts),
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        # Of threads that wait for a first call to be traced, each counts as
        # one that traced, and TensorFlow warns.
        graph.get_concrete_function()
        _GRAPHS[tokenizer] = graph
    return _GRAPHS[tokenizer]
