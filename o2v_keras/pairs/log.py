"""Reads logs, baskets and tables of texts: names, lists of them, numbers."""

import csv
import functools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.check.bad_rows import refuse_too_many_skipped
from o2v_keras.data.check.bad_rows import skipped_share
from o2v_keras.data.check.rejected_rows import RejectedRow
from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.check.report import CheckReport
from o2v_keras.data.check.report import Problem
from o2v_keras.data.check.report import join_problems
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import read_failure
from o2v_keras.data.provenance import Source
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.block import Block
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.files import check_file
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.in_memory import blocks_in_memory
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.lines import numbered
from o2v_keras.data.read.lines import whole_lines
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import Column
from o2v_keras.data.read.record import Fault
from o2v_keras.data.read.separated import Separation
from o2v_keras.progress import Progress

# Stands between the names of a bag; the tokenizer `categories` splits there.
BAR = "|"
_BREAKS = r"[\r\n\v\f\x{1c}-\x{1e}\x{85}\x{2028}\x{2029}]+"
_CHUNK_BYTES = 1 << 20
_KINDS = {
    "name": "json",
    "names": "json",
    "features": "json",
    "time": "json",
    "raw": "json",
    "weight": "number",
}
_SEPARATORS = {"tab": "\t", "blank": " ", "space": " ", "comma": ","}
_ADVICE = {
    "missing": (
        "Each row needs a value here; `skip_bad_rows` leaves rows without one "
        "out."
    ),
    "no number": "Write a number in each row, such as 4 or 3.5.",
    "no time": (
        "Write a number, such as seconds, or a date and time such as "
        "2026-11-29 or 2026-11-29 19:10:00, alike in all rows."
    ),
    "not finite": "Write a finite number.",
    "negative weight": "Write weights of at least 0.",
    "no name": "Write one text or one whole number.",
    "no UTF-8": (
        "Write the file as UTF-8, for instance by "
        "`iconv -f latin1 -t utf-8 OLD > NEW`."
    ),
    "wrong number of fields": (
        "Every row needs as many fields as the first one. In CSV a text with "
        "commas, quotes or line breaks stands in quotes, and a quote in it is "
        "written twice."
    ),
}


class Layout(NamedTuple):
    """How a log is written.

    Args:
        separator: What stands between the fields of text files, in place of
            what their ending says. Defaults to `None`.
        header: Whether a first line names the columns. Defaults to `True`;
            otherwise columns are called `"1"`, `"2"` and so on.
        item_separator: What stands between several names in one field.
            Defaults to `None`: a field is one name, or in JSON a list.
    """

    separator: str | None = None
    header: bool = True
    item_separator: str | None = None

    @property
    def separation(self) -> Separation | None:
        """How the columns are written, `None` where the ending says it."""
        if self.separator is None:
            return None
        return Separation(spelled(self.separator), self.header)


def spelled(separator: str) -> str:
    r"""Returns a separator that may be called by a word, such as `"tab"`.

    Example:
    >>> spelled("tab"), spelled("::"), spelled("\\t")
    ('\t', '::', '\t')
    """
    if not separator:
        raise ValueError(
            "`separator` must be at least one character. "
            f"Received: separator={separator!r}"
        )
    return _SEPARATORS.get(separator, separator.replace("\\t", "\t"))


