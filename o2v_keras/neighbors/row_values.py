"""One column of the files that a model reads: names, groups, exclusions."""

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from o2v_keras.data.checking.record_faults import ADVICE
from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.column_files import read_columns
from o2v_keras.data.files.json_lines import numbered
from o2v_keras.data.files.json_lines import whole_lines
from o2v_keras.data.files.parquet_pairs import check_columns
from o2v_keras.data.files.read_failure import read_failure
from o2v_keras.data.files.text_lines import TextLines
from o2v_keras.data.read.file_system import open_random
from o2v_keras.data.read.file_system import open_stream
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.row_origin import file_source
from o2v_keras.user_warning import warn_user

_CHUNK_BYTES = 1 << 20
_INTEGER = re.compile(r"-?[0-9]+(\.0)?")
# Between texts, the first of them that is there; numbers hold none of them.
_SEPARATORS = (r"\|", ";", ",", r"\s")


def read_names(paths: Paths, column: str) -> list[str] | list[int]:
    r"""Reads what names the rows.

    Args:
        paths: A path, glob or folder, or a list of them: `.jsonl`, `.json`,
            `.ndjson`, `.csv` or `.tsv` (with a header), each also with `.gz`
            or `.zst`, and `.parquet`.
        column: Name of the column, or field.

    Returns:
        A text for each row, or an integer for each; texts where both occur.

    Raises:
        DataError: If a file has no such column or several, or a row has
            neither a text nor an integer there; with file and row.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.jsonl")
    >>> _ = path.write_text('{"id": 7, "in1": [3]}\n{"id": 9, "in1": [4]}\n')
    >>> read_names(path, "id")
    [7, 9]
    """
    rows = _read(paths, column, _is_name, "a text or an integer")
    names = [name for _, name in rows]
    if any(isinstance(name, str) for name in names):
        return [str(name) for name in names]
    return names


def read_id_lists(
    paths: Paths, column: str, known: np.ndarray
) -> list[list[str] | list[int]]:
    r"""Reads lists of an index's ids, such as what each user has seen.

    A row holds a list of ids, a single one, or nothing. A text is one id if
    the index has it; otherwise it holds several, in each format: a JSON
    list, or ids with `|`, `;`, `,` or blanks between them. Ids may be written
    as texts or as integers, whatever those of the index are.

    Args:
        paths: As in `read_names`.
        column: Name of the column, or field.
        known: Ids of the index, int64 or texts.

    Returns:
        The ids of each row that the index has, as it has them. A warning
        says how many others there are.

    Raises:
        DataError: If a file has no such column or several, or a row
            something else.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "users.csv")
    >>> _ = path.write_text('in0,seen\n1,7 9\n2,"[9]"\n3,\n')
    >>> read_id_lists(path, "seen", np.array([7, 8, 9]))
    [[7, 9], [9], []]
    """
    ids, lists = set(known.tolist()), []
    are_texts = known.dtype.kind == "U"
    total, strangers = 0, []
    for place, value in _read(
        paths, column, _is_id_list, "a list of ids, or an id"
    ):
        written = value if isinstance(value, list) else [value]
        if isinstance(value, str) and value not in ids:
            written = _split(value, are_texts)
        found = [_as_id(i, are_texts) for i in written if i is not None]
        total += len(found)
        strangers += [(place, id_) for id_ in found if id_ not in ids]
        lists.append([id_ for id_ in found if id_ in ids])
    if strangers:
        place, first = strangers[0]
        warn_user(
            f'"{column}": {len(strangers):,} of {total:,} ids are none of the '
            f"index's and exclude nothing, the first is {first!r} ({place}); "
            f"the index's begin with {known[:3].tolist()}",
        )
    return lists


def _split(text, are_texts):
    """The ids that a text holds."""
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        try:
            found = json.loads(text)
            if all(map(_is_name, found)):
                return found
        except ValueError:
            pass  # such as NumPy and Python print a list
        text = text[1:-1]
    present = (s for s in _SEPARATORS if re.search(s, text))
    pattern = next(present, "$") if are_texts else r"[|;,\s]"
    parts = [part.strip().strip("'\"") for part in re.split(pattern, text)]
    return [part for part in parts if part]


