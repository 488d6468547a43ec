"""Divides pairs with Apache Beam, like `o2v pairs split`."""

import bisect
import dataclasses
import functools
import itertools
import json
import math
import pickle
from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence
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
from o2v_keras.pairs.holdout import TRAIN
from o2v_keras.pairs.holdout import Holdout
from o2v_keras.pairs.log import LogReader
from o2v_keras.pairs.objects import check_seed
from o2v_keras.pairs.result import REPORT
from o2v_keras.pairs.result import Report
from o2v_keras.pairs.split import DRAWS
from o2v_keras.pairs.split import SPLITS
from o2v_keras.pairs.split import batches_of
from o2v_keras.pairs.split import check_one_format
from o2v_keras.pairs.split import ending_of
from o2v_keras.pairs.split import header_of
from o2v_keras.pairs.split import key_fields
from o2v_keras.pairs.split import key_hashes
from o2v_keras.pairs.split import pair_hashes
from o2v_keras.pairs.split import records_of
from o2v_keras.pairs.split import schema_of
from o2v_keras.pairs.split import sort_keys

# Most counts of a histogram, which travels: some 500 KB.
_MOST_COUNTS = 1 << 14
# Most characters of the records that travel together under a key. A key with
# more is known to all workers, and its rows stay where they are.
_MOST_CHARACTERS = 1 << 20
_MOST_BYTES = 4 << 20
_SIGN = np.uint64(1 << 63)


class _Cuts(NamedTuple):
    """Where validation and test begin, among the orders under a key.

    Args:
        size: Characters of the records under the key; infinite without groups.
        shift: Last bits of an order that are not known yet.
        buckets: The first bits of the last order before validation, and of
            that before test. -1 if there is none.
        places: Their places among the orders with these bits, from 1.
    """

    size: float
    shift: int
    buckets: Sequence[int]
    places: Sequence[int]

    def are_found(self):
        return self.shift == 0 or max(self.buckets) < 0