class LogReader:
    """Reads columns of logs, row by row in blocks, and counts bad rows.

    Args:
        columns: Field -> (name of the column, kind). The kind is `"name"` (a
            text or whole number), `"names"` (one or a list of them), `"text"`,
            `"features"` (names, or none), `"number"`, `"weight"` (at least
            0), `"time"` or `"raw"` (anything, as JSON).
        layout: `Layout` of the files.
        skip_bad_rows: Whether bad rows are left out, or the largest share of
            them. Defaults to `False`: `finish` raises.
        verbose: 0 or 1. Whether to show progress. Defaults to `None`: see
            `Progress`.

    Attributes:
        rows: int. Rows read so far.
        bars: int. Names in which `|` became `/`.
        dates: bool. Whether times are dates, not numbers; `None` if none was
            read.
        dropped: Counter of sound rows of which nothing could be made.
    """

    def __init__(
        self,
        columns: Mapping[str, tuple[str, str]],
        layout: Layout = Layout(),  # noqa: B008
        skip_bad_rows: bool | float = False,
        verbose: int | None = None,
    ):
        self._kinds = {field: kind for field, (_, kind) in columns.items()}
        self._columns = {
            field: Column(name, _KINDS.get(kind, kind))
            for field, (name, kind) in columns.items()
        }
        self._layout = layout
        self._max_skipped = skipped_share(skip_bad_rows)
        self._verbose = verbose
        self._rejected: list[RejectedRows] = []
        self.dates: bool | None = None
        self.dropped = Counter()
        self.rows = self.bars = 0

    def read(self, source: Any) -> Iterator[pa.Table]:
        """Yields the sound rows of a source, a column a field.

        Args:
            source: Path, glob or folder, a list of them, or data in memory
                (see `read_in_memory`).

        Yields:
            `pa.Table`: strings, lists of strings, or float64; without nulls.

        Raises:
            DataError: If a file cannot be read or a column is missing.
        """
        if is_in_memory(source):
            memory = Source(None, "row")
            for block in blocks_in_memory(source, self._columns):
                yield self._checked(block, memory)
            return
        if not isinstance(source, str | os.PathLike | Sequence):
            raise ValueError(
                "`source` must be a path or glob, a list of them, a mapping "
                "of columns, or a data frame or table. "
                f"Received: {type(source).__name__}"
            )
        separation = self._layout.separation
        for file in expand_paths(source):
            if separation is None:
                _check_ending(file, self._columns)
            blocks = read_blocks(file, self._columns, separation=separation)
            with Progress(f"reading {file}", verbose=self._verbose) as progress:
                try:
                    for block in blocks:
                        yield self._checked(block, file_source(file))
                        progress.add(len(block.numbers))
                except DataError as error:
                    raise _with_hint(error, separation) from error

    def read_lines(self, source: Any, first: str | None, field: str):
        """Yields the lines of files as lists of names.

        Args:
            source: Path, glob or folder, or a list of them.
            first: Field that the first name of a line is, or `None`.
            field: Field of the list of other names.

        Yields:
            `pa.Table` with `field`, and `first` if given.

        Raises:
            DataError: If a file cannot be read.
        """
        separator = spelled(self._layout.item_separator or ",")
        for file in expand_paths(source):
            with Progress(f"reading {file}", verbose=self._verbose) as progress:
                try:
                    with open_stream(file) as stream:
                        chunks = whole_lines(stream, _CHUNK_BYTES)
                        for text, number in numbered(chunks):
                            block = _line_block(text, number, separator)
                            table = self._checked_lines(block, file, first)
                            yield table.rename_columns(
                                [*filter(None, [first]), field]
                            )
                            progress.add(len(table))
                except (OSError, pa.ArrowInvalid) as error:
                    raise read_failure(file, error) from error
        if not self.rows:
            raise DataError(f"{file}: holds no line.")

    def finish(self) -> RejectedRows:
        """Returns the bad rows that were left out.

        Raises:
            DataError: If there are bad rows and they are not to be left out,
                or are too many; the message counts them by kind.
        """
        if not self._rejected:
            return RejectedRows.none()
        rejected = RejectedRows.concat(self._rejected)
        report = str(
            CheckReport(
                tuple(_problems(rejected)), self.rows, len(rejected), ""
            )
        )
        if self._max_skipped is None:
            raise DataError(report)
        refuse_too_many_skipped(
            len(rejected), self.rows, self._max_skipped, report
        )
        return rejected

    def _checked(self, block, source):
        faults, columns = {}, {}
        for field, kind in self._kinds.items():
            values = block.table[field].combine_chunks()
            name = self._columns[field].name
            columns[field], found = self._converted(kind, values)
            for row, fault in found.items():
                what = fault[1] or f'no "{name}"'
                fault = Fault(field.rstrip("0123456789"), fault[0], what)
                faults.setdefault(row, []).append(fault)
        return self._sound(pa.table(columns), block, source, faults)

    def _sound(self, table, block, source, faults):
        self.rows += len(block.numbers) + len(block.rejected)
        rejected = [*block.rejected]
        for row, found in faults.items():
            number, record = int(block.numbers[row]), block.record(row)
            rejected.append(RejectedRow(number, record, tuple(found)))
        if rejected:
            self._rejected.append(RejectedRows.of(source, rejected))
        if faults:
            rows = np.delete(np.arange(len(table)), list(faults))
            table = table.take(pa.array(rows))
        return table

    def _converted(self, kind, values):
        """Returns the values of a field, and row -> (kind, what) of faults."""
        if kind == "raw":
            return values, _nulls(values)
        if kind in ("number", "weight"):
            return values, _number_faults(values, kind)
        if kind == "text":
            values = pc.utf8_trim_whitespace(values)
            return values, _nulls(
                pc.if_else(pc.equal(values, ""), None, values)
            )
        if kind == "time":
            return self._times(values)
        names, faults = _decoded(values, self._layout, kind != "name")
        if kind == "features":
            faults = {r: f for r, f in faults.items() if f[0] != "missing"}
        return self._without_bars(names), faults

    def _checked_lines(self, block, file, first):
        # Their first offset is 0.
        lists = block.table["names"].combine_chunks()
        faults, columns = {}, {}
        if first:
            counts = pc.list_value_length(lists)
            rows = np.flatnonzero(np.asarray(counts) < 2)
            faults = {
                int(row): [Fault(first, "no items", "a line")] for row in rows
            }
            starts = pc.if_else(pc.greater(counts, 0), lists.offsets[:-1], 0)
            heads = pa.concat_arrays([lists.flatten(), pa.array([""])])
            columns["first"] = self._without_bars(heads.take(starts))
            lists = pc.list_slice(lists, 1)
        columns["names"] = self._without_bars(lists)
        table = pa.table(columns)
        return self._sound(table, block, file_source(file), faults)

    def _without_bars(self, names):
        """Writes `/` for `|`, which stands between the names of a bag."""
        flat = names.flatten() if pa.types.is_list(names.type) else names
        found = pc.sum(pc.match_substring(flat, BAR)).as_py() or 0
        if not found:
            return names
        self.bars += found
        flat = pc.replace_substring(flat, BAR, "/")
        if pa.types.is_list(names.type):
            return pa.ListArray.from_arrays(_offsets(names), flat)
        return flat

    def _times(self, values):
        """Parses times, which are seconds as numbers or all dates."""
        texts, faults = _decoded(values, self._layout, False)
        seconds, found, dates = _seconds(texts)
        for row in found:
            faults.setdefault(row, ("no time", repr(texts[row].as_py())))
        if dates is not None and len(faults) < len(texts):
            if self.dates not in (None, dates):
                row = next(r for r in range(len(texts)) if r not in faults)
                faults[row] = ("no time", f"{texts[row]} beside other times")
            self.dates = dates if self.dates is None else self.dates
        return seconds, faults


