"""Counts the words of a corpus with Apache Beam."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.text.text_columns import read_texts
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.text.vocabulary import words_at_most
from o2v_keras.text.vocabulary_files import words_text


def write_vocabulary(
    files: Sequence[str],
    columns: Sequence[str],
    output: str,
    options: PipelineOptions,
    *,
    min_count: int = 1,
    max_size: int | None = None,
    hash_buckets: int = 0,
) -> None:
    """Writes the vocabulary of text columns, like `Vocabulary.build`.

    The words of the vocabulary must fit into one worker's memory. Of all
    other words, a worker holds only those of one file.

    Args:
        files: Paths to read.
        columns: Names of the columns of text.
        output: Path of the vocabulary, `.json` or `.txt`, on any file system
            of Beam.
        options: Beam's options.
        min_count: Least count of a word. Defaults to 1.
        max_size: Most ids, padding and unknown words included. Defaults to
            `None`: no limit.
        hash_buckets: Ids for unknown words. Defaults to 0: one id.

    Raises:
        DataError: If a file cannot be read or lacks a column.
        ValueError: If no word is left, or an argument is out of range.
    """
    most = words_at_most(max_size, hash_buckets)
    with beam.Pipeline(options=options) as pipeline:
        counts = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "count in files" >> beam.FlatMap(_counts, columns)
            | "count" >> beam.CombinePerKey(sum)
            | "frequent" >> beam.Filter(lambda pair: pair[1] >= min_count)
            | "first" >> _first(most)
        )
        (
            counts
            | "number"
            >> beam.Map(
                lambda pairs: words_text(
                    output,
                    *_numbered(pairs, min_count, max_size, hash_buckets),
                )
            )
            | "write"
            >> beam.io.WriteToText(
                output, shard_name_template="", append_trailing_newlines=False
            )
        )


def _counts(file: str, columns: Sequence[str]) -> Iterator[tuple[str, int]]:
    counts = Counter()
    for text in read_texts(file, columns, verbose=0):
        if text is not None:
            counts.update(text.split())
    yield from counts.items()


def _first(most):
    if most is None:
        return beam.combiners.ToList()
    return beam.combiners.Top.Of(most, key=_rank, reverse=True)


def _rank(pair):
    word, count = pair
    return -count, word


def _numbered(pairs, min_count, max_size, hash_buckets):
    vocabulary = Vocabulary.from_counts(
        dict(pairs), min_count, max_size, hash_buckets
    )
    return vocabulary.words, vocabulary.first_id
