"""Some consecutive rows of one input."""

import abc
import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from o2v_keras.data.ragged_input import row_lengths
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.json_lines import parse_lines
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault
from o2v_keras.data.read.record import missing
from o2v_keras.data.read.record import parse_record
from o2v_keras.data.sequences import Sequences
from o2v_keras.storage.output_vectors import is_name
from serving.row_batches import Column as SideColumn

# Field of what names the rows, beside `in0` and `in1`.
NAMES = "names"
_BLANK = Fault("record", "malformed JSON", "the line is blank")


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """The parsed rows of a window.

    Args:
        columns: Side -> its ids or texts, of all rows.
        reasons: Row -> why it cannot be answered.
        names: What names each row, a text or an integer; anything else in
            rows that have a reason. Defaults to `None`: nothing does.
    """

    columns: dict[str, SideColumn]
    reasons: dict[int, str]
    names: list[Any] | None = None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Window(abc.ABC):
    """Rows that are sorted, answered and stored together.

    Args:
        input: The input's number, from 0.
        number: The window's number in its input, from 0.
        file: The input's path.
        bytes_read: Bytes of the input read up to the window's end; 0 if that
            is not known.
        fields: Side -> its `Column` of ids or texts; and under `NAMES`, if
            there is one, the column that names the rows.
    """

    input: int
    number: int
    file: str
    bytes_read: int
    fields: Mapping[str, Column]

    @property
    def key(self) -> tuple[int, int]:
        """Identifies the window in its job."""
        return self.input, self.number

    @property
    def id_column(self) -> str | None:
        """Name of the column that names the rows, if there is one."""
        return self.fields[NAMES].name if NAMES in self.fields else None

    @property
    @abc.abstractmethod
    def numbers(self) -> np.ndarray:
        """Line of each row, from 1; int64 `(rows,)`."""

    @abc.abstractmethod
    def record(self, row: int) -> str:
        """Returns the text of a row."""

    @abc.abstractmethod
    def _block(self) -> Block:
        """Returns what the reader made of the rows, by their `numbers`."""

    def __len__(self) -> int:
        return len(self.numbers)

    def parse(self) -> Records:
        """Returns the ids and texts of all rows, and their names."""
        block, columns, reasons = self._block(), {}, {}
        table = block.table
        rejected = {row.number: row for row in block.rejected}
        if len(table) < len(self):
            sound = np.isin(self.numbers, block.numbers)
            places = np.searchsorted(block.numbers, self.numbers)
            table = table.take(pa.array(places, mask=~sound))
            for row in np.flatnonzero(~sound).tolist():
                found = rejected.get(int(self.numbers[row]))
                reasons[row] = _reason(found.faults if found else [_BLANK])
        for side, column in self.fields.items():
            if side != NAMES:
                columns[side], found = _side(table[side], side, column)
                reasons = found | reasons
        if NAMES not in self.fields:
            return Records(columns, reasons)
        names = self._names(table[NAMES].to_pylist(), rejected)
        for row, name in enumerate(names):
            if not is_name(name):
                reasons.setdefault(
                    row,
                    f'"{self.id_column}" names the row and must be a text or '
                    f"an integer: {json.dumps(name):.60}",
                )
        return Records(columns, reasons, names)

    def bad_row(self, row: int, reason: str) -> str:
        """Returns file, line, reason and record of a row, as JSON."""
        return json.dumps(
            {
                "file": self.file,
                "line": int(self.numbers[row]),
                "reason": reason,
                "record": self.record(row),
            }
        )

    def _names(self, texts, rejected):
        """Reads names from JSON; a record without sides may have one."""
        names = {NAMES: self.fields[NAMES]}
        for row, number in enumerate(self.numbers.tolist()):
            if number in rejected:
                found, _ = parse_record(rejected[number].record, names)
                texts[row] = found.get(NAMES)
        return json.loads(f"[{','.join(text or 'null' for text in texts)}]")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LinesWindow(Window):
    """Lines of JSON Lines, parsed where they are answered.

    Every line is a row, so that line i of an answer belongs to line i of the
    file; a blank one is a bad row. Pickled, as between workers of Beam, the
    text is compressed.

    Args:
        text: The lines, line breaks between them.
        first_line: Number of the first.
    """

    text: bytes
    first_line: int

    @functools.cached_property
    def numbers(self):
        return self.first_line + np.arange(self.text.count(b"\n") + 1)

    def __getstate__(self):
        # A worker reads faster than an engine takes windows, and the windows
        # that wait fill its memory.
        packed = pa.compress(self.text, "zstd", asbytes=True)
        return vars(self) | {"text": (len(self.text), packed)}

    def __setstate__(self, state):
        size, packed = state["text"]
        text = pa.decompress(packed, size, "zstd", asbytes=True)
        vars(self).update(state, text=text)

    def record(self, row):
        return self._lines[row].decode("utf-8", "replace").strip()

    def of_texts(self, sides: frozenset[str]) -> "LinesWindow":
        """Returns the same lines, some sides of which are texts."""
        fields = {
            field: column._replace(kind="text") if field in sides else column
            for field, column in self.fields.items()
        }
        return dataclasses.replace(self, fields=fields)

    def _block(self):
        return parse_lines(self.text, self.first_line, self.fields)

    @functools.cached_property
    def _lines(self):
        return self.text.split(b"\n")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class BlockWindow(Window):
    """Rows as the reader yields them.

    Args:
        block: The rows, numbered from 1.
    """

    block: Block

    @functools.cached_property
    def numbers(self):
        rejected = [row.number for row in self.block.rejected]
        numbers = np.append(self.block.numbers, rejected)
        return np.sort(numbers.astype(np.int64))

    def record(self, row):
        number = self.numbers[row]
        for rejected in self.block.rejected:
            if rejected.number == number:
                return rejected.record
        return self.block.record(np.searchsorted(self.block.numbers, number))

    def _block(self):
        return self.block


def _reason(faults):
    return "; ".join(f"{fault.kind}: {fault.what}" for fault in faults)


def _side(values, side, column):
    """Returns the ids or texts of a side, and why rows have none."""
    values = values.combine_chunks()
    absent = _reason([missing(side, column)])
    reasons = dict.fromkeys(np.flatnonzero(values.is_null()).tolist(), absent)
    if column.kind == "text":
        return values.cast(pa.large_binary()), reasons
    ids = Sequences.from_lengths(
        values.flatten().to_numpy(zero_copy_only=False), row_lengths(values)
    )
    for row in np.flatnonzero(ids.lengths == 0).tolist():
        reasons.setdefault(row, f'"{column.name}" is empty')
    negative = np.flatnonzero(ids.values < 0)
    for row, id_ in zip(
        ids.rows_of(negative).tolist(), ids.values[negative], strict=True
    ):
        reason = f'"{column.name}" holds {id_}; ids count from 0'
        reasons.setdefault(row, reason)
    return ids, reasons
