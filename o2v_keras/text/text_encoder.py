"""Tokenizes the texts of a side."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.check.report import Problem
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.sequences import Sequences
from o2v_keras.text.tokenizers.encode_texts import encode_texts
from o2v_keras.text.tokenizers.tokenizer import Tokenizer


class TextEncoder:
    """Tokenizes the texts of a side, and warns of texts that are too long.

    Args:
        name: `"in0"` or `"in1"`.
        tokenizer: `Tokenizer`.

    Example:
    >>> from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> import pyarrow as pa
    >>> encoder = TextEncoder("in0", WordTokenizer(Vocabulary(["dog"])))
    >>> ids, _ = encoder(pa.array(["a dog"]), Provenance.in_memory(1))
    >>> ids[0]
    array([1, 2])
    """

    def __init__(self, name: str, tokenizer: Tokenizer):
        self._name = name
        self._tokenizer = tokenizer
        self._max_bytes = tokenizer.max_bytes

    def __call__(
        self, texts: pa.Array, origin: Provenance
    ) -> tuple[Sequences, list[Problem]]:
        """Returns the ids, and a warning if texts were cut.

        Args:
            texts: Strings without nulls, of shape `(rows,)`.
            origin: `Provenance` of the texts.
        """
        sizes = np.asarray(pc.binary_length(texts))
        ids = encode_texts(self._tokenizer, texts.to_pylist())
        ids = _emptied(ids, sizes == 0)
        return ids, list(self._cut(sizes, origin))

    def _cut(self, sizes, origin) -> Iterator[Problem]:
        if self._max_bytes is None:
            return
        rows = np.flatnonzero(sizes > self._max_bytes)
        if rows.size:
            yield Problem.of_rows(
                self._name,
                f"longer than {self._max_bytes:,} bytes",
                "warning",
                rows,
                lambda row: (
                    f"{origin.locate(row)}: {self._name} has "
                    f"{sizes[row]:,} bytes"
                ),
                f"Only the first {self._max_bytes:,} bytes are tokenized.",
            )


def _emptied(ids, empty):
    """Removes the ids of empty texts, because an empty category has one."""
    if not (ids.lengths[empty]).any():
        return ids
    kept = np.repeat(~empty, ids.lengths)
    return Sequences.from_lengths(ids.values[kept], ids.lengths * ~empty)
