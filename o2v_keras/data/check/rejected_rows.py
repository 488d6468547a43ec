"""Rows that cannot be used, each with its reasons."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from o2v_keras.data.provenance import Provenance
from o2v_keras.data.provenance import Source
from o2v_keras.data.read.record import Fault
from o2v_keras.storage.replace import replaced_file


class RejectedRow(NamedTuple):
    """One record of a source: its line or row number, its text, its faults."""

    number: int
    record: str
    faults: tuple[Fault, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class RejectedRows:
    """Records left out of a table, with their places and reasons.

    Args:
        origin: `Provenance` of the records.
        records: tuple of str. The text of each record.
        faults: tuple with a tuple of `Fault` for each record, never empty.

    Example:
    >>> fault = Fault("in0", "missing", 'no "in0"')
    >>> origin = Provenance.of(Source("a.jsonl", "line"), np.array([3]))
    >>> rejected = RejectedRows(origin, ('{"in1": [4]}',), ((fault,),))
    >>> len(rejected), rejected.origin.locate(0)
    (1, 'a.jsonl:3')
    """

    origin: Provenance
    records: tuple[str, ...]
    faults: tuple[tuple[Fault, ...], ...]

    @classmethod
    def of(cls, source: Source, rows: Sequence[RejectedRow]) -> "RejectedRows":
        """Collects the rejected rows of one source, sorted by number."""
        rows = sorted(rows, key=lambda row: row.number)
        numbers = np.array([row.number for row in rows], np.int64)
        return cls(
            Provenance.of(source, numbers),
            tuple(row.record for row in rows),
            tuple(row.faults for row in rows),
        )

    @classmethod
    def none(cls) -> "RejectedRows":
        """No rejected rows."""
        return cls(Provenance.in_memory(0), (), ())

    @classmethod
    def concat(cls, parts: Sequence["RejectedRows"]) -> "RejectedRows":
        """Joins rejected rows, in order."""
        return cls(
            Provenance.concat([part.origin for part in parts]),
            tuple(record for part in parts for record in part.records),
            tuple(faults for part in parts for faults in part.faults),
        )

    def __len__(self) -> int:
        return len(self.records)

    def take(self, rows: np.ndarray) -> "RejectedRows":
        """Returns the given rows (numbers or a bool mask), in that order."""
        places = np.arange(len(self))[rows]
        return RejectedRows(
            self.origin.take(places),
            tuple(self.records[place] for place in places),
            tuple(self.faults[place] for place in places),
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows as JSON Lines, sorted by file and line.

        A line holds `file`, `line` (for Parquet and arrays `row`, counted
        from 0), `reasons` (list of str) and `record` (the original text).
        Creates missing folders and overwrites an existing file.

        Args:
            path: The file to write.
        """
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replaced_file(path) as new,
            new.open("w", encoding="utf-8") as file,
        ):
            file.writelines(self.json_lines())

    def json_lines(self) -> Iterator[str]:
        """Yields the lines that `write` writes."""
        order = np.lexsort((self.origin.numbers, self._file_ranks()))
        for row in order:
            source = self.origin.source(row)
            entry = {
                "file": source.path,
                source.unit: int(self.origin.numbers[row]),
                "reasons": [str(fault) for fault in self.faults[row]],
                "record": self.records[row],
            }
            yield json.dumps(entry, ensure_ascii=False) + "\n"

    def _file_ranks(self):
        paths = [source.path or "" for source in self.origin.sources]
        return np.argsort(np.argsort(paths))[self.origin.source_ids]
