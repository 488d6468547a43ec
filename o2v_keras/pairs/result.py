"""Pairs that were made, the report on them, and the files of both."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_hashes import mix_bits
from o2v_keras.data.read.block import as_json_texts
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.pairs.holdout import PARTS
from o2v_keras.pairs.log import BAR
from o2v_keras.pairs.objects import Objects
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import disk_full_named
from o2v_keras.storage.replace import write_json

FORMATS = ("jsonl", "parquet", "csv")
REPORT = "_pairs.json"
REJECTED = "_rejected_rows.jsonl"
# Entries of bags that are in memory at once.
_ENTRIES = 1 << 21


@dataclasses.dataclass(eq=False)
class Report:
    """What was kept, capped and dropped.

    Attributes:
        counts: What was counted -> the number.
        hyperparameters: What the data need, by the names of
            `Object2VecConfig`.
    """

    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    hyperparameters: dict[str, str | int] = dataclasses.field(
        default_factory=dict
    )

    def copy(self) -> "Report":
        """Returns a copy that can be changed."""
        return Report({**self.counts}, {**self.hyperparameters})

    def count(self, what: str, number: int) -> None:
        """Adds to what was counted."""
        self.counts[what] = self.counts.get(what, 0) + int(number)

    def dropped(self, what: str, number: int) -> None:
        """Counts what was left out, if anything."""
        if number:
            self.count(f"dropped: {what}", number)

    def __str__(self) -> str:
        lines = [f"{count:>12,}  {what}" for what, count in self.counts.items()]
        values = " ".join(f"{n}={v}" for n, v in self.hyperparameters.items())
        if values:
            lines.append(f"hyperparameters of the data: {values}")
        return "\n".join(lines)


class Pairs:
    """Pairs, made when they are asked for, and the report on them.

    Tables have the columns `in0`, `in1` and `label`, perhaps `weight`, and
    where a side is a bag, a column that names its owner. `load_dataset`,
    `train` and `learn_tokenizers` take them as they are.

    Args:
        make: Makes the pairs: yields (part, table), and completes the report
            that it is given.
        report: `Report` on what has been read.
        rejected: `RejectedRows` that were left out. Defaults to none.
    """

    def __init__(
        self,
        make: Callable[[Report], Iterator[tuple[str, pa.Table]]],
        report: Report,
        rejected: RejectedRows | None = None,
    ):
        self._make = make
        self._read = report
        self._rejected = rejected or RejectedRows.none()

    @property
    def train(self) -> pa.Table:
        """The training pairs.

        Raises:
            DataError: If there is none.
        """
        return self._made[0]["train"]

    @property
    def validation(self) -> pa.Table | None:
        """The validation pairs; `None` if none are held out."""
        return self._made[0].get("validation")

    @property
    def test(self) -> pa.Table | None:
        """The test pairs; `None` if none are held out."""
        return self._made[0].get("test")

    @property
    def report(self) -> Report:
        """What was kept, capped and dropped, and what the data need."""
        return self._made[1]

    def write(
        self, output: str | os.PathLike[str], format: str = "jsonl"
    ) -> Report:
        """Writes `train.jsonl` and, if there are any, the other parts' files.

        The pairs are not held in memory. Beside them is the report,
        `_pairs.json`, and, of bad rows that were left out,
        `_rejected_rows.jsonl`.

        Args:
            output: New or empty folder, or one of earlier pairs, which are
                replaced.
            format: `"jsonl"`, `"parquet"` or `"csv"`. Defaults to `"jsonl"`.

        Returns:
            `Report`.

        Raises:
            ValueError: If the format is unknown or the folder holds other
                files.
            DataError: If there is no training pair.
        """
        check_format(format)
        return self._write(output, format, _WRITERS[format])

    def _write(self, output, ending, open_writer):
        report = self._read.copy()
        with (
            pairs_folder(output).replaced() as folder,
            disk_full_named(output),
            contextlib.ExitStack() as files,
        ):
            writers = {}
            for part, table in self._counted(report):
                if part not in writers:
                    path = folder / f"{part}.{ending}"
                    writer = open_writer(path, table.schema)
                    writers[part] = files.enter_context(writer)
                writers[part].write(table)
            files.close()
            if len(self._rejected):
                self._rejected.write(folder / REJECTED)
            write_json(folder / REPORT, dataclasses.asdict(report))
        return report

    @functools.cached_property
    def _made(self):
        report, parts = self._read.copy(), {}
        for part, table in self._counted(report):
            parts.setdefault(part, []).append(table)
        return {name: self._joined(t) for name, t in parts.items()}, report

    def _joined(self, tables):
        return pa.concat_tables(tables)

    def _counted(self, report):
        made: dict[str, int] = dict.fromkeys(PARTS, 0)
        for part, table in self._make(report):
            made[part] += len(table)
            if len(table):
                yield part, table
        if not made["train"]:
            counts = Report(report.counts)
            raise DataError(f"No training pair is left. Counts:\n{counts}")
        for part, number in made.items():
            if number:
                report.count(f"{part} pairs", number)


def pairs_folder(output: str | os.PathLike[str]) -> OutputFolder:
    """Returns the folder of results."""
    endings = (*FORMATS, "tsv", "json", "ndjson")
    names = [f"{part}.{ending}" for part in PARTS for ending in endings]
    return OutputFolder(output, "output", "pairs", [*names, REPORT, REJECTED])


def check_format(format: str) -> None:
    """Raises `ValueError` if a format is unknown."""
    if format not in FORMATS:
        raise ValueError(
            f"`format` must be one of {', '.join(FORMATS)}. "
            f"Received: format={format!r}"
        )


def check_output(output: str | os.PathLike[str], *sources: Any) -> None:
    """Checks where pairs are to go, before anything is read.

    Raises:
        ValueError: If the folder holds other files, or a source is in it.
    """
    folder = pathlib.Path(output).resolve()
    for source in sources:
        if source is None or is_in_memory(source):
            continue
        for file in expand_paths(source):
            if is_remote(file):
                continue
            file = pathlib.Path(file).resolve()
            if file == folder or folder in file.parents:
                raise ValueError(
                    "`output` must be another folder than that of the input, "
                    f"which it would replace. Received: output={output!r} with "
                    f"the input {file}"
                )
    pairs_folder(output).check_replaceable()


class SideValues:
    """The values that data hold for objects: ids or names.

    Args:
        objects: `Objects`.
        ids: Whether the values are ids. Defaults to `None`: if they can be.
        side: Name of the objects, for the message.

    Raises:
        ValueError: If names are to be ids and cannot be.
    """

    def __init__(self, objects: Objects, ids: bool | None, side: str):
        self.are_ids = objects.ids is not None if ids is None else ids
        if self.are_ids and objects.ids is None:
            raise ValueError(
                '`ids` must be "names" unless all names are whole numbers '
                f"from 1 without large gaps, which the {side} are not."
            )
        self.values = pa.array(objects.ids) if self.are_ids else objects.names
        self.largest = int(objects.ids.max()) if self.are_ids else None
        self._hashes = objects.hashes

    def one(self, numbers: np.ndarray) -> pa.Array:
        """Returns the values of objects, one a row."""
        return self.values.take(pa.array(numbers))

    def bags(self, flat: np.ndarray, lengths: np.ndarray) -> pa.Array:
        """Returns bags: lists of ids, or names with `|` between them."""
        offsets = pa.array(np.append(0, np.cumsum(lengths)), pa.int32())
        values = self.values.take(pa.array(flat))
        lists = pa.ListArray.from_arrays(offsets, values)
        return lists if self.are_ids else pc.binary_join(lists, BAR)

    def hashes(self, numbers: np.ndarray) -> np.ndarray:
        """Hashes of objects; uint64."""
        return self._hashes[numbers]

    def bag_hashes(
        self, flat: np.ndarray, lengths: np.ndarray, ordered: bool = False
    ) -> np.ndarray:
        """Hashes of bags, or of lists if their order counts; uint64."""
        hashes = mix_bits(self._hashes[flat])
        ends = np.cumsum(lengths)
        if ordered:
            places = np.arange(len(flat)) - np.repeat(ends - lengths, lengths)
            hashes = mix_bits(hashes ^ places.astype(np.uint64))
        sums = np.zeros(len(flat) + 1, np.uint64)
        np.cumsum(hashes, out=sums[1:])
        return sums[ends] - sums[ends - lengths]

    def hyperparameters(self, side: str, longest: int | None) -> dict[str, Any]:
        """Returns what a side of such values needs.

        Args:
            side: `"enc0"` or `"enc1"`.
            longest: Length of the longest bag; `None` if a row has one value.
        """
        if self.are_ids:
            return {
                f"{side}_max_seq_len": longest or 1,
                f"{side}_vocab_size": self.largest + 1,
            }
        if longest is None:
            return {f"{side}_tokenizer": "category"}
        return {
            f"{side}_tokenizer": "categories",
            f"{side}_max_seq_len": longest,
        }


def chunks(sizes: np.ndarray) -> Iterator[slice]:
    """Yields slices of rows that hold some two million entries each.

    Args:
        sizes: Entries of each row, at most.
    """
    ends = np.cumsum(sizes)
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, before + _ENTRIES, side="right"))
        stop = max(stop, start + 1)
        yield slice(start, stop)
        start = stop


class _JsonLines:
    def __init__(self, path, schema):
        self._path = path

    def __enter__(self):
        self._file = open(self._path, "wb")
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, table):
        for batch in table.to_batches():
            for line in json_lines(batch):
                self._file.write(line)


def json_lines(batch: pa.RecordBatch) -> Iterable[bytes]:
    r"""Writes rows as JSON Lines; yields bytes of many lines.

    Example:
    >>> batch = pa.RecordBatch.from_pydict({"in0": [[7, 8]], "in1": ["a"]})
    >>> b"".join(json_lines(batch))
    b'{"in0": [7, 8], "in1": "a"}\n'
    """
    if not len(batch):
        return
    parts = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        start = ", " if parts else "{"
        parts += [f"{start}{json.dumps(name)}: ", _json(column)]
    lines = pc.binary_join_element_wise(*parts, "}\n", "")
    data = lines.buffers()[2]
    offsets = np.frombuffer(lines.buffers()[1], np.int32)
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    yield memoryview(data)[first:last].tobytes()


def _json(column):
    if pa.types.is_list(column.type):
        texts = column.flatten().cast(pa.string())
        offsets = pc.subtract(column.offsets, column.offsets[0])
        lists = pa.ListArray.from_arrays(offsets, texts)
        return pc.binary_join_element_wise(
            "[", pc.binary_join(lists, ", "), "]", ""
        )
    if pa.types.is_floating(column.type):
        return column.cast(pa.string())
    return as_json_texts(column)


class _Csv:
    def __init__(self, path, schema):
        self._path = path
        fields = [
            pa.field(
                f.name, pa.string() if pa.types.is_list(f.type) else f.type
            )
            for f in schema
        ]
        self._writer = pyarrow.csv.CSVWriter(path, pa.schema(fields))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.close()

    def write(self, table):
        columns = {
            name: _blanks(table[name].combine_chunks())
            if pa.types.is_list(table[name].type)
            else table[name]
            for name in table.column_names
        }
        self._writer.write(pa.table(columns))


def _blanks(lists):
    texts = lists.flatten().cast(pa.string())
    offsets = pc.subtract(lists.offsets, lists.offsets[0])
    return pc.binary_join(pa.ListArray.from_arrays(offsets, texts), " ")


class ParquetWriter(pyarrow.parquet.ParquetWriter):
    """Writes tables to a Parquet file."""

    def write(self, table):
        self.write_table(table)


_WRITERS = {"jsonl": _JsonLines, "csv": _Csv, "parquet": ParquetWriter}
