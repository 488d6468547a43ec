"""Converts pairs to TFRecord shards with Apache Beam."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import Metrics
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.data.beam.counters import total
from o2v_keras.data.check.bad_rows import refuse_too_many_skipped
from o2v_keras.data.check.bad_rows import skipped_share
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.convert.convert import refuse_lossy_labels
from o2v_keras.data.convert.tf_example import make_examples
from o2v_keras.data.read.pairs import read_pieces

_BAD = "bad"
_ROWS = Metrics.counter("convert", "rows")
_LEFT_OUT = Metrics.counter("convert", "left_out")


def write_tfrecord(
    files: Sequence[str],
    output: str,
    options: PipelineOptions,
    *,
    shards: int = 0,
    compression: str | None = None,
    sides: Sequence[str] = ("in0", "in1"),
    label: bool = True,
    skip_bad_rows: bool | float = False,
) -> tuple[int, int]:
    """Writes the records that `o2v convert` writes, in another order.

    The shards `pairs-00000-of-00012.tfrecord` get their names when all of
    them are whole.

    Args:
        files: Paths of JSON Lines, Parquet or TFRecord files.
        output: Folder for the shards, on any file system of Beam.
        options: Beam's options.
        shards: Number of shards. Defaults to 0: Beam chooses.
        compression: `"gzip"`, or `None` for plain files. Defaults to `None`.
        sides: Names of the sides to write. Defaults to both.
        label: Whether the rows have labels. Defaults to `True`.
        skip_bad_rows: Whether to leave out rows with errors and write them
            with their reasons to `_rejected_rows-*.jsonl` in `output`: `True`
            for up to 1 %, a number such as 0.2 for another share, which is
            checked at the end. Defaults to `False`: they stop the job.

    Returns:
        The number of rows written, and of rows left out.

    Raises:
        DataError: If a file cannot be read, holds no record or, without
            `skip_bad_rows`, has bad rows; by file and line. If more rows
            have errors than `skip_bad_rows` allows.
        ValueError: If `output` holds shards already.
    """
    prefix = FileSystems.join(output, "pairs")
    (found,) = FileSystems.match([f"{prefix}-*"])
    if found.metadata_list:
        raise ValueError(
            "`output` must hold no shards, for those of two jobs would mix. "
            f"Received: {found.metadata_list[0].path}"
        )
    gzip = compression == "gzip"
    max_skipped = skipped_share(skip_bad_rows)
    skip_bad_rows = max_skipped is not None
    with beam.Pipeline(options=options) as pipeline:
        records = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "read"
            >> beam.FlatMap(_records, sides, label, skip_bad_rows).with_outputs(
                _BAD, main="records"
            )
        )
        records.records | "write" >> beam.io.WriteToTFRecord(
            prefix,
            file_name_suffix=".tfrecord.gz" if gzip else ".tfrecord",
            num_shards=shards,
            compression_type=(
                CompressionTypes.GZIP if gzip else CompressionTypes.UNCOMPRESSED
            ),
        )
        if skip_bad_rows:
            records[_BAD] | "write bad rows" >> beam.io.WriteToText(
                FileSystems.join(output, "_rejected_rows"),
                file_name_suffix=".jsonl",
                append_trailing_newlines=False,
            )
    metrics = pipeline.result.metrics()
    rows, left_out = total(metrics, _ROWS), total(metrics, _LEFT_OUT)
    if max_skipped is not None:
        place = f"{output}/_rejected_rows-* holds them with the reasons."
        refuse_too_many_skipped(left_out, rows + left_out, max_skipped, place)
    return rows, left_out


def _records(file: str, sides: Sequence[str], label: bool, skip_bad_rows: bool):
    """Yields records, and lines for the bad rows under their tag."""
    check = PairCheck()
    for piece in read_pieces(file, sides, label):
        block = check.add(*piece)
        if skip_bad_rows:
            _LEFT_OUT.inc(block.unusable_rows)
            for rows in (block.rejected, block.refused()):
                for line in rows.json_lines():
                    yield beam.pvalue.TaggedOutput(_BAD, line)
        elif check.has_errors:
            check.report().raise_for_errors()
        table = block.sound
        refuse_lossy_labels(table)
        _ROWS.inc(len(table))
        yield from make_examples(table)
