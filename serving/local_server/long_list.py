"""Long lists of a request's JSON, which would take much memory as objects."""

import itertools
import json
from collections.abc import Callable
from collections.abc import Iterator


def _first_of_each(members):
    found = dict(members)
    return found if len(found) == len(members) else dict(reversed(members))


# Of several members with one name the first counts.
DECODER = json.JSONDecoder(object_pairs_hook=_first_of_each)


class LongList:
    """A JSON list of which most is kept as text, to be read in chunks.

    Values of one digit take 10 times their text as Python's objects, lists of
    one number 26 times.

    Args:
        check: Called before a chunk is read; may raise.

    Example:
    >>> values = LongList(lambda: None)
    >>> values.append([1])
    >>> values.append_text("2, [3], ")
    >>> list(values), len(values)
    ([[1], 2, [3]], 3)
    """

    __slots__ = ("_check", "_length", "_pieces")

    def __init__(self, check: Callable[[], None]):
        self._check = check
        self._pieces: list[list | str] = []
        self._length: int | None = None

    def append(self, value):
        """Adds one value."""
        self.extend([value])

    def extend(self, values: list):
        """Adds values."""
        if self._pieces and isinstance(self._pieces[-1], list):
            self._pieces[-1].extend(values)
        else:
            self._pieces.append(values)

    def append_text(self, text: str):
        """Adds values as text, each with a comma behind it."""
        self._pieces.append(text)

    def shortened(self) -> "list | LongList":
        """Returns a plain list if none of it is text."""
        if not self._pieces:
            return []
        is_plain = len(self._pieces) == 1 and isinstance(self._pieces[0], list)
        return self._pieces[0] if is_plain else self

    def chunks(self) -> Iterator[list]:
        """Yields the values as lists of at least one."""
        for piece in self._pieces:
            self._check()
            yield piece if isinstance(piece, list) else read_values(piece)

    def __iter__(self):
        return itertools.chain.from_iterable(self.chunks())

    def __bool__(self):
        return bool(self._pieces)

    def __len__(self):
        if self._length is None:
            self._length = sum(map(len, self.chunks()))
        return self._length

    def __getitem__(self, index):
        return next(itertools.islice(self, index, None))


def is_list(value) -> bool:
    """Says whether a value is a JSON list.

    Example:
    >>> is_list([]), is_list(LongList(lambda: None)), is_list({})
    (True, True, False)
    """
    return isinstance(value, (list, LongList))


def chunks(values: list | LongList) -> Iterator[list]:
    """Yields a list whole, a long one in chunks.

    Example:
    >>> list(chunks([1, 2]))
    [[1, 2]]
    """
    return values.chunks() if isinstance(values, LongList) else iter([values])


def read_values(text: str) -> list:
    """Reads values that have a comma behind each.

    Example:
    >>> read_values("1, [2], ")
    [1, [2]]
    """
    return DECODER.decode(f"[{text.rstrip()[:-1]}]")
