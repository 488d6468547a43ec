"""Windows of a JSON Lines file."""

import dataclasses
import itertools
import json
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.json

from serving.batch_inference.record import BadRecord
from serving.batch_inference.record import parse_record
from serving.batch_inference.window import Records
from serving.batch_inference.window import Window
from serving.batch_inference.window import side_column

_BLOCK_BYTES = 4 << 20
_BLANKS = b" \t\r"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CODECS = {".gz": "gzip", ".zst": "zstd"}


def read_json_lines(
    path: str,
    number: int,
    columns: Mapping[str, str],
    rows: int,
    id_column: str | None = None,
    open_file: Callable[[str], pa.NativeFile] = pa.OSFile,
) -> Iterator["JsonLinesWindow"]:
    """Yields the windows of a file, plain, `.gz` or `.zst`.

    Every line is a row, so that line i of an answer belongs to line i of the
    file; a blank one is a bad row.

    Args:
        path: The file.
        number: The input's number.
        columns: Side to read -> its field.
        rows: Lines of a window.
        id_column: The field that names the rows. Defaults to `None`.
        open_file: Opens the file, compressed as it is. Defaults to
            `pa.OSFile`, for this machine's files.

    Raises:
        OSError: If the file cannot be read or decompressed.
    """
    with open_file(path) as file:
        codec = _CODECS.get(os.path.splitext(path)[1])
        stream = pa.CompressedInputStream(file, codec) if codec else file
        lines = _lines(stream)
        for window in itertools.count():
            found = list(itertools.islice(lines, rows))
            if not found:
                return
            yield JsonLinesWindow(
                input=number,
                number=window,
                file=path,
                first_line=window * rows + 1,
                bytes_read=file.tell(),
                columns=columns,
                id_column=id_column,
                lines=found,
            )


def _lines(stream):
    rest = stream.read(len(_BYTE_ORDER_MARK))
    rest = b"" if rest == _BYTE_ORDER_MARK else rest
    while block := stream.read(_BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    if rest:
        # A file shorter than a byte order mark has not been split yet.
        yield from rest.removesuffix(b"\n").split(b"\n")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class JsonLinesWindow(Window):
    """Lines, parsed by arrow if all are sound.

    Args:
        lines: The lines, without their ends.
    """

    lines: list[bytes]

    def __len__(self):
        return len(self.lines)

    def _parse(self, text_sides):
        try:
            table = self._parse_with_arrow(text_sides)
        except pa.ArrowInvalid:
            return self._parse_one_by_one(text_sides)
        columns = {}
        for side, name in self.columns.items():
            columns[side], broken = side_column(table[name], side in text_sides)
            if broken.any():
                return self._parse_one_by_one(text_sides)
        return Records(columns, {})

    def record(self, row):
        return self.lines[row].decode("utf-8", "replace").strip()

    def _names(self):
        return [_field(line, self.id_column) for line in self.lines]

    def _parse_with_arrow(self, text_sides):
        # Arrow would read two objects on one line, or one that spans two
        # lines. When every line is braced, each line break lies between two
        # objects; equal counts then mean one object a line.
        lines = [line.strip(_BLANKS) for line in self.lines]
        text = b"\n".join(lines)
        braced = all(
            line.startswith(b"{") and line.endswith(b"}") for line in lines
        )
        if not braced or b"\r" in text:
            raise pa.ArrowInvalid("a line is not one object")
        types = {
            name: pa.string() if side in text_sides else pa.list_(pa.int64())
            for side, name in self.columns.items()
        }
        schema = pa.schema(list(types.items()))
        table = pyarrow.json.read_json(
            pa.BufferReader(text),
            # The cores are busy with the model.
            pyarrow.json.ReadOptions(
                use_threads=False, block_size=len(text) + 1
            ),
            pyarrow.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="ignore"
            ),
        )
        if table.num_rows != len(lines):
            raise pa.ArrowInvalid("a line is not one object")
        # Arrow lets bytes pass that are no UTF-8.
        table.validate(full=True)
        return table

    def _parse_one_by_one(self, text_sides):
        rows, reasons = [], {}
        for row, line in enumerate(self.lines):
            try:
                rows.append(parse_record(line, self.columns, text_sides))
            except BadRecord as error:
                rows.append(dict.fromkeys(self.columns))
                reasons[row] = str(error)
        columns = {}
        for side in self.columns:
            is_text = side in text_sides
            type_ = pa.large_string() if is_text else pa.large_list(pa.int64())
            column = pa.array([row[side] for row in rows], type_)
            columns[side], _ = side_column(pa.chunked_array([column]), is_text)
        return Records(columns, reasons)


def _field(line, name):
    try:
        content = json.loads(line.decode("utf-8", "replace"))
    except (RecursionError, ValueError):
        return None
    return content.get(name) if isinstance(content, dict) else None
