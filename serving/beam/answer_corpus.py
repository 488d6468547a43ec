"""Answers all rows of a corpus."""

import dataclasses

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import Metrics
from apache_beam.ml.inference.base import PredictionResult
from apache_beam.ml.inference.base import RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.data.beam.counters import total
from o2v_keras.data.read.record import Column
from serving.batch_inference.input_files import input_fields
from serving.beam.answer_rows import answer_lines
from serving.beam.answer_rows import answer_schema
from serving.beam.answer_rows import answer_tables
from serving.beam.corpus_files import MOST_BYTES
from serving.beam.corpus_files import read_windows
from serving.beam.saved_model_handler import SavedModelHandler
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import SCORES
from serving.signatures import SCORES_SIGNATURE

_ROWS = Metrics.counter("answer_corpus", "rows")
_BAD_ROWS = Metrics.counter("answer_corpus", "bad_rows")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorpusJob:
    """What to ask of which rows, and where the answers go.

    Args:
        files: Paths of JSON Lines.
        model: An export, as `SavedModelHandler` takes it.
        output: Beginning of the paths of the shards, wherever Beam can write.
        side: `"in0"` or `"in1"`, to embed it. Defaults to `None`: both sides
            are scored.
        format: `"jsonl"` or `"parquet"`. Defaults to `"jsonl"`.
        shards: Number of shards. Defaults to 0: as Beam sees fit.
        id_field: Field of the records that names them: a string or an
            integer. Defaults to `None`: they are named by `file` and `line`,
            which counts from 1.
        batch_size: Rows of a batch. Defaults to 256.
        window: Rows that are read, sent to a worker and sorted by length
            together. Defaults to 4,096.

    Raises:
        ValueError: If a number is too small.
    """

    files: tuple[str, ...]
    model: str
    output: str
    side: str | None = None
    format: str = "jsonl"
    shards: int = 0
    id_field: str | None = None
    batch_size: int = 256
    window: int = 4096

    def __post_init__(self):
        for name, least in (("batch_size", 1), ("window", 1), ("shards", 0)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"`{name}` must be at least {least}. "
                    f"Received: {name}={getattr(self, name)}"
                )

    @property
    def fields(self) -> dict[str, Column]:
        """What is read: the sides, as ids, and what names the rows."""
        sides = (self.side,) if self.side else (IN0, IN1)
        return input_fields({side: side for side in sides}, self.id_field)

    @property
    def column(self) -> str:
        """Name of the answers."""
        return EMBEDDINGS if self.side else SCORES


def answer_corpus(job: CorpusJob, options: PipelineOptions) -> tuple[int, int]:
    """Writes the answers of `o2v batch`, in another order.

    A line of `<output>-00000-of-00012.jsonl` is `{"file": ..., "line": ...,
    "embeddings": [...]}` (or `scores`), Parquet has these columns. Rows
    without an answer are in `<output>.bad_rows-*.jsonl`, with file, line,
    reason and record. Shards get their names when all of them are whole.

    Args:
        job: `CorpusJob`.
        options: Beam's options.

    Returns:
        How many rows there are, and how many of them are bad.

    Raises:
        ValueError: If shards are there already, the model cannot be used, or a
            file cannot be read.
    """
    _refuse_shards(job.output)
    embeds = job.side is not None
    handler = SavedModelHandler(
        job.model,
        EMBEDDINGS_SIGNATURE if embeds else SCORES_SIGNATURE,
        (IN0, IN1) if job.side is None else (job.side,),
        job.batch_size,
    )
    with beam.Pipeline(options=options) as pipeline:
        answers = (
            pipeline
            | "files" >> beam.Create(job.files)
            | "spread files" >> beam.Reshuffle()
            | "read" >> beam.FlatMap(read_windows, job.fields, job.window)
            # The model takes far longer than reading.
            | "spread windows" >> beam.Reshuffle()
            | "answer" >> RunInference(handler)
            | "count rows" >> beam.Map(_counted)
        )
        _write(answers, job)
        (
            answers
            | "bad rows" >> beam.FlatMap(_bad_rows)
            | "write bad rows"
            >> beam.io.WriteToText(
                f"{job.output}.bad_rows",
                file_name_suffix=".jsonl",
                skip_if_empty=True,
            )
        )
    metrics = pipeline.result.metrics()
    return total(metrics, _ROWS), total(metrics, _BAD_ROWS)


def _counted(result: PredictionResult) -> PredictionResult:
    _ROWS.inc(len(result.example))
    _BAD_ROWS.inc(len(result.inference.reasons))
    return result


def _bad_rows(result):
    for row, reason in result.inference.reasons.items():
        yield result.example.bad_row(row, reason)


def _write(answers, job):
    if job.format == "jsonl":
        lines = answers | "lines" >> beam.FlatMap(
            lambda r: answer_lines(r.example, r.inference, job.column)
        )
        lines | "write" >> beam.io.WriteToText(
            job.output, file_name_suffix=".jsonl", num_shards=job.shards
        )
        return
    schema = answer_schema(job.id_field, job.column)
    tables = answers | "tables" >> beam.FlatMap(
        lambda r: answer_tables(r.example, r.inference, schema, MOST_BYTES)
    )
    tables | "write" >> beam.io.WriteToParquetBatched(
        job.output,
        schema,
        file_name_suffix=".parquet",
        num_shards=job.shards,
        use_compliant_nested_type=True,
    )


def _refuse_shards(output):
    (found,) = FileSystems.match([f"{output}*-of-*"])
    if found.metadata_list:
        raise ValueError(
            "`output` must name no shards yet, for those of two jobs would "
            f"mix. Received: {found.metadata_list[0].path}"
        )