def _as_id(written, are_texts):
    if are_texts or (
        isinstance(written, str) and not _INTEGER.fullmatch(written)
    ):
        return str(written)
    return int(str(written).removesuffix(".0"))


def _is_name(value):
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_id(value):
    # Where some are missing, pandas makes floats of integers.
    return _is_name(value) or (isinstance(value, float) and value.is_integer())


def _is_id_list(value):
    values = value if isinstance(value, list) else [value]
    return value is None or all(map(_is_id, values))


def _read(
    paths: Paths, column: str, usable: Callable[[Any], bool], rule: str
) -> list[tuple[str, Any]]:
    """Returns place and value of each row."""
    rows = []
    for path in expand_paths(paths):
        read = _reader(path)
        try:
            for number, value in list(read(path, column)):
                place = file_source(path).locate(number)
                if not usable(value):
                    raise DataError(
                        f'{place}: "{column}" must be {rule}. '
                        f"Received: {value!r:.60}"
                    )
                rows.append((place, value))
        except (OSError, pa.ArrowInvalid) as error:
            raise read_failure(path, error) from error
    return rows


def _reader(path):
    for ending, read in _READERS.items():
        if path.endswith(ending):
            return read
    raise DataError(
        f"{path}: names can be read of {', '.join(_READERS)} only. Leave the "
        "column out to go by the numbers of the rows."
    )


def _json_values(path, column) -> Iterator[tuple[int, Any]]:
    found = False
    with open_stream(path) as stream:
        for text, number in numbered(whole_lines(stream, _CHUNK_BYTES)):
            lines = TextLines.scan(text, number)
            for row, number in enumerate(lines.numbers.tolist()):
                record = lines.text[lines.starts[row] : lines.ends[row]]
                values = _json_fields(f"{path}:{number}", record, column)
                found |= bool(values)
                yield number, values[0] if values else None
    if not found:
        raise DataError(f'{path}: no row has the field "{column}"')


def _json_fields(place, record, column):
    """The values of a field in a JSON record, at most one."""
    try:
        # Objects become tuples of pairs, which keep repeated names.
        content = json.loads(record.decode(), object_pairs_hook=tuple)
    except UnicodeDecodeError as error:
        raise _no_utf8(place, str(error)) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: {error}") from None
    if not isinstance(content, tuple):
        raise DataError(f"{place}: must be one JSON object")
    values = [value for name, value in content if name == column]
    if len(values) > 1:
        raise DataError(f'{place}: "{column}" is there {len(values)} times')
    return values


def _no_utf8(place, what):
    return DataError(f"{place}: no UTF-8: {what}. {ADVICE['no UTF-8']}")


def _separated_values(path, column) -> Iterator[tuple[int, str]]:
    for piece in read_columns(path, {"value": Column(column, "text")}):
        for number, _, faults in piece.rejected:
            advice = ADVICE[faults[0].kind]
            raise DataError(f"{path}:{number}: {faults[0]}. {advice}")
        numbers = piece.numbers.tolist()
        yield from zip(numbers, piece.table["value"].to_pylist(), strict=True)


def _parquet_values(path, column) -> Iterator[tuple[int, Any]]:
    with pyarrow.parquet.ParquetFile(open_random(path)) as file:
        check_columns(path, file.schema_arrow, [(column, lambda _: True, "")])
        number = 0
        for batch in file.iter_batches(columns=[column]):
            for value in batch.column(0):
                try:
                    yield number, value.as_py()
                except UnicodeDecodeError as error:
                    place = file_source(path).locate(number)
                    raise _no_utf8(place, f'"{column}": {error}') from None
                number += 1


_READERS = {
    ending + compression: read
    for ending, read in {
        ".jsonl": _json_values,
        ".json": _json_values,
        ".ndjson": _json_values,
        ".csv": _separated_values,
        ".tsv": _separated_values,
    }.items()
    for compression in ("", ".gz", ".zst")
} | {".parquet": _parquet_values}
