"""Streams labelled pairs that do not fit into memory, block by block."""

import hashlib
import itertools
import os
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.bad_rows import MAX_SKIPPED
from o2v_keras.data.check.bad_rows import SoundRows
from o2v_keras.data.check.check import check_block
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pieces
from o2v_keras.data.read.parquet import row_group_sizes
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import check_tokenizers
from o2v_keras.data.read_source import file_records
from o2v_keras.data.read_source import text_encoders

# TensorFlow takes seconds to start, and data of ids need no tokenizer.
if TYPE_CHECKING:
    from o2v_keras.text.pair_tokenizers import PairTokenizers

# Read side by side, so that a block mixes their rows.
_OPEN_UNITS = 8


class PairStream:
    r"""Reads training data again for every epoch, a block of rows at a time.

    The constructor reads all data once and checks every row. An epoch then
    draws an order of the *units* (row groups of Parquet files, other files)
    from the seed and reads eight units in parallel, equal parts of a block
    from each. Every row comes once; a block holds the next rows of up to
    eight units drawn at random; `EpochPlanner` shuffles each block. Neighbours
    in a file mostly share a block, so data sorted by label or object should
    be shuffled before they are written, or cut into many shards.

    Within a block rows are in the order of the units and files, so a block
    of all rows equals the table of `load_pairs`.

    Args:
        paths: Paths, globs or folders of files, as `read_pairs` takes them.
        config: `Object2VecConfig` that the data must fit.
        block_rows: Rows of a block at most, at least `mini_batch_size`.
            Blocks are of equal size, give or take a row.
        rejected_rows_file: Where rows with errors are written, with their
            reasons, and then left out. Defaults to `None`: any error stops.
        observe: Called with every piece of the data during the check, in the
            order of the files. Defaults to `None`.
        tokenizers: `PairTokenizers` of the sides that hold texts; every epoch
            tokenizes them again. Defaults to `None`.
        columns: `PairColumns` of the files. Defaults to `in0`, `in1`,
            `label`.
        max_skipped: float from 0 to 1. Largest share of rows that
            `rejected_rows_file` may hold; more stops. Defaults to 0.01.

    Attributes:
        num_rows: int. Rows of an epoch, negatives not counted.
        block_sizes: list of int. Rows of each block of an epoch.
        weight_range: Least and greatest weight of a row, or `None` without
            weights.

    Raises:
        DataError: If rows are unusable, there is none, or all have a weight
            of 0.
        ValueError: If `block_rows` is too small or `paths` is no path.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.jsonl")
    >>> line = '{"in0": [1], "in1": [2], "label": 1}'
    >>> _ = path.write_text("\n".join([line] * 5))
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1, enc0_vocab_size=9, mini_batch_size=2
    ... )
    >>> [len(block) for block in PairStream(path, config, 3).blocks(epoch=0)]
    [2, 3]
    """

    def __init__(
        self,
        paths: Paths,
        config: Object2VecConfig,
        block_rows: int,
        rejected_rows_file: str | os.PathLike[str] | None = None,
        observe: Callable[[PairTable], None] | None = None,
        *,
        tokenizers: "PairTokenizers | None" = None,
        columns: PairColumns = DEFAULT_COLUMNS,
        max_skipped: float = MAX_SKIPPED,
    ):
        _refuse_small_blocks(block_rows, config.mini_batch_size)
        if not isinstance(paths, str | os.PathLike | list | tuple):
            raise ValueError(
                "Data to be streamed must be a path, glob or folder, or a "
                f"list of them. Received: {type(paths).__name__}"
            )
        self._config = config
        check_tokenizers(tokenizers, config, config.sides)
        columns.check_label(config)
        self._columns = columns
        self._texts = text_encoders(paths, tokenizers, config.sides)
        self._units = _list_units(expand_paths(paths))
        self._unit_rows = []
        self._fingerprint = _Fingerprint()
        self._skips_rows = False
        report = self._scan(
            rejected_rows_file, max_skipped, observe or (lambda table: None)
        )
        report.refuse_zero_weights()
        self._skips_rows = bool(report.unusable_rows)
        self.weight_range = report.weight_range
        self.num_rows = sum(self._unit_rows)
        blocks = -(-self.num_rows // block_rows)
        ends = self.num_rows * np.arange(blocks + 1) // blocks
        self.block_sizes = np.diff(ends).tolist()

    def fingerprint(self) -> str:
        """Digest of the rows, the units they are in and the blocks' sizes."""
        layout = (self._unit_rows, self.block_sizes)
        return self._fingerprint.hexdigest(repr(layout))

    def blocks(self, epoch: int) -> Iterator[PairTable]:
        """Yields an epoch's blocks, a function of the seed and the epoch.

        Raises:
            DataError: If a file has changed.
        """
        seed = np.random.SeedSequence(
            [self._config.seed, epoch], spawn_key=(0,)
        )
        order = np.random.default_rng(seed).permutation(len(self._units))
        waiting = iter(order)
        readers = []
        for size in self.block_sizes:
            yield PairTable.concat(self._next_block(size, readers, waiting))

    def _next_block(self, size, readers, waiting):
        """Takes rows of open readers; returns them by unit."""
        parts = defaultdict(list)
        while size:
            free = _OPEN_UNITS - len(readers)
            readers += map(self._reader, itertools.islice(waiting, free))
            for place, reader in enumerate(open_ := list(readers)):
                share = -(-size // (len(open_) - place))
                tables = reader.take(share)
                parts[reader.unit] += tables
                size -= sum(map(len, tables))
                if not reader.rows_left:
                    readers.remove(reader)
        return [table for unit in sorted(parts) for table in parts[unit]]

    def _reader(self, unit):
        tables = self._sound_pieces(self._units[unit])
        return _UnitReader(
            unit, self._units[unit].path, self._unit_rows[unit], tables
        )

    def _sound_pieces(self, unit):
        for table, *_ in self._pieces(unit):
            if self._skips_rows:
                table = check_block(table, self._config, True).sound
            yield table

    def _pieces(self, unit):
        return read_pieces(
            unit.path,
            self._config.sides,
            True,
            columns=self._columns,
            texts=self._texts,
            row_group=unit.row_group,
        )

    def _scan(self, rejected_rows_file, max_skipped, observe):
        records = None
        if self._texts:
            records = file_records(
                self._config.sides, True, self._columns, self._texts
            )
        with SoundRows(
            self._config, True, rejected_rows_file, records, max_skipped
        ) as sound:
            for unit in self._units:
                rows = 0
                for piece in self._pieces(unit):
                    table = sound.add(*piece)
                    if sound.failed:
                        continue
                    self._fingerprint.add(table)
                    observe(table)
                    rows += len(table)
                self._unit_rows.append(rows)
            return sound.finish()


class _Unit(NamedTuple):
    """A file, or a row group of one."""

    path: str
    row_group: int | None


def _list_units(files):
    units = []
    for file in files:
        groups = [None]
        if file.endswith(".parquet"):
            # A file without rows is an error when it is read.
            groups = np.flatnonzero(row_group_sizes(file)).tolist() or groups
        units += [_Unit(file, group) for group in groups]
    return units


class _UnitReader:
    """Reads a unit's rows in portions of any size."""

    def __init__(self, unit, path, rows, tables):
        self.unit = unit
        self.rows_left = rows
        self._path = path
        self._tables = tables
        self._table = None

    def take(self, rows):
        """Returns tables of the next rows, fewer where the unit ends."""
        rows = min(rows, self.rows_left)
        self.rows_left -= rows
        taken = []
        while rows:
            if not self._table:
                self._table = next(self._tables, None)
            if self._table is None:
                self._refuse()
            table, self._table = self._table, None
            if len(table) > rows:
                self._table = table.take(slice(rows, None))
                table = table.take(slice(rows))
            taken.append(table)
            rows -= len(table)
        if not self.rows_left and (self._table or any(self._tables)):
            self._refuse()
        return taken

    def _refuse(self):
        raise DataError(
            f"{self._path}: has another number of rows than when training "
            "began. Leave the files alone until it has ended."
        )


class _Fingerprint:
    """Digests columns, independent of how they are cut into pieces."""

    def __init__(self):
        self._digests = defaultdict(lambda: hashlib.blake2b(digest_size=8))
        self._rows = 0

    def add(self, table):
        for name, side in table.sides.items():
            self._update(f"{name} lengths", side.lengths)
            self._update(f"{name} values", side.values)
        self._update("labels", table.labels)
        rows, weights = table.other_weights()
        if rows.size:
            self._update("weighted rows", self._rows + rows)
            self._update("weights", weights)
        self._rows += len(table)

    def hexdigest(self, layout):
        whole = hashlib.blake2b(layout.encode(), digest_size=8)
        for name in sorted(self._digests):
            whole.update(self._digests[name].digest())
        return whole.hexdigest()

    def _update(self, name, array):
        self._digests[name].update(np.ascontiguousarray(array).data)


def _refuse_small_blocks(block_rows, mini_batch_size):
    if not isinstance(block_rows, int) or block_rows < mini_batch_size:
        raise ValueError(
            "`stream_rows` must be an integer of at least `mini_batch_size`, "
            f"{mini_batch_size}. Received: stream_rows={block_rows!r}"
        )
