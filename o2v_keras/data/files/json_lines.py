"""JSON Lines files as pairs, parsed by arrow."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.json

from o2v_keras.data.checking.record_faults import WEIGHT
from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.checking.record_faults import record_faults
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.files.arrow_pairs import complete_rows
from o2v_keras.data.files.arrow_pairs import to_pair_table
from o2v_keras.data.files.json_defaults import names_field
from o2v_keras.data.files.json_defaults import with_defaults
from o2v_keras.data.files.map_in_threads import map_in_threads
from o2v_keras.data.files.plain_lines import parse_plain_lines
from o2v_keras.data.files.read_failure import read_failure
from o2v_keras.data.files.text_lines import TextLines
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.pair_table import to_weights
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source

_CHUNK_BYTES = 512 << 10
_BLOCK_BYTES = 1 << 20
_GROUP_LINES = 64
_COLUMN_TYPES = {
    "in0": pa.list_(pa.int64()),
    "in1": pa.list_(pa.int64()),
    "label": pa.float64(),
    "weight": pa.float64(),
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NOT_ONE_OBJECT = (
    "the line must hold one JSON object and no carriage return inside it"
)
_NO_ROWS = np.zeros(0, np.int64)
_NULL = (Fault("record", "malformed JSON", "a value is null"),)


def read_json_lines(
    path: str,
    sides: Sequence[str],
    label: bool,
    chunk_bytes: int = _CHUNK_BYTES,
) -> Iterator[tuple[PairTable, RejectedRows]]:
    """Reads a file of one JSON object a line, plain, `.gz` or `.zst`.

    Chunks of one plain layout are parsed as arrays, all others by arrow in
    C++, several at a time. Only lines that arrow refuses, and at most 63
    neighbours of each, are looked at in Python, to say what is wrong.

    Args:
        path: str. The file.
        sides: Names of the sides to read, of `"in0"` and `"in1"`.
        label: bool. Whether to read labels, and weights where there are some.
        chunk_bytes: int. Text parsed at a time; a longer line is still read
            whole. Defaults to 512 KiB, which the processor's cache holds
            with all that is made of it.

    Yields:
        Pairs and rejected rows, chunk by chunk.

    Raises:
        DataError: If the file cannot be read or decompressed.
    """

    def parse(text, number):
        chunk = _Chunk(Source(path, "line"), sides, label)
        return chunk.parse(TextLines.scan(text, number))

    chunks = numbered(_read_chunks(path, chunk_bytes))
    return map_in_threads(parse, chunks)


def _read_chunks(path, chunk_bytes):
    """Yields whole lines, many at a time."""
    try:
        with open_stream(path) as stream:
            yield from whole_lines(stream, chunk_bytes)
    except OSError as error:
        raise read_failure(path, error) from error


def whole_lines(stream: BinaryIO, chunk_bytes: int) -> Iterator[bytes]:
    """Yields the lines of a text, many at a time, no byte order mark.

    Args:
        stream: The text, decompressed.
        chunk_bytes: int. Bytes read at a time; a longer line is still read
            whole.
    """
    rest = stream.read(len(_BYTE_ORDER_MARK))
    rest = b"" if rest == _BYTE_ORDER_MARK else rest
    begun = [rest]  # joined once, however many blocks a line is long
    while block := stream.read(chunk_bytes):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, block[:end]])
            begun = []
        begun.append(block[end:])
    if rest := b"".join(begun):
        yield rest


def numbered(texts: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    r"""Yields texts of whole lines, each with the number of its first line.

    Example:
    >>> list(numbered([b"a\nb\n", b"c"]))
    [(b'a\nb\n', 1), (b'c', 3)]
    """
    number = 1
    for text in texts:
        yield text, number
        number += text.count(b"\n")


@dataclasses.dataclass
class _Chunk:
    """Sorts the lines of one chunk into pairs and rejected rows."""

    source: Source
    sides: Sequence[str]
    label: bool
    tables: list[PairTable] = dataclasses.field(default_factory=list)
    rejected: list[RejectedRow] = dataclasses.field(default_factory=list)
    weight: bool = False

    def parse(self, lines):
        """Returns the pairs and rejected rows of all lines."""
        columns = parse_plain_lines(lines, self.sides, self.label)
        if columns is None:
            self.weight = self.label and names_field(lines.text, WEIGHT.name)
            self._parse(lines)
            return self._result()
        origin = RowOrigin.of(self.source, lines.numbers)
        names = ("in0", "in1", "label")
        weights = columns.get("weight")
        if weights is not None:
            weights = to_weights(weights)
        pairs = PairTable(*map(columns.get, names), origin, weights)
        return pairs, RejectedRows.of(self.source, [])

    def _result(self):
        tables = self.tables or [
            self._pairs(self._schema.empty_table(), _NO_ROWS)
        ]
        rejected = RejectedRows.of(self.source, self.rejected)
        return PairTable.concat(tables), rejected

    def _parse(self, lines):
        """Parses lines; if arrow refuses them, ever smaller groups of them."""
        if not len(lines):
            return
        try:
            table = _parse_with_arrow(lines, self._schema)
        except pa.ArrowInvalid as error:
            if len(lines) > _GROUP_LINES:
                # Few large parts: arrow reads a text to its end before it
                # finds a wrong type, so halving would read it a dozen times.
                size = max(_GROUP_LINES, -(-len(lines) // _GROUP_LINES))
                for start in range(0, len(lines), size):
                    self._parse(lines[start : start + size])
            else:
                self._examine(lines, str(error).removesuffix(" in row 0"))
        else:
            self._accept(lines, table)

    @property
    def _schema(self):
        names = [*self.sides, *(["label"] if self.label else [])]
        names += ["weight"] if self.weight else []
        return pa.schema([(name, _COLUMN_TYPES[name]) for name in names])

    def _accept(self, lines, table):
        if self.weight:
            place = table.column_names.index("weight")
            weights = with_defaults(table["weight"], WEIGHT, lines)
            table = table.set_column(place, "weight", weights)
        complete = complete_rows(table)
        if not complete.all():
            for row in np.flatnonzero(~complete):
                self._reject(lines, row, self._faults(lines, row) or _NULL)
            lines, table = lines[complete], table.filter(complete)
        self.tables.append(self._pairs(table, lines.numbers))

    def _examine(self, lines, message):
        """Says in Python what is wrong with a few lines arrow refused."""
        faults = [self._faults(lines, row) for row in range(len(lines))]
        for row in filter(faults.__getitem__, range(len(lines))):
            self._reject(lines, row, faults[row])
        sound = [row for row, found in enumerate(faults) if not found]
        if len(sound) < len(lines):
            self._parse(lines[sound].compact())
        elif len(lines) > 1:
            for row in sound:
                self._parse(lines[row : row + 1])
        else:
            fault = Fault("record", "malformed JSON", message)
            self._reject(lines, 0, (fault,))

    def _faults(self, lines, row):
        return record_faults(lines.record(row), self.sides, self.label)

    def _reject(self, lines, row, faults):
        number, record = int(lines.numbers[row]), lines.record(row)
        self.rejected.append(RejectedRow(number, record, faults))

    def _pairs(self, table, numbers):
        return to_pair_table(table, RowOrigin.of(self.source, numbers))


def _parse_with_arrow(lines, schema):
    # Arrow would read two objects on one line, or one that spans two lines,
    # and crashes on a text that begins with `null` (pyarrow 26). When every
    # line is braced, each line break lies between two objects; equal counts
    # then mean one object a line.
    if not lines.braced.all():
        raise pa.ArrowInvalid(_NOT_ONE_OBJECT)
    longest = int((lines.ends - lines.starts).max())
    table = pyarrow.json.read_json(
        pa.BufferReader(lines.span),
        pyarrow.json.ReadOptions(
            use_threads=False,
            block_size=max(_BLOCK_BYTES, longest + 2),
        ),
        pyarrow.json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="ignore"
        ),
    )
    if table.num_rows != len(lines):
        raise pa.ArrowInvalid(_NOT_ONE_OBJECT)
    return table
