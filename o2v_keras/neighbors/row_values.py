"""One column of the files that a model reads: names, groups, exclusions."""

import json
import re
from collections.abc import Callable
from collections.abc import Container
from typing import Any

import numpy as np

from o2v_keras.data.data_error import DataError
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.files import read_sound_blocks
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import Column
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


def read_ids(paths: Paths, column: str) -> list[str | int]:
    r"""Reads an id for each row, as it is written.

    Args:
        paths: As for `read_names`.
        column: Name of the column, or field.

    Returns:
        A text or an integer for each row.

    Raises:
        DataError: If a file has no such column or several, a row has no id
            there, or two rows have the same, be it once a text and once an
            integer; with file and row.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.jsonl")
    >>> _ = path.write_text('{"id": 7}\n{"id": "tt8"}\n')
    >>> read_ids(path, "id")
    [7, 'tt8']
    """
    rows = _read(paths, column, _is_given_name, "an id, a text or an integer")
    places = {}
    for place, name in rows:
        first = places.setdefault(str(name), place)
        if first != place:
            raise DataError(
                f'{place}: "{column}" must be another id in each row. '
                f"Received: {name!r:.60}, as in {first}"
            )
    return [name for _, name in rows]


def read_tokens(paths: Paths, column: str) -> list[list[str]]:
    """Reads texts by which a search can be restricted, such as genres.

    Args:
        paths: As for `read_names`.
        column: Name of the column, or field. A row holds a text or an
            integer, a list of them, or nothing.

    Raises:
        DataError: If a file has no such column or several, or a row
            something else; with file and row.
    """
    rows = _read(
        paths, column, _is_token_list, "a text or an integer, or a list of them"
    )
    lists = [value if isinstance(value, list) else [value] for _, value in rows]
    return [[str(t) for t in found if t not in (None, "")] for found in lists]


def read_id_lists(
    paths: Paths, column: str, known: np.ndarray, effect: str = "exclude"
) -> list[list[str] | list[int]]:
    r"""Reads lists of an index's ids, such as what each user has seen.

    A row holds a list of ids, a single one, or nothing. A text is one id if
    the index has it; otherwise it holds several, in each format: a JSON
    list, or ids with `|`, `;`, `,` or blanks between them. Ids may be written
    as texts or as integers, whatever those of the index are.

    Args:
        paths: A path, glob or folder of such files, or a list of them.
        column: Name of the column, or field.
        known: Ids of the index: int64, texts or objects.
        effect: What the ids do, for the warning. Defaults to `"exclude"`.

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
    are_texts = known.dtype.kind != "i"
    total, strangers = 0, []
    for place, value in _read(
        paths, column, _is_id_list, "a list of ids, or an id"
    ):
        written = value if isinstance(value, list) else [value]
        if isinstance(value, str) and value not in ids:
            written = _split(value, are_texts)
        found = [id_of(i, ids, known) for i in written if i is not None]
        total += len(found)
        strangers += [(place, id_) for id_ in found if id_ not in ids]
        lists.append([id_ for id_ in found if id_ in ids])
    if strangers:
        place, first = strangers[0]
        warn_user(
            f'"{column}": {len(strangers):,} of {total:,} ids are none of the '
            f"index's and {effect} nothing, the first is {first!r} ({place}); "
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


def id_of(
    written: str | int | float, ids: Container, known: np.ndarray
) -> str | int:
    """Returns the id that is written as a text or a number.

    Args:
        written: A text or a number, whatever the ids of the index are.
        ids: The ids of the index.
        known: The same as int64, texts or objects.

    Example:
    >>> id_of("7", {7, "8"}, np.array([7, "8"], object))
    7
    """
    is_integer = _INTEGER.fullmatch(str(written))
    if known.dtype.kind == "U" or not is_integer or str(written) in ids:
        return str(written)
    return int(str(written).removesuffix(".0"))


def _is_name(value):
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_given_name(value):
    return _is_name(value) and value != ""


def _is_token_list(value):
    values = value if isinstance(value, list) else [value]
    return value is None or all(map(_is_name, values))


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
        source = file_source(path)
        # All of them first: a column that no row has is told before a null.
        blocks = [*read_sound_blocks(path, {column: Column(column, "json")})]
        for block in blocks:
            values = block.table[column].to_pylist()
            for number, text in zip(block.numbers, values, strict=True):
                value = None if text is None else json.loads(text)
                place = source.locate(number)
                if not usable(value):
                    raise DataError(
                        f'{place}: "{column}" must be {rule}. '
                        f"Received: {value!r:.60}"
                    )
                rows.append((place, value))
    return rows