def _check_ending(file, columns):
    try:
        check_file(file, columns)
    except DataError as error:
        if "unknown ending" not in str(error):
            raise
        raise DataError(
            f"{file}: has an ending that says no format. If it is a text, say "
            f"what stands between its columns by `separator`{_guess(file)}; if "
            "its first line is a row and names no columns, say that by "
            "`header` (in Python header=False) and call them 1, 2, ..."
        ) from None


def _guess(file):
    """Proposes a separator by the first line of a file."""
    with open_stream(file) as stream:
        line = next(whole_lines(stream, _CHUNK_BYTES), b"").split(b"\n")[0]
    for word, separator in (
        ("tab", b"\t"),
        ('"::"', b"::"),
        ('"|"', b"|"),
        ('";"', b";"),
        ('","', b","),
    ):
        if separator in line:
            return f" {word}"
    return ', such as tab or ","'


def _with_hint(error, separation):
    if "no column" in str(error) and "first line" in str(error):
        return DataError(
            f"{error}. If that line is a row and names no columns, say so by "
            "`header` (in Python header=False) and call them 1, 2, ..."
        )
    return error


def _problems(rejected):
    """Counts faults by field and kind."""
    problems = []
    for row, faults in enumerate(rejected.faults):
        for fault in faults:
            case = f"{rejected.origin.locate(row)}: {fault.what}"
            problems.append(
                Problem(
                    fault.field,
                    fault.kind,
                    "error",
                    1,
                    (case,),
                    _ADVICE.get(fault.kind, "Mend these rows."),
                )
            )
    return join_problems(problems)


