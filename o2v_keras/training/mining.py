"""Negative mining: searches the nearest wrong partners between epochs."""

import pathlib
from typing import Any

import keras
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.mined_rows import MinedRows
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.global_ids import global_ids
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.inference import embed_rows
from o2v_keras.evaluation.nearest_unknown import nearest_unknown
from o2v_keras.evaluation.pair_scores import EmbeddingScores
from o2v_keras.evaluation.ranking_task import Links
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.weight_files import ArrayFile
from o2v_keras.training.weight_files import write_arrays

# Most neighbours that the records of an object share, unless one record needs
# more.
_NEIGHBORS = 100


class NegativeMiner:
    """Exact search for the nearest objects that are not known partners.

    The records of an object take turns through its nearest objects, up to
    100, so that they get different negatives. Negatives repeat if an object
    has too few unknown partners; an object paired with the whole corpus gets
    known partners, which the loss masks.

    Memory: the encodings of all distinct objects and a block of 256 x 8,192
    similarities.

    Args:
        model: `Object2Vec`; the search uses its `similarity`.
        table: `PairTable` of its training data, with labels.
        mined: `MinedRows` of the table.
        per_record: int. Negatives of each positive.
    """

    def __init__(
        self,
        model: Object2Vec,
        table: PairTable,
        mined: MinedRows,
        per_record: int,
    ):
        self._normalize = model.config.similarity == "cosine"
        self._records = mined.records
        self._per_record = per_record
        self._exchanges_in1 = mined.exchanges_in1
        self._objects, self._rows, self._encode = {}, {}, {}
        for side, sequences in table.sides.items():
            numbers = global_ids(sequences)
            first = np.unique(numbers, return_index=True)[1]
            self._objects[side] = numbers
            self._rows[side] = first
            self._encode[side] = embed_rows(model, side, sequences.take(first))

    def __call__(self) -> np.ndarray:
        """Searches with the current weights.

        Returns:
            int64 `(positives, per_record)`: rows of the table, for
            `MinedRows.found`.
        """
        encodings = {side: encode() for side, encode in self._encode.items()}
        in1 = self._exchanges_in1
        parts = [
            self._of_side(encodings, "in0", "in1", in1),
            self._of_side(encodings, "in1", "in0", self._per_record - in1),
        ]
        return np.concatenate(parts, axis=1)

    def _of_side(self, encodings, kept, exchanged, count):
        """Returns `count` rows for each record, to take one side from."""
        if not count:
            return np.empty((len(self._records), 0), np.int64)
        owners = self._objects[kept][self._records]
        partners = self._objects[exchanged][self._records]
        num_owners = len(self._rows[kept])
        known = Links.of(owners, partners, num_owners)
        turns, records = _turns(owners, num_owners)
        most = max(count, min(_NEIGHBORS, count * records.max()))
        most = min(most, len(self._rows[exchanged]))
        scores = EmbeddingScores(
            encodings[kept], encodings[exchanged], self._normalize
        )
        candidates = len(self._rows[exchanged])
        blocks = nearest_unknown(scores, [known], candidates, most)
        nearest = np.concatenate([numbers for _, numbers, _ in blocks])
        unknown = candidates - known.counts
        shared = np.clip(np.minimum(unknown, count * records), 1, most)
        places = turns[:, None] * count + np.arange(count)
        places %= shared[owners][:, None]
        return self._rows[exchanged][nearest[owners[:, None], places]]


def _turns(owners, num_owners):
    """Numbers the records of each owner from 0, and counts them."""
    order = np.argsort(owners, kind="stable")
    records = np.bincount(owners, minlength=num_owners)
    starts = np.cumsum(records) - records
    turns = np.empty(len(owners), np.int64)
    turns[order] = np.arange(len(owners)) - starts[owners[order]]
    return turns, records


class NegativeMining(keras.callbacks.Callback):
    """Mines negatives before epoch 0 and then every `mining_epochs`.

    A file keeps the result until the next search: a run resumed in between
    no longer has the weights of the search. Add the callback after the one
    that sets the batches' epoch.

    Args:
        batches: `PairBatches` of the training data.
        config: `Object2VecConfig` with `mined_negatives`.
        path: File of the last search.
        earlier: File of the search before, for an earlier checkpoint.
    """

    def __init__(
        self,
        batches: PairBatches,
        config: Object2VecConfig,
        path: pathlib.Path,
        earlier: pathlib.Path,
    ):
        super().__init__()
        self._batches: Any = batches
        self._config = config
        self._path = path
        self._earlier = earlier
        self._miner = None
        self._resumed = None

    def resume(self, epoch: int, batch: int):
        """Restores the negatives of an epoch that resumes at a batch."""
        searched = epoch - epoch % self._config.mining_epochs
        if (epoch, batch) == (searched, 0):
            return  # the search is yet to come
        files = [
            ArrayFile(path)
            for path in (self._path, self._earlier)
            if path.exists()
        ]
        files = [file for file in files if file.header["epoch"] == searched]
        if not files:
            raise ValueError(
                f"`resume` needs the negatives mined before epoch {searched}, "
                f"which {self._path} does not hold. Train from the start with "
                "`overwrite`."
            )
        (found,) = files[0].arrays("rows")
        self._batches.set_mined(found)
        self._resumed = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % self._config.mining_epochs or epoch == self._resumed:
            return
        if self._miner is None:
            self._miner = NegativeMiner(
                self.model,
                self._batches.source,
                self._batches.mined,
                self._config.mined_negatives,
            )
        found = self._miner()
        write_arrays(self._path, {"epoch": epoch}, self._earlier, rows=[found])
        self._batches.set_mined(found)
