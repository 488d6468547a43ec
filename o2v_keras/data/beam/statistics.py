"""Checks a corpus with Apache Beam, like `o2v check`."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.check.report import weight_notice
from o2v_keras.data.read.pairs import read_pieces
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import SIDES
from o2v_keras.text.placeholder_ids import MarkedTexts
from o2v_keras.text.placeholder_ids import marked_texts


def write_statistics(
    files: Sequence[str],
    config: Object2VecConfig | None,
    training: bool,
    output: str,
    options: PipelineOptions,
) -> None:
    """Checks all files of a corpus and writes what `o2v check` would print.

    Args:
        files: Paths of the files, in the order of the report.
        config: `Object2VecConfig` the data must fit, or `None`.
        training: Whether the rows are training data (see `PairCheck`).
        output: Path of the text, on any file system of Beam.
        options: Beam's options.

    Raises:
        DataError: If a file cannot be read or holds no record.
    """
    texts = marked_texts(config, files) if config else {}
    with beam.Pipeline(options=options) as pipeline:
        (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "check" >> beam.FlatMap(_checks, config, training, texts)
            | "merge" >> beam.CombineGlobally(_Merge(files, config, training))
            | "text" >> beam.Map(_text)
            | "write" >> beam.io.WriteToText(output, shard_name_template="")
        )


def _checks(
    file: str,
    config: Object2VecConfig | None,
    training: bool,
    texts: dict[str, MarkedTexts],
) -> Iterator[PairCheck]:
    check = PairCheck(config, training)
    sides = config.sides if config else SIDES
    for piece in read_pieces(file, sides, label=True, texts=texts):
        check.add(*piece)
    yield check


def _text(check: PairCheck) -> str:
    report = check.report()
    report.refuse_zero_weights()
    text = f"{report}\n{report.proposal}"
    notice = weight_notice(report.weight_range, DEFAULT_COLUMNS)
    return f"{text}\n{notice}" if notice and not report.errors else text


class _Merge(beam.CombineFn):
    """Merges the checks of files."""

    def __init__(self, files, config, training):
        self._files = tuple(files)
        self._config = config
        self._training = training

    def create_accumulator(self):
        return PairCheck(self._config, self._training)

    def add_input(self, merged, check):
        merged.merge(check, self._files)
        return merged

    def merge_accumulators(self, accumulators: Iterable[PairCheck]):
        merged = self.create_accumulator()
        for check in accumulators:
            merged.merge(check, self._files)
        return merged

    def extract_output(self, merged):
        return merged
