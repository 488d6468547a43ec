"""Distinct objects, their numbers, and the seeded order of rows."""

import contextlib
import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from o2v_keras.data.pair_hashes import mix_bits
from o2v_keras.pairs.log import is_whole_number
from o2v_keras.storage.temporary_folder import TemporaryFolder

_MEMORY_LIMIT = "1GB"
# Each thread of a query takes memory of its own.
_THREADS = 8
# Ids may have gaps, since a table has a row for each number up to the largest.
_LARGEST_ID_PER_OBJECT = 10
_SMALL = 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class Objects:
    """The distinct objects of a column, numbered from 0 by their names.

    Args:
        names: Strings `(objects,)`, sorted by their bytes.

    Example:
    >>> films = Objects(pa.array(["Alien", "Bambi"]))
    >>> len(films), films.ids
    (2, None)
    >>> Objects(pa.array(["10", "7"])).ids
    array([10,  7])
    """

    names: pa.Array

    def __len__(self) -> int:
        return len(self.names)

    @functools.cached_property
    def hashes(self) -> np.ndarray:
        """Hashes of the names, the same on every machine; uint64."""
        digests = (
            hashlib.blake2b(name.encode(), digest_size=8).digest()
            for name in self.names.to_pylist()
        )
        return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)

    @functools.cached_property
    def ids(self) -> np.ndarray | None:
        """The names as ids, int64; `None` if one cannot be an id.

        Ids are whole numbers above 0, the largest no more than ten times
        the number of objects (or 10,000).
        """
        names = self.names.to_pylist()
        if not all(map(is_whole_number, names)):
            return None
        ids = np.array(names, np.int64)
        most = max(_SMALL, _LARGEST_ID_PER_OBJECT * len(ids))
        return None if len(ids) and ids.max() > most else ids


@contextlib.contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yields a database that spills to a temporary folder.

    Raises:
        OSError: If the disk of temporary files is full.
        MemoryError: If a query needs more memory than it may have.
        KeyboardInterrupt: If a query is interrupted.
    """
    with TemporaryFolder("pairs") as folder, _plain_errors(folder):
        settings = {
            "memory_limit": _MEMORY_LIMIT,
            "threads": min(_THREADS, os.cpu_count() or 1),
            "temp_directory": str(folder / "spilled"),
        }
        connection = duckdb.connect(str(folder / "log.duckdb"), config=settings)
        try:
            yield connection
        finally:
            connection.close()


@contextlib.contextmanager
def _plain_errors(folder):
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(
            f"The log needs more memory than {_MEMORY_LIMIT}, or more disk for "
            f"temporary files than there is at {folder.parent}; TMPDIR names "
            f"another folder. {error}"
        ) from error
    except duckdb.IOException as error:
        raise OSError(
            f"Temporary files cannot be written to {folder.parent}; TMPDIR "
            f"names another folder. {error}"
        ) from error
    except RuntimeError as error:
        if "interrupted" in str(error):
            raise KeyboardInterrupt from error
        raise


def insert(
    connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table
) -> None:
    """Adds rows to a table, which the first of them make."""
    connection.register("rows", rows)
    tables = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name]
    ).fetchone()
    if tables[0]:
        connection.execute(f"INSERT INTO {name} SELECT * FROM rows")
    else:
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
    connection.unregister("rows")


def number(
    connection: duckdb.DuckDBPyConnection, name: str, query: str
) -> Objects:
    """Numbers distinct names, in a table `name` of `object` and `number`.

    Args:
        connection: Database.
        name: Of the new table.
        query: SQL that gives the names in a column `object`.
    """
    connection.execute(
        f"CREATE TABLE {name} AS "
        "SELECT object, CAST(row_number() OVER (ORDER BY object) - 1 AS INT) "
        f"AS number FROM (SELECT DISTINCT object FROM ({query}))"
    )
    table = connection.sql(
        f"SELECT object FROM {name} ORDER BY number"
    ).to_arrow_table()
    return Objects(table["object"].combine_chunks().cast(pa.string()))


def seeded(seed: int, *hashes: np.ndarray | int) -> np.ndarray:
    """Hashes rows of hashes with a seed; uint64.

    Sorting by it gives an order that depends on the seed and the rows alone.

    Args:
        seed: The seed, at least 0.
        *hashes: uint64 `(rows,)`, or small numbers.

    Example:
    >>> rows = np.array([3, 4], np.uint64)
    >>> bool((seeded(0, rows) == seeded(1, rows)).any())
    False
    """
    result = np.array(seed, np.uint64)
    for values in hashes:
        values = np.asarray(values).astype(np.uint64)
        result = mix_bits(
            np.atleast_1d(mix_bits(np.atleast_1d(result)) ^ values)
        )
    return result


class SeenPairs:
    """Finds pairs that an earlier part has, by their hashes.

    Example:
    >>> seen = SeenPairs()
    >>> seen.are_new(np.array([7, 8, 7], np.uint64))
    array([ True,  True,  True])
    >>> seen.end_part()
    >>> seen.are_new(np.array([9, 8], np.uint64))
    array([ True, False])
    """

    def __init__(self):
        self._earlier, self._own = np.zeros(0, np.uint64), []

    def are_new(self, hashes: np.ndarray) -> np.ndarray:
        """Returns which pairs no earlier part has; bool `(pairs,)`."""
        self._own.append(hashes)
        if not len(self._earlier):
            return np.ones(len(hashes), bool)
        places = np.searchsorted(self._earlier, hashes)
        return self._earlier[places % len(self._earlier)] != hashes

    def end_part(self) -> None:
        """Begins the next part."""
        self._earlier = np.sort(np.concatenate([self._earlier, *self._own]))
        self._own = []


def check_seed(seed: int) -> None:
    """Raises `ValueError` if a seed is negative or no whole number."""
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise ValueError(
            "`seed` must be a whole number of at least 0. "
            f"Received: seed={seed!r}"
        )
