"""Divides pairs with Apache Beam, like `o2v pairs split`."""

import dataclasses
import functools
import json
import operator
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read.record import Column
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.pairs.holdout import PARTS
from o2v_keras.pairs.holdout import TEST
from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import VALIDATION
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import LogReader
from o2v_keras.pairs.objects import check_seed
from o2v_keras.pairs.objects import seeded
from o2v_keras.pairs.result import REPORT
from o2v_keras.pairs.result import Report
from o2v_keras.pairs.split import check_one_format
from o2v_keras.pairs.split import ending_of
from o2v_keras.pairs.split import header_of
from o2v_keras.pairs.split import key_fields
from o2v_keras.pairs.split import key_hashes
from o2v_keras.pairs.split import records_of
from o2v_keras.pairs.split import units_of

KINDS = ("random", "group")
# Drawn units are counted by the first bits of their hashes.
_BITS = 16
_SIGN = np.uint64(1 << 63)


class _Row(NamedTuple):
    pair: int
    part: int
    record: str


def write_split(
    files: Sequence[str],
    output: str,
    options: PipelineOptions,
    kind: str = "random",
    *,
    group: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    columns: PairColumns = DEFAULT_COLUMNS,
    seed: int = 0,
) -> Report:
    """Writes the parts that `o2v_keras.pairs.split` makes, in another order.

    The shards `train-00000-of-00012.jsonl`, of what is held out
    `validation-*` and `test-*`, hold the records as they are; `_pairs.json`
    holds the report. No worker holds more than a file's buffer, and no
    element is larger than a record or a few 100 KB.

    Args:
        files: Paths of JSON Lines, CSV or TSV files of one format.
        output: Folder without such shards, on any file system of Beam.
        options: Beam's options.
        kind: `"random"`: pairs; `"group"`: all rows of some groups. Defaults
            to `"random"`.
        group: Column of the groups, such as the users.
        validation: Share below 1, or number: of pairs or groups. Defaults to
            0.1.
        test: The same. Defaults to 0.1.
        columns: `PairColumns` of the files. Defaults to `in0`, `in1`.
        seed: Of the draw. Defaults to 0.

    Returns:
        `Report`.

    Raises:
        ValueError: If an argument is out of range or missing, or `output`
            holds shards already.
        DataError: If data cannot be used; the message says which rows.
    """
    check_seed(seed)
    holdout = Holdout(kind, validation, test)
    holdout.check(KINDS, has_time=False)
    fields = key_fields(kind, columns, group)
    check_one_format(files)
    ending = ending_of(files[0])
    if ending == "parquet":
        raise DataError(
            f"{files[0]}: must be JSON Lines, CSV or TSV. `o2v pairs split` "
            "divides Parquet files, on one machine."
        )
    (found,) = FileSystems.match([FileSystems.join(output, "*-of-*")])
    if found.metadata_list:
        raise ValueError(
            "`output` must hold no shards, for those of two jobs would mix. "
            f"Received: {found.metadata_list[0].path}"
        )
    header = None
    if ending in ("csv", "tsv"):
        header = header_of(files).decode().removesuffix("\n")
    counts = FileSystems.join(output, "_counts")
    with beam.Pipeline(options=options) as pipeline:
        rows = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "read" >> beam.FlatMap(_rows, kind, fields, seed)
        )
        cuts = beam.pvalue.AsSingleton(_cuts(rows | beam.Keys(), holdout))
        rows |= "draw" >> beam.Map(_drawn, cuts)
        # The hash of a pair decides on it, but a group decides on rows, and
        # two groups may have a pair in common.
        if kind == "group":
            rows = _without_repeated(rows)
        else:
            rows |= "all" >> beam.Map(lambda row: (row, True))
        for part, name in enumerate(PARTS):
            (
                rows
                | f"of {name}" >> beam.Filter(_is_of, part)
                | f"{name} records" >> beam.Map(lambda row: row[0].record)
                | f"write {name}"
                >> beam.io.WriteToText(
                    FileSystems.join(output, name),
                    file_name_suffix=f".{ending}",
                    header=header,
                    skip_if_empty=True,
                )
            )
        (
            rows
            | "kinds" >> beam.Map(lambda row: (row[0].part, row[1]))
            | "count" >> beam.combiners.Count.PerElement()
            | "counts" >> beam.Map(json.dumps)
            | "write counts"
            >> beam.io.WriteToText(counts, shard_name_template="")
        )
    report = _report(counts)
    FileSystems.delete([counts])
    with FileSystems.create(FileSystems.join(output, REPORT)) as file:
        file.write(json.dumps(dataclasses.asdict(report)).encode())
    return report


def _rows(file, kind, fields, seed):
    """Yields the hash of what is drawn, and the hash of a pair and record."""
    reader = LogReader(fields, verbose=0)
    records = (
        record.as_py()
        for table in records_of(Column(fields["in0"][0], "json"), file)
        for record in table["record"]
    )
    for table in reader.read([file]):
        keys = key_hashes(table)
        pairs = _signed(seeded(seed, keys["in0"], keys["in1"]))
        units = _signed(units_of(kind, keys, seed))
        for unit, pair in zip(units.tolist(), pairs.tolist(), strict=True):
            yield unit, (pair, next(records))
    reader.finish()


