"""The ids that training has seen."""

import os
from typing import Any

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.sequences import Sequences


class TrainedIds:
    """The ids of each side whose embeddings were trained.

    All other embeddings are still random. An id is trained if a row of
    positive weight holds it among its first `max_seq_len` ids.

    Args:
        config: The configuration, for `vocab_size` and `max_seq_len`.

    Attributes:
        sides: `in0` and `in1` -> bool `(vocab_size,)`. A missing side is
            unknown.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> ids = TrainedIds(config)
    >>> ids.add(PairTable.from_arrays([[1], [2, 3, 4]], [[5], [6]], [0, 1]))
    >>> ids.untrained("in0", Sequences.from_any([[4], [4, 3]], "in0"))
    array([ True, False])
    """

    def __init__(self, config: Object2VecConfig):
        encoders = {"in0": config.encoder0, "in1": config.encoder1}
        self._lengths = {n: e.max_seq_len for n, e in encoders.items()}
        self.sides = {
            n: np.zeros(e.vocab_size, bool) for n, e in encoders.items()
        }

    def add(self, table: PairTable) -> None:
        """Adds checked training rows."""
        if table.weights is not None and not (table.weights > 0).all():
            table = table.take(table.weights > 0)
        for name, rows in table.sides.items():
            seen, length = self.sides[name], self._lengths[name]
            cut = rows.lengths.max(initial=0) > length
            seen[first_ids(rows, length)[0] if cut else rows.values] = True
            seen[0] = False  # padding

    def settled(self, config: Object2VecConfig) -> "TrainedIds":
        """Returns the ids that a model of this configuration has trained.

        Id dropout trains the unknown id, either side trains the ids of a
        tied table, and a side with pretrained vectors is left out: all its
        embeddings have meaning.
        """
        settled = TrainedIds(config)
        own = {name: seen.copy() for name, seen in self.sides.items()}
        for name, encoder in (
            ("in0", config.encoder0),
            ("in1", config.encoder1),
        ):
            if encoder.id_dropout:
                own[name][encoder.unknown_id] = True
        if config.tied_token_embedding_weight:
            own = dict.fromkeys(own, own["in0"] | own["in1"])
        tables = config.token_tables
        settled.sides = {
            name: seen
            for name, seen in own.items()
            if not tables.get(
                f"enc{name[-1]}", next(iter(tables.values()))
            ).pretrained_embedding_file
        }
        return settled

    def join(self, other: "TrainedIds") -> None:
        """Adds the ids of the model that training started from.

        Args:
            other: Its trained ids; its vocabularies are not larger.
        """
        known = self.sides.keys() & other.sides.keys()
        self.sides = {name: self.sides[name] for name in sorted(known)}
        for name, seen in self.sides.items():
            before = other.sides[name]
            seen[: len(before)] |= before

    def untrained(self, side: str, rows: Sequences) -> np.ndarray:
        """Returns which rows hold no trained id, bool `(rows,)`.

        Args:
            side: `"in0"` or `"in1"`.
            rows: Checked rows of that side.
        """
        if side not in self.sides:
            return np.zeros(len(rows), bool)
        ids, numbers = first_ids(rows, self._lengths[side])
        untrained = np.ones(len(rows), bool)
        untrained[numbers[self.sides[side][ids]]] = False
        return untrained

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the ids as an `.npz` file."""
        with open(path, "wb") as file:
            arrays: dict[str, Any] = self.sides
            np.savez(file, **arrays)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], config: Object2VecConfig
    ) -> "TrainedIds":
        """Reads a file that `save` wrote for this configuration."""
        ids = cls(config)
        with np.load(path) as file:
            ids.sides = {name: file[name] for name in file.files}
        return ids


def first_ids(rows: Sequences, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first `length` ids of all rows, and their row numbers."""
    numbers = np.repeat(np.arange(len(rows)), rows.lengths)
    places = np.arange(len(rows.values)) - rows.offsets[:-1][numbers]
    counts = places < length
    return rows.values[counts], numbers[counts]