def _nulls(values):
    rows = np.flatnonzero(np.array(values.is_null()))
    return {int(row): ("missing", "") for row in rows}


def _number_faults(values, kind):
    faults = _nulls(values)
    infinite = pc.invert(pc.is_finite(values)).fill_null(False)
    for row in np.flatnonzero(np.array(infinite)).tolist():
        faults[row] = ("not finite", str(values[row]))
    if kind == "weight":
        negative = pc.less(values, 0).fill_null(False)
        for row in np.flatnonzero(np.array(negative)).tolist():
            faults[row] = ("negative weight", str(values[row]))
    return faults


def _line_block(text, number, separator):
    """Splits lines into names."""
    lines = text.split(b"\n")
    numbers, kept, rejected = [], [], []
    for place, line in enumerate(lines):
        line = line.rstrip(b"\r")
        if not line.strip():
            continue
        try:
            kept.append(line.decode())
            numbers.append(number + place)
        except UnicodeDecodeError as error:
            record = line.decode("utf-8", "replace")
            byte = line[error.start]
            what = f"byte 0x{byte:02x} at character {error.start + 1}"
            fault = Fault("record", "no UTF-8", what)
            rejected.append(RejectedRow(number + place, record, (fault,)))
    lists = pc.split_pattern(pa.array(kept, pa.string()), separator)
    if b'"' in text and separator == ",":
        lists = pa.array(
            [next(csv.reader([line])) for line in kept], pa.list_(pa.string())
        )
    table = pa.table({"names": _clean_lists(lists)})
    numbers = np.array(numbers, np.int64)
    return Block(table, numbers, kept.__getitem__, tuple(rejected))


def _decoded(values, layout, many):
    """Makes names of JSON texts.

    Returns:
        Strings, or lists of them if `many`; and row -> fault.
    """
    faults = {}
    texts = values.fill_null("")
    quoted = pc.starts_with(texts, '"')
    plain = not pc.any(pc.match_substring(texts, "\\")).as_py()
    if plain and pc.all(quoted).as_py():
        texts = pc.utf8_trim(texts, '"')
    elif not (
        plain and pc.all(pc.match_substring_regex(texts, r"^-?\d+$")).as_py()
    ):
        texts, faults = _parsed(texts, many)
    if many:
        if not pa.types.is_list(texts.type):
            separator = layout.item_separator
            if separator:
                texts = pc.split_pattern(texts, spelled(separator))
            else:
                offsets = pa.array(np.arange(len(texts) + 1), pa.int32())
                texts = pa.ListArray.from_arrays(offsets, texts)
        texts = _clean_lists(texts)
        empty = pc.equal(pc.list_value_length(texts), 0)
    else:
        texts = _clean(texts)
        empty = pc.equal(texts, "")
    for row in np.flatnonzero(np.array(empty)).tolist():
        faults.setdefault(row, ("missing", ""))
    return texts, faults


