"""What `o2v check` finds out, of a corpus that many workers read."""

from collections.abc import Iterable
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.data.checking.corpus_check import CorpusCheck
from o2v_keras.data.checking.corpus_part import CorpusPart
from o2v_keras.data.read.pairs import read_pieces


def write_statistics(
    check: CorpusCheck, output: str, options: PipelineOptions
) -> None:
    """Checks all files of a corpus and writes what `o2v check` would print.

    Args:
        check: `CorpusCheck`, with the files to read.
        output: Path of the text, wherever Beam can write.
        options: Beam's options.

    Raises:
        DataError: If a file cannot be read or holds no record.
    """
    with beam.Pipeline(options=options) as pipeline:
        (
            pipeline
            | "files" >> beam.Create(check.files)
            | "spread" >> beam.Reshuffle()
            | "check" >> beam.FlatMap(_parts, check)
            | "merge" >> beam.CombineGlobally(_Merge(check))
            | "text" >> beam.Map(check.text)
            | "write" >> beam.io.WriteToText(output, shard_name_template="")
        )


def _parts(file: str, check: CorpusCheck) -> Iterator[CorpusPart]:
    for table, rejected, _ in read_pieces(file, ("in0", "in1"), label=True):
        yield check.part(table, rejected)


class _Merge(beam.CombineFn):
    """Merges parts; the accumulator is a list of at most one."""

    def __init__(self, check):
        self._check = check

    def create_accumulator(self):
        return []

    def add_input(self, merged, part):
        return self.merge_accumulators([merged, [part]])

    def merge_accumulators(self, accumulators: Iterable[list[CorpusPart]]):
        parts = [part for merged in accumulators for part in merged]
        return [self._check.merged(parts)] if parts else []

    def extract_output(self, merged):
        return merged[0]
