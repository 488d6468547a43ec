"""Texts in batches of bounded size."""

from collections.abc import Iterable
from collections.abc import Iterator

BATCH_ROWS = 8192
BATCH_BYTES = 8 << 20


def text_batches(texts: Iterable[str]) -> Iterator[list[bytes]]:
    r"""Encodes texts as UTF-8 and parts them into batches.

    A batch ends with the text that brings it to `BATCH_ROWS` texts or
    `BATCH_BYTES` bytes. Lone surrogates, which no UTF-8 has, become bytes
    that are no UTF-8; tokenizers take those for U+FFFD.

    Args:
        texts: Texts.

    Example:
    >>> list(text_batches(["a", "\u00e9", "\ud800"]))
    [[b'a', b'\xc3\xa9', b'\xed\xa0\x80']]
    """
    batch, size = [], 0
    for text in texts:
        batch.append(text.encode("utf-8", "surrogatepass"))
        size += len(batch[-1])
        if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