def _parsed(texts, many):
    """Makes names of JSON texts that are not all plain."""
    names, faults = [], {}
    for row, text in enumerate(texts.to_pylist()):
        value = json.loads(text) if text else ""
        parts = value if isinstance(value, list) else [value]
        parts = [_name(part) for part in parts]
        if None in parts or not (many or len(parts) == 1):
            faults[row] = ("no name", text if len(text) < 60 else text[:60])
            parts = [""]
        names.append(parts)
    lists = pa.array(names, pa.list_(pa.string()))
    if many and any(text.startswith("[") for text in texts.to_pylist()):
        return lists, faults
    return lists.flatten(), faults


def _name(value):
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # pandas makes floats of whole numbers beside a missing value.
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, text),) = value.items()
        return text if kind in ("datetime", "date", "Timestamp") else None
    return "" if value is None else None


def _clean(names):
    names = pc.utf8_trim_whitespace(names)
    if pc.any(pc.match_substring_regex(names, _BREAKS)).as_py():
        # A category is a line of a vocabulary's file.
        names = pc.replace_substring_regex(names, _BREAKS, " ")
    return names


def _clean_lists(lists):
    """Trims the names of lists, and drops the empty ones."""
    flat = _clean(lists.flatten())
    kept = pc.not_equal(flat, "")
    offsets = np.asarray(_offsets(lists))
    if not pc.all(kept).as_py():
        sums = np.append(0, np.cumsum(np.array(kept)))
        offsets, flat = sums[offsets], flat.filter(kept)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat)


def _offsets(lists):
    offsets = lists.offsets
    return pc.subtract(offsets, offsets[0])


def _seconds(texts):
    """Returns float64 seconds, the faulty rows, and whether they are dates."""
    number = pc.match_substring_regex(
        texts, r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
    )
    if pc.all(number).as_py():
        return texts.cast(pa.float64()), [], False if len(texts) else None
    if pc.any(number).as_py():
        seconds = pc.if_else(number, texts, None).cast(pa.float64())
        rows = np.flatnonzero(~np.array(number)).tolist()
        return seconds.fill_null(0.0), rows, False
    try:
        return _of_dates(texts), [], True
    except pa.ArrowInvalid:
        seconds, bad = [], []
        for row in range(len(texts)):
            try:
                seconds += _of_dates(texts[row : row + 1]).to_pylist()
            except pa.ArrowInvalid:
                seconds.append(0.0)
                bad.append(row)
        dates = True if len(bad) < len(texts) else None
        return pa.array(seconds, pa.float64()), bad, dates


def _of_dates(texts):
    texts = pc.replace_substring_regex(texts, r"(\d)(Z|[+-]00:?00)$", r"\1")
    # A date alone ends like an offset.
    zoned = pc.match_substring_regex(texts, r":[0-9.]+[+-]\d\d(:?\d\d)?$")
    stamps = [
        pc.if_else(rows, texts, None).cast(pa.timestamp("us", zone))
        for rows, zone in ((zoned, "UTC"), (pc.invert(zoned), None))
    ]
    micros = pc.coalesce(*(stamp.cast(pa.int64()) for stamp in stamps))
    return pc.divide(micros.cast(pa.float64()), 1e6)


@functools.cache
def _is_path(kind):
    # A checker sees the protocol where there is an abstract class.
    path: Any = os.PathLike
    return issubclass(kind, str | path)


def is_rows_of_names(source: Any) -> bool:
    """Whether a source is a list of lists of names, not of paths.

    Example:
    >>> is_rows_of_names([["tea", "milk"]]), is_rows_of_names(["a.csv"])
    (True, False)
    """
    return (
        isinstance(source, Sequence)
        and not isinstance(source, str)
        and len(source) > 0
        and not _is_path(type(source[0]))
    )


def is_whole_number(text: str) -> bool:
    """Whether a name can be an id: a whole number above 0."""
    return bool(re.fullmatch("[1-9][0-9]{0,17}", text))
