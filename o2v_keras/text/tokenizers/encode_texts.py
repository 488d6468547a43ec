"""Tokenizing many texts."""

import os
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from o2v_keras.data.sequences import Sequences
from o2v_keras.text.tokenizers.text_batches import text_batches
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.tokenizer_graph import tokenizer_graph


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
    >>> from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
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
