"""Where each row of a table was read."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Formats whose records are not lines of text.
_ROWS = (".parquet", ".tfrecord", ".tfrecord.gz")


class Source(NamedTuple):
    """A file, or memory, that rows come from.

    Args:
        path: str or `None`. The user's path; `None` for memory.
        unit: str. What `number` counts: `"line"` (from 1, as editors do) or
            `"row"` (from 0, as NumPy and pandas do).
    """

    path: str | None
    unit: str

    def locate(self, number: int) -> str:
        """Names one line or row, such as `train.jsonl:17`."""
        if self.unit == "line":
            return f"{self.path}:{number}"
        return (
            f"row {number}"
            if self.path is None
            else (f"{self.path}: row {number}")
        )


def file_source(path: str) -> Source:
    """Returns the source of a file, which counts lines or rows.

    Example:
    >>> file_source("a.csv").locate(3), file_source("a.parquet").locate(3)
    ('a.csv:3', 'a.parquet: row 3')
    """
    return Source(path, "row" if path.endswith(_ROWS) else "line")


@dataclasses.dataclass(frozen=True, eq=False)
class Provenance:
    """Source and line number of every row.

    Args:
        sources: tuple of `Source`.
        source_ids: int32 array of shape `(rows,)`. Index into `sources`.
        numbers: int64 array of shape `(rows,)`. Line or row in the source.

    Example:
    >>> Provenance.of(Source("train.jsonl", "line"), np.array([1, 3])).locate(1)
    'train.jsonl:3'
    """

    sources: tuple[Source, ...]
    source_ids: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, source: Source, numbers: np.ndarray) -> "Provenance":
        """Provenance of rows of one source."""
        # A broadcast zero takes no memory, however many rows there are.
        source_ids = np.broadcast_to(np.int32(0), numbers.shape)
        return cls((source,), source_ids, np.asarray(numbers, np.int64))

    @classmethod
    def in_memory(cls, rows: int) -> "Provenance":
        """Provenance of rows in memory."""
        return cls.of(Source(None, "row"), np.arange(rows))

    @classmethod
    def concat(cls, parts: Sequence["Provenance"]) -> "Provenance":
        """Joins provenances; a source of several parts is listed once."""
        sources = tuple(
            dict.fromkeys(source for part in parts for source in part.sources)
        )
        numbers = np.concatenate([part.numbers for part in parts])
        if len(sources) == 1:
            return cls.of(sources[0], numbers)
        source_ids = [
            np.array([sources.index(s) for s in part.sources], np.int32)[
                part.source_ids
            ]
            for part in parts
        ]
        return cls(sources, np.concatenate(source_ids), numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def source(self, row: int) -> Source:
        """The source of a row."""
        return self.sources[self.source_ids[row]]

    def locate(self, row: int) -> str:
        """Names the place a row came from, such as `train.jsonl:17`."""
        return self.source(row).locate(self.numbers[row])

    def take(self, rows: np.ndarray | slice) -> "Provenance":
        """Returns the provenance of some rows (numbers or a bool mask)."""
        return Provenance(
            self.sources, self.source_ids[rows], self.numbers[rows]
        )

    def compact(self) -> "Provenance":
        """Removes sources without rows."""
        used, source_ids = np.unique(self.source_ids, return_inverse=True)
        sources = tuple(self.sources[id_] for id_ in used)
        return Provenance(sources, source_ids.astype(np.int32), self.numbers)