def write_split(
    files: Sequence[str],
    output: str,
    options: PipelineOptions,
    kind: str = "random",
    *,
    group: str | None = None,
    time: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    columns: PairColumns = DEFAULT_COLUMNS,
    seed: int = 0,
) -> Report:
    """Writes the parts that `o2v_keras.pairs.split` makes, in another order.

    The shards `train-00000-of-00012.jsonl`, of what is held out
    `validation-*` and `test-*`, hold the records as they are; `_pairs.json`
    holds the report. No element is above 5 MB, unless a record is.

    Two steps find where a part begins, each with at most 16,384 counts of
    times and hashes. The third sorts those that the first two did not tell
    apart: some thousands of 10^12 that are spread evenly. Groups and pairs are
    joined with their rows. Those with more than a million characters of
    records, no more than the data have MB, are known to all workers instead.

    Args:
        files: Paths of JSON Lines, CSV, TSV or Parquet files of one format.
        output: Folder without such shards, on any file system of Beam.
        options: Beam's options.
        kind: One of `SPLITS`, as in `split`. Defaults to `"random"`.
        group: Column of the groups, such as the users.
        time: Column of times: numbers, or dates and times.
        validation: Share below 1, or number: of pairs, groups or rows of each
            group. Defaults to 0.1.
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
    holdout.check(SPLITS, time is not None)
    fields = key_fields(kind, columns, group, time)
    check_one_format(files)
    (found,) = FileSystems.match([FileSystems.join(output, "*-of-*")])
    if found.metadata_list:
        raise ValueError(
            "`output` must hold no shards, for those of two jobs would mix. "
            f"Received: {found.metadata_list[0].path}"
        )
    write = _writer(files)
    counts = FileSystems.join(output, "_counts")
    with beam.Pipeline(options=options) as pipeline:
        rows, dates = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "read"
            >> beam.FlatMap(_rows, kind, fields, seed).with_outputs(
                "dates", main="rows"
            )
        )
        (
            dates
            | "a file of each" >> beam.CombinePerKey(min)
            | "kinds of times" >> beam.combiners.ToList()
            | "alike" >> beam.Map(_refuse_unlike)
        )
        cuts = _cuts(rows, holdout)
        rows = _joined("cuts", rows, cuts) | "part" >> beam.MapTuple(_parted)
        # Copies of a pair are in one part, since its hash alone decides.
        if kind == "random":
            rows |= "all" >> beam.MapTuple(
                lambda part, _, record: ((part, True), record)
            )
        else:
            rows = _without_repeated(rows)
        for part, name in enumerate(PARTS):
            (
                rows
                | f"of {name}" >> beam.Filter(_is_of, (part, True))
                | f"{name} records" >> beam.Values()
                | f"write {name}" >> write(FileSystems.join(output, name))
            )
        (
            rows
            | "kinds" >> beam.Keys()
            | "count" >> beam.combiners.Count.PerElement()
            | "counts" >> beam.Map(json.dumps)
            | "write counts"
            >> beam.io.WriteToText(counts, shard_name_template="")
        )
    # Without training pairs, nothing of the job is left.
    empty = PARTS
    try:
        report = _report(counts)
        empty = [n for n in PARTS if f"{n} pairs" not in report.counts]
    finally:
        FileSystems.delete([counts, *_shards(output, empty)])
    with FileSystems.create(FileSystems.join(output, REPORT)) as file:
        file.write(json.dumps(dataclasses.asdict(report)).encode())
    return report


def _writer(files):
    """Returns a function of a path, which makes what writes its shards."""
    ending = ending_of(files[0])
    if ending == "parquet":
        return functools.partial(_WriteParquet, schema_of(files))
    header = None
    if ending in ("csv", "tsv"):
        header = header_of(files).decode().removesuffix("\n")
    return functools.partial(
        beam.io.WriteToText, header=header, file_name_suffix=f".{ending}"
    )


class _WriteParquet(beam.PTransform):
    def __init__(self, schema, path):
        super().__init__()
        self._names = schema.names
        self._write = beam.io.WriteToParquet(
            path,
            schema,
            row_group_buffer_size=_MOST_BYTES,
            codec="snappy",
            use_compliant_nested_type=True,
            file_name_suffix=".parquet",
        )

    def expand(self, input_or_inputs):
        rows = input_or_inputs | beam.Map(_unpacked, self._names)
        return rows | self._write


def _unpacked(record, names):
    return dict(zip(names, pickle.loads(record), strict=True))


def _shards(output, names):
    patterns = [FileSystems.join(output, f"{name}-*-of-*") for name in names]
    return [
        f.path for m in FileSystems.match(patterns) for f in m.metadata_list
    ]


def _rows(file, kind, fields, seed):
    """Yields (key, (order, pair, record)) of rows, and how times are written.

    The key is that of the row's group, or one for all. Rows of a key are
    sorted by the order.
    """
    reader = LogReader(fields, verbose=0)
    records = _records(file, fields)
    for table in reader.read([file]):
        keys = key_hashes(table)
        groups = itertools.repeat(b"")
        if "within" in kind:
            groups = _sortable(keys["group"])
        orders = _sortable(*sort_keys(kind, keys, seed))
        pairs = _sortable(pair_hashes(keys, seed))
        for key, order, pair in zip(groups, orders, pairs, strict=False):
            yield key, (order, pair, next(records))
    reader.finish()
    if reader.dates is not None:
        yield beam.pvalue.TaggedOutput("dates", (reader.dates, file))


def _records(file, fields):
    if ending_of(file) == "parquet":
        return (
            pickle.dumps([*row.values()])
            for table in batches_of(file)
            for row in table.to_pylist()
        )
    tables = records_of(Column(fields["in0"][0], "json"), file)
    return (text.as_py() for table in tables for text in table["record"])


def _sortable(*columns):
    """Makes bytes of the rows of columns, in the same order."""
    rows = np.stack([*map(_unsigned, columns)], axis=1).astype(">u8")
    return rows.view(f"V{8 * len(columns)}").ravel().tolist()


def _unsigned(numbers):
    if numbers.dtype == np.uint64:
        return numbers
    # The bits of floats are in order but for the sign; -0.0 becomes 0.0.
    bits = (numbers + 0.0).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _refuse_unlike(files):
    # Each file for itself, its reader has checked.
    if len(files) > 1:
        raise DataError(
            f"{dict(files)[True]}: times are dates, but numbers in "
            f"{dict(files)[False]}. Write them alike in all files."
        )


def _cuts(rows, holdout):
    """Finds where the parts begin: key -> (size, cuts).

    The cuts are an order each: what is after the first is no longer training,
    and what is after the second is test.
    """
    orders = rows | "orders" >> beam.MapTuple(
        lambda key, row: (key, (row[0], len(row[2]) if key else 0))
    )
    if holdout.kind in DRAWS:
        orders |= "distinct" >> beam.Distinct()
    found, known = [], {}
    for step, most in enumerate((_MOST_COUNTS, _MOST_COUNTS, None)):
        near = orders
        if step:
            near |= f"near {step}" >> beam.Filter(_is_near, known)
        cuts = (
            near
            | f"count {step}" >> beam.CombinePerKey(_Histogram(most))
            | f"cut {step}" >> beam.Map(_cut, known, holdout)
        )
        found.append(
            cuts | f"found {step}" >> beam.Filter(lambda c: c[1].are_found())
        )
        known = beam.pvalue.AsDict(
            cuts | f"left {step}" >> beam.Filter(lambda c: not c[1].are_found())
        )
    return (
        tuple(found)
        | "all cuts" >> beam.Flatten()
        | "facts" >> beam.MapTuple(lambda key, c: (key, (c.size, c.buckets)))
    )


def _is_near(row, known):
    key, (order, _) = row
    cuts = known.get(key)
    return cuts and _number(order) >> cuts.shift in cuts.buckets


def _number(order):
    return int.from_bytes(order, "big")


class _Histogram(beam.CombineFn):
    """Counts orders by their first bits, all bits if there are few orders.

    The accumulator is how many last bits are left out, the least number that
    leaves `most` counts; the counts; and the size of the records. So it
    depends on the orders alone.
    """

    def __init__(self, most):
        self._most = most

    def create_accumulator(self):
        return 0, Counter(), 0

    def add_input(self, histogram, row):
        shift, counts, size = histogram
        order, own = row
        counts[_number(order) >> shift] += 1
        return *self._limited(shift, counts), size + own

    def merge_accumulators(
        self, accumulators: Iterable[tuple[int, Counter[int], int]]
    ):
        shift, counts, size = self.create_accumulator()
        for other_shift, other, own in accumulators:
            least = max(shift, other_shift)
            counts = _coarser(counts, least - shift)
            counts.update(_coarser(other, least - other_shift))
            shift, counts = self._limited(least, counts)
            size += own
        return shift, counts, size

    def extract_output(self, histogram):
        return histogram

    def _limited(self, shift, counts):
        if self._most is None or len(counts) <= self._most:
            return shift, counts
        # Neighbours that differ in their last n bits fall together without n.
        differ = sorted(
            (one ^ other).bit_length()
            for one, other in itertools.pairwise(sorted(counts))
        )
        bits = differ[-self._most]
        return shift + bits, _coarser(counts, bits)


def _coarser(counts, bits):
    if not bits:
        return counts
    coarser = Counter()
    for number, count in counts.items():
        coarser[number >> bits] += count
    return coarser


def _cut(histogram, known, holdout):
    """Finds the cuts in counts, of all orders or of those near a cut."""
    key, (shift, counts, size) = histogram
    cuts = known.get(key)
    if cuts is None:
        rows = counts.total()
        validation, test = holdout.sizes(rows, int("within" in holdout.kind))
        places = int(rows - test - validation), int(rows - test)
        cuts = _Cuts(size if key else math.inf, shift, (0, 0), places)
    buckets = [-1, *sorted(counts)]
    ends = [*itertools.accumulate(counts[bucket] for bucket in buckets)]
    found = []
    for bucket, place in zip(cuts.buckets, cuts.places, strict=True):
        # Orders near the other cut may be before.
        before = bisect.bisect_left(buckets, bucket << (cuts.shift - shift))
        place += ends[max(before - 1, 0)]
        own = bisect.bisect_left(ends, place)
        found.append((buckets[own], place - ends[max(own - 1, 0)]))
    return key, _Cuts(cuts.size, shift, *zip(*found, strict=True))


def _joined(name, rows, facts):
    """Joins facts to rows: yields the row and the fact, `None` without one.

    Args:
        name: Of the step.
        rows: (key, row).
        facts: (key, (size of its rows, fact)), at least of keys with large
            ones.
    """
    few, many = facts | f"{name}: many" >> beam.Partition(
        lambda fact, _: int(fact[1][0] > _MOST_CHARACTERS), 2
    )
    many = beam.pvalue.AsDict(many)
    of_few, of_many = rows | f"{name}: which" >> beam.Partition(
        lambda row, _, many: int(row[0] in many), 2, many
    )
    at_once = of_many | f"{name}: known" >> beam.Map(
        lambda row, many: (row[1], many[row[0]][1]), many
    )
    together = (
        {"rows": of_few, "facts": few}
        | f"{name}: together" >> beam.CoGroupByKey()
        | f"{name}: rows" >> beam.FlatMapTuple(_with_fact)
    )
    return (at_once, together) | f"{name}: all" >> beam.Flatten()


def _with_fact(_, found):
    (fact,) = [fact for _, fact in found["facts"]] or [None]
    for row in found["rows"]:
        yield row, fact


def _parted(row, cuts):
    order, pair, record = row
    # Without validation both cuts are one.
    return sum(_number(order) > cut for cut in cuts), pair, record


def _is_of(row, kind):
    return row[0] == kind


def _without_repeated(rows):
    """Says of each row whether it is kept: the first part keeps its pairs."""
    firsts = (
        rows
        | "copy" >> beam.MapTuple(_sizes_in_parts)
        | "copies"
        >> beam.CombinePerKey(beam.combiners.TupleCombineFn(sum, sum, sum))
        | "first parts" >> beam.FlatMapTuple(_first_part)
    )
    held_out, training = rows | "training" >> beam.Partition(
        lambda row, _: int(row[0] == TRAIN), 2
    )
    training |= "stay" >> beam.MapTuple(lambda *row: ((TRAIN, True), row[-1]))
    held_out |= "by pair" >> beam.Map(lambda row: (row[1], row))
    held_out = _joined("pairs", held_out, firsts) | "kept" >> beam.MapTuple(
        lambda row, first: ((row[0], first in (None, row[0])), row[-1])
    )
    return (training, held_out) | "all rows" >> beam.Flatten()


def _sizes_in_parts(part, pair, record):
    return pair, tuple(len(record) * (part == p) for p in range(len(PARTS)))


def _first_part(pair, sizes):
    held_out = sum(sizes) - sizes[TRAIN]
    several = sum(map(bool, sizes)) > 1
    if held_out and (several or held_out > _MOST_CHARACTERS):
        yield pair, (held_out, [*map(bool, sizes)].index(True))


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
