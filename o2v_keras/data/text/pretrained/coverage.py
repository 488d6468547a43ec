"""How many words of a vocabulary have a pretrained vector."""

import dataclasses
import pathlib
from collections.abc import Sequence

_SHOWN_WORDS = 5


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Says which words of a side have a vector in a file.

    Args:
        side: `"enc0"` or `"enc1"`.
        path: The file.
        total: Words of the vocabulary, or ids.
        missing: Those without a vector, in the order of their ids.
        checksum: Of all numbers written to the table, drawn ones too.
        noun: What is counted. Defaults to `"words"`.

    Example:
    >>> print(Coverage("enc0", "data/glove.txt", 8, ["zebra", "gnu"]))
    enc0: 6 of 8 words (75.0 %) have a vector in glove.txt; missing: zebra, gnu
    """

    side: str
    path: str
    total: int
    missing: Sequence[str] = ()
    checksum: int = 0
    noun: str = "words"

    @property
    def found(self) -> int:
        """Words that have a vector."""
        return self.total - len(self.missing)

    def __str__(self):
        name = pathlib.PurePath(self.path).name
        text = (
            f"{self.side}: {self.found:,} of {self.total:,} {self.noun} "
            f"({100 * self.found / self.total:.1f} %) have a vector in {name}"
        )
        if self.missing:
            more = len(self.missing) > _SHOWN_WORDS
            text += "; e.g. missing: " if more else "; missing: "
            text += ", ".join(self.missing[:_SHOWN_WORDS])
        return text
