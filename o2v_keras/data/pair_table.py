"""Labelled and weighted pairs of sequences, column by column."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from o2v_keras.data.provenance import Provenance
from o2v_keras.data.sequences import Sequences


@dataclasses.dataclass(frozen=True, eq=False)
class PairTable:
    """Pairs of sequences with labels, weights and provenance.

    A side or the labels may be absent: embedding needs one side only, and
    scoring needs no labels.

    Args:
        in0: `Sequences` for the first encoder, or `None`.
        in1: `Sequences` for the second encoder, or `None`.
        labels: float64 array of shape `(rows,)`, or `None`.
        origin: `Provenance` of the rows.
        weights: float32 array of shape `(rows,)`: sample weights in losses
            and metrics. Defaults to `None`: all are 1.

    Raises:
        ValueError: If both sides are absent or the columns differ in length.

    Example:
    >>> table = PairTable.from_arrays([[1, 2], [3]], [[4], [5]], [1, 0])
    >>> len(table), table.locate(1)
    (2, 'row 1')
    """

    in0: Sequences | None
    in1: Sequences | None
    labels: np.ndarray | None
    origin: Provenance
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not self.sides:
            raise ValueError(
                "`in0` or `in1` must be given. Received: in0=None, in1=None"
            )
        columns = {
            **self.sides,
            "labels": self.labels,
            "weights": self.weights,
        }
        rows = {n: len(c) for n, c in columns.items() if c is not None}
        if len({*rows.values(), len(self.origin)}) > 1:
            received = ", ".join(f"len({n})={c}" for n, c in rows.items())
            raise ValueError(
                "`in0`, `in1`, `labels` and `weights` must have as many rows "
                f"as each other. Received: {received}"
            )

    @classmethod
    def from_arrays(
        cls,
        in0: Any = None,
        in1: Any = None,
        labels: Any = None,
        weights: Any = None,
    ) -> "PairTable":
        """Makes a table of lists, arrays or ragged tensors.

        Args:
            in0: Rows of ids in any form `Sequences.from_any` takes, or
                `None`.
            in1: The same for the other side.
            labels: Array or list of numbers of shape `(rows,)`, or `None`.
            weights: The same.

        Raises:
            ValueError: If a column is malformed or the columns differ in
                length.
        """
        sides = {
            name: None if data is None else Sequences.from_any(data, name)
            for name, data in (("in0", in0), ("in1", in1))
        }
        labels = None if labels is None else _numbers(labels, "labels")
        if weights is not None:
            weights = to_weights(_numbers(weights, "weights"))
        given = [side for side in sides.values() if side is not None]
        origin = Provenance.in_memory(len(given[0]) if given else 0)
        return cls(**sides, labels=labels, origin=origin, weights=weights)

    @classmethod
    def concat(cls, tables: Sequence["PairTable"]) -> "PairTable":
        """Joins tables that have the same columns, in order.

        Where some have weights, the rows of the others count 1.
        """
        if len(tables) == 1:
            return tables[0]

        def joined(name, join):
            columns = [getattr(table, name) for table in tables]
            if all(column is None for column in columns):
                return None
            if any(column is None for column in columns):
                raise ValueError(
                    f"`tables` must all have {name}, or none of them. "
                    f"Received: {name} in some of {len(tables)} tables"
                )
            return join(columns)

        return cls(
            joined("in0", Sequences.concat),
            joined("in1", Sequences.concat),
            joined("labels", np.concatenate),
            Provenance.concat([table.origin for table in tables]),
            _joined_weights(tables),
        )

    def __len__(self) -> int:
        return len(self.origin)

    @property
    def sides(self) -> dict[str, Sequences]:
        """The sides that are present, by name."""
        sides = {"in0": self.in0, "in1": self.in1}
        return {n: side for n, side in sides.items() if side is not None}

    @property
    def weight_range(self) -> tuple[float, float] | None:
        """Least and greatest weight of a row, `None` without weights."""
        if self.weights is None or not len(self):
            return None
        return float(self.weights.min()), float(self.weights.max())

    def locate(self, row: int) -> str:
        """Names the place a row came from.

        Returns:
            str. `train.jsonl:17` (lines count from 1), `train.parquet: row
            17`, or `row 17` of the arrays (rows count from 0).
        """
        return self.origin.locate(row)

    def of_sides(self, names: Sequence[str]) -> "PairTable":
        """Returns the table without other sides than the named ones.

        Example:
        >>> table = PairTable.from_arrays([[1, 2], [3]], [[4], [5]], [1, 0])
        >>> list(table.of_sides(["in1"]).sides)
        ['in1']
        """
        kept = {n: s for n, s in self.sides.items() if n in names}
        if len(kept) == len(self.sides):
            return self
        return dataclasses.replace(
            self, in0=kept.get("in0"), in1=kept.get("in1")
        )

    def take(self, rows: np.ndarray | slice) -> "PairTable":
        """Returns the given rows (numbers or a bool mask), in that order."""
        sides = {name: side.take(rows) for name, side in self.sides.items()}
        return PairTable(
            sides.get("in0"),
            sides.get("in1"),
            None if self.labels is None else self.labels[rows],
            self.origin.take(rows),
            None if self.weights is None else self.weights[rows],
        )

    def fingerprint(self) -> str:
        """Digest of all ids, labels and weights, to detect changes.

        Returns:
            str of 16 hexadecimal digits. It does not depend on provenance;
            a weight of 1 equals no weight.
        """
        digest = hashlib.blake2b(digest_size=8)
        for name, side in self.sides.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(side.offsets).data)
            digest.update(np.ascontiguousarray(side.values).data)
        if self.labels is not None:
            digest.update(b"labels")
            digest.update(np.ascontiguousarray(self.labels).data)
        rows, weights = self.other_weights()
        if rows.size:
            digest.update(b"weights")
            digest.update(rows.data)
            digest.update(weights.data)
        return digest.hexdigest()

    def other_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows whose weight is not 1, int64, and their weights."""
        if self.weights is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows = np.flatnonzero(self.weights != 1)
        return rows, self.weights[rows]


def to_weights(numbers: np.ndarray) -> np.ndarray:
    """Converts numbers to float32, the dtype of weights in batches.

    A number that float32 cannot hold becomes infinite, which the check of
    the data refuses.
    """
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _joined_weights(tables):
    if all(table.weights is None for table in tables):
        return None
    return np.concatenate(
        [
            np.ones(len(table), np.float32)
            if table.weights is None
            else table.weights
            for table in tables
        ]
    )


def _numbers(values, name):
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"`{name}` must be a 1-D array of numbers. Received: {name} of "
            f"shape {values.shape} and dtype {values.dtype}"
        )
    return values.astype(np.float64)
