"""Files of one vector a row: NumPy, Parquet and JSON Lines."""

import abc
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from o2v_keras.storage.replace import replaced_file

ERROR = "error"

_JSON_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
_INT64 = range(-(2**63), 2**63)


@dataclasses.dataclass(frozen=True, eq=False)
class Vectors:
    """One vector a row, in the order of the rows.

    Args:
        values: float32 `(rows, dim)`, NaN in rows without a vector; `dim` is
            0 if no row has one.
        reasons: Row -> why it has no vector. Defaults to none.
        names: What names each row, a text or an integer; anything else in
            rows that have a reason. Defaults to `None`: nothing does.
    """

    values: np.ndarray
    reasons: Mapping[int, str] = dataclasses.field(default_factory=dict)
    names: Sequence[Any] | None = None

    @property
    def sound(self) -> np.ndarray:
        """Which rows have a vector; bool `(rows,)`."""
        sound = np.ones(len(self.values), bool)
        sound[list(self.reasons)] = False
        return sound


class VectorFormat(abc.ABC):
    """A format of files of vectors, written whole or in parts.

    Args:
        column: Column, or key, of the vectors: `"scores"` or `"embeddings"`.
        id_column: Column of the rows' names. Defaults to `None`: there is
            none.
    """

    def __init__(self, column: str, id_column: str | None = None):
        self._column = column
        self._id_column = id_column

    @abc.abstractmethod
    def write_part(self, file: BinaryIO, vectors: Vectors):
        """Writes some rows; a single part is a whole file."""

    @abc.abstractmethod
    def join(self, file: BinaryIO, parts: Sequence[pathlib.Path]):
        """Writes a file of all its parts."""


class JsonLines(VectorFormat):
    """`{"scores": [...]}`, or `{"error": "..."}`, a line, as SageMaker answers.

    A name stands before its vector. Numbers have the fewest digits that give
    the same float32.
    """

    def write_part(self, file, vectors):
        for row, values in enumerate(vectors.values):
            name = {}
            if self._id_column is not None and is_name(vectors.names[row]):
                name = {self._id_column: vectors.names[row]}
            if row in vectors.reasons:
                line = json.dumps({**name, ERROR: vectors.reasons[row]}) + "\n"
                file.write(line.encode())
            else:
                file.write(json_line(name, self._column, values))

    def join(self, file, parts):
        for part in parts:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)


class Parquet(VectorFormat):
    """A column of lists of float32, or of codes; without a vector null.

    The lists have a fixed size if every row of a part has a vector, but not
    those of joined parts. Names are integers if all are, else texts.
    """

    def write_part(self, file, vectors):
        dim, sound = vectors.values.shape[1], vectors.sound
        lists = pa.LargeListArray.from_arrays(
            np.append(0, np.cumsum(np.where(sound, dim, 0))),
            vectors.values[sound].ravel(),
            mask=pa.array(~sound),
        )
        # Below version 26 pyarrow cannot read null lists of a fixed size.
        size = dim if sound.all() else -1
        columns = {
            self._column: lists.cast(pa.list_(lists.type.value_type, size))
        }
        if self._id_column is not None:
            columns = {self._id_column: _names(vectors.names), **columns}
        pq.write_table(pa.table(columns), file, use_dictionary=False)

    def join(self, file, parts):
        schema = self._schema(parts)
        with pq.ParquetWriter(file, schema, use_dictionary=False) as writer:
            for part in parts:
                writer.write_table(pq.read_table(part).cast(schema))

    def _schema(self, parts):
        vectors = pa.field(self._column, pa.list_(pa.float32()))
        if self._id_column is None:
            return pa.schema([vectors])
        types = {
            pq.read_schema(part).field(self._id_column).type for part in parts
        } - {pa.null()}
        type_ = types.pop() if len(types) == 1 else pa.string()
        return pa.schema([(self._id_column, type_), vectors])


class Npy(VectorFormat):
    """float32 `(rows, dim)` for `np.load`; a row without a vector is NaN.

    `dim` is 0 if there is no row or none has a vector. Names are not written.
    """

    def write_part(self, file, vectors):
        np.save(file, vectors.values)

    def join(self, file, parts):
        shapes = [_shape(part) for part in parts]
        dim = max((dim for _, dim in shapes), default=0)
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
            "fortran_order": False,
            "shape": (sum(rows for rows, _ in shapes), dim),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for part, (rows, part_dim) in zip(parts, shapes, strict=True):
            # A part without a vector does not know the others' dim.
            values = (
                np.load(part)
                if part_dim
                else np.full((rows, dim), np.nan, np.float32)
            )
            file.write(values.data)


_ID = "id"
VECTOR_SEARCH_ENDINGS = (".json",)
FORMATS = {".npy": Npy, ".parquet": Parquet, ".jsonl": JsonLines}