def _signed(hashes):
    # In the same order; Beam's integers have a sign.
    return (hashes ^ _SIGN).view(np.int64)


def _drawn(row, cuts):
    unit, (pair, record) = row
    validation, test = cuts
    part = TRAIN
    if test is not None and unit >= test:
        part = TEST
    elif validation is not None and unit >= validation:
        part = VALIDATION
    return _Row(pair, part, record)


def _is_of(row, part):
    return row[1] and row[0].part == part


def _cuts(hashes, holdout):
    """Finds the least hashes of validation and test, each or `None`.

    Of all distinct hashes, test has the last and validation those before. The
    hashes are counted by their first bits. That tells with which bits a part
    begins, and only the hashes with these bits are sorted.
    """
    units = hashes | "distinct" >> beam.Distinct()
    borders = (
        units
        | "count hashes" >> beam.CombineGlobally(_CountByFirstBits())
        | "borders" >> beam.Map(_borders, holdout)
    )
    known = beam.pvalue.AsSingleton(borders)
    return (
        units
        | "at a border" >> beam.Filter(_is_at_border, known)
        | "sort" >> beam.CombineGlobally(_AllSorted())
        | "cuts" >> beam.Map(_cut_at, known)
    )


class _CountByFirstBits(beam.CombineFn):
    def create_accumulator(self):
        return np.zeros(1 << _BITS, np.int64)

    def add_input(self, counts, unit):
        counts[_first_bits(unit)] += 1
        return counts

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]):
        return functools.reduce(operator.add, accumulators)

    def extract_output(self, counts):
        return counts


def _first_bits(unit):
    return (unit >> (64 - _BITS)) + (1 << (_BITS - 1))


def _borders(counts, holdout):
    """Returns, of validation and test, the first bits and place of its first.

    The place is that among the hashes with the same first bits.
    """
    ends = np.cumsum(counts)
    total = int(ends[-1])
    validation, test = holdout.sizes(total)
    borders = []
    for rows, first in (
        (validation, total - test - validation),
        (test, total - test),
    ):
        bits = int(np.searchsorted(ends, first, side="right"))
        place = first - int(ends[bits - 1] if bits else 0)
        borders.append((bits, place) if rows else None)
    return tuple(borders)


def _is_at_border(unit, borders):
    return any(b is not None and b[0] == _first_bits(unit) for b in borders)


class _AllSorted(beam.CombineFn):
    def create_accumulator(self):
        return []

    def add_input(self, units, unit):
        units.append(unit)
        return units

    def merge_accumulators(self, accumulators: Iterable[list[Any]]):
        return [unit for units in accumulators for unit in units]

    def extract_output(self, units):
        return sorted(units)


def _cut_at(units, borders):
    cuts = []
    for border in borders:
        own = []
        if border is not None:
            own = [unit for unit in units if _first_bits(unit) == border[0]]
        cuts.append(own[border[1]] if own else None)
    return tuple(cuts)


def _without_repeated(rows):
    """Says of each row whether it is kept: the first part keeps its pairs."""
    repeated = (
        rows
        | "parts" >> beam.Map(lambda row: (row.pair, 1 << row.part))
        | "parts of pairs" >> beam.CombinePerKey(_Union())
        | "in several parts" >> beam.Filter(lambda p: p[1] & (p[1] - 1))
    )
    by_pair = rows | "by pair" >> beam.Map(lambda row: (row.pair, row))
    return (
        {"rows": by_pair, "parts": repeated}
        | "together" >> beam.CoGroupByKey()
        | "kept" >> beam.FlatMapTuple(_kept)
    )


class _Union(beam.CombineFn):
    def create_accumulator(self):
        return 0

    def add_input(self, union, parts):
        return union | parts

    def merge_accumulators(self, accumulators: Iterable[int]):
        return functools.reduce(operator.or_, accumulators)

    def extract_output(self, union):
        return union


def _kept(pair: int, found: dict[str, Any]) -> Iterator[tuple[_Row, bool]]:
    # Rows are passed through one by one; there may be many of a pair.
    (parts,) = list(found["parts"]) or (0,)
    for row in found["rows"]:
        yield row, not parts or 1 << row.part == parts & -parts


def _report(path):
    counts = Counter()
    with FileSystems.open(path) as file:
        for line in file.read().decode().splitlines():
            (part, kept), number = json.loads(line)
            counts[part, kept] = number
    report = Report()
    report.count("rows read", counts.total())
    for part, name in enumerate(PARTS):
        report.dropped(
            f"{name} pairs that are in another part", counts[part, False]
        )
    if not counts[TRAIN, True]:
        raise DataError(f"No training pair is left. Counts:\n{report}")
    for part, name in enumerate(PARTS):
        if counts[part, True]:
            report.count(f"{name} pairs", counts[part, True])
    return report