def write_vectors(
    path: str | os.PathLike[str],
    vectors: np.ndarray,
    name: str,
    ids: Sequence[str | int] | None = None,
) -> None:
    """Writes vectors or codes; the ending of `path` chooses the format.

    The file appears under its name only when it is complete.

    Args:
        path: `.npy` (array), `.parquet` (a fixed-size list column) or
            `.jsonl` (`{"<name>": [...]}` a line, as SageMaker answers).
        vectors: float32, int8 or uint8 `(rows, dim)`.
        name: `"scores"`, `"embeddings"` or `"embedding"`: column or key.
        ids: An id for each vector, for a column `id` before it. In Parquet
            they are integers if all are, else texts. Defaults to `None`: no
            such column.

    Raises:
        ValueError: If the ending is another one, or `.npy` with ids.
    """
    check_vector_path(path, ids is not None)
    path = pathlib.Path(path)
    named = Vectors(np.ascontiguousarray(vectors), names=ids)
    writer = FORMATS[path.suffix](name, None if ids is None else _ID)
    with replaced_file(path) as new, open(new, "wb") as file:
        writer.write_part(file, named)


def write_vector_search(
    path: str | os.PathLike[str],
    vectors: np.ndarray,
    ids: Sequence[str | int],
    restricts: Mapping[str, Sequence[Sequence[str]]],
) -> None:
    r"""Writes a data file of Google's Vector Search.

    Args:
        path: A `.json` file, by whose ending the service knows the format.
        vectors: float32 `(rows, dim)`.
        ids: An id for each vector; they become texts.
        restricts: Namespace -> tokens of each vector, which its searches can
            ask for or rule out.

    Raises:
        ValueError: If the ending is another one.

    Example:
    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "films.json")
    >>> genres = {"genre": [["Drama"], []]}
    >>> write_vector_search(path, np.eye(2, dtype="f"), [7, 8], genres)
    >>> path.read_text().splitlines()[1]
    '{"id":"8","embedding":[0.0,1.0]}'
    """
    check_vector_path(path, endings=VECTOR_SEARCH_ENDINGS)
    with replaced_file(pathlib.Path(path)) as new, open(new, "wb") as file:
        for row, (id_, vector) in enumerate(zip(ids, vectors, strict=True)):
            record = {_ID: str(id_), "embedding": np.ascontiguousarray(vector)}
            found = [
                {"namespace": namespace, "allow": tokens[row]}
                for namespace, tokens in restricts.items()
                if tokens[row]
            ]
            if found:
                record["restricts"] = found
            file.write(orjson.dumps(record, option=_JSON_OPTIONS))


def check_vector_path(
    path: str | os.PathLike[str],
    has_ids: bool = False,
    endings: Collection[str] = tuple(FORMATS),
) -> None:
    """Checks where vectors are to go, before anything is computed.

    Args:
        path: The file.
        has_ids: Whether ids go beside the vectors. Defaults to `False`.
        endings: Known endings. Defaults to `.npy`, `.parquet` and `.jsonl`.

    Raises:
        ValueError: If the ending is another one, or `.npy` with ids, or the
            file cannot be made there.
    """
    path = pathlib.Path(path)
    if path.suffix not in endings:
        raise ValueError(
            f"`path` must end in {', '.join(endings)}. "
            f"Received: path={os.fspath(path)!r}"
        )
    if has_ids and path.suffix == ".npy":
        raise ValueError(
            "`path` must end in .jsonl or .parquet where ids stand beside the "
            "vectors: .npy holds numbers only. "
            f"Received: path={os.fspath(path)!r}"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            "`path` must be a file in an existing folder. "
            f"Received: path={os.fspath(path)!r}"
        )


def json_line(
    names: Mapping[str, str | int], column: str, values: np.ndarray
) -> bytes:
    r"""Writes a row as JSON, with the line's end.

    Args:
        names: Key -> value of what stands before the vector.
        column: Key of the vector.
        values: float32, int8 or uint8 `(dim,)`.

    Example:
    >>> json_line({"user": 7}, "scores", np.array([0.1, 1], np.float32))
    b'{"user":7,"scores":[0.1,1.0]}\n'
    """
    record: dict[str, Any] = {
        key: value
        if isinstance(value, str) or value in _INT64
        else orjson.Fragment(str(value))
        for key, value in names.items()
    }
    record[column] = values
    return orjson.dumps(record, option=_JSON_OPTIONS)


def is_name(value: object) -> bool:
    """Whether a value can name a row.

    Example:
    >>> is_name("u7"), is_name(7), is_name(7.0), is_name(None)
    (True, True, False, False)
    """
    if isinstance(value, str):
        # Half a character, as JSON can escape one, is in no output's UTF-8.
        return value.isascii() or not any(
            "\ud800" <= c < "\ue000" for c in value
        )
    return type(value) is int


def _names(names):
    names = [name if is_name(name) else None for name in names]
    given = [name for name in names if name is not None]
    if not given:
        return pa.nulls(len(names))
    if all(type(name) is int and name in _INT64 for name in given):
        return pa.array(names, pa.int64())
    return pa.array([n if n is None else str(n) for n in names], pa.string())


def _shape(part):
    with open(part, "rb") as file:
        np.lib.format.read_magic(file)
        return np.lib.format.read_array_header_1_0(file)[0]
