"""Counts the words of a corpus with Apache Beam."""

import uuid
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.text.text_columns import read_texts
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.text.vocabulary import words_at_most
from o2v_keras.text.vocabulary_files import words_text

# Words that are more frequent count as if they were there so often, so that
# few numbers tell how many words have which count.
_LARGEST_COUNT = 1 << 16


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

    Workers write the counted words to shards beside `output`, and this
    process joins them. It alone holds all words of the vocabulary. Of all
    words, a worker holds only those of one file.

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
    shards = f"{output}.words-{uuid.uuid4().hex[:8]}"
    try:
        _write_counts(files, columns, shards, options, min_count, most)
        vocabulary = Vocabulary.from_counts(
            dict(_read_counts(shards)), min_count, max_size, hash_buckets
        )
    finally:
        FileSystems.delete(_paths(shards))
    text = words_text(output, vocabulary.words, vocabulary.first_id)
    with FileSystems.create(output) as file:
        file.write(text.encode())


def _write_counts(files, columns, shards, options, min_count, most):
    with beam.Pipeline(options=options) as pipeline:
        counts = (
            pipeline
            | "files" >> beam.Create(files)
            | "spread" >> beam.Reshuffle()
            | "count in files" >> beam.FlatMap(_counts, columns)
            | "count" >> beam.CombinePerKey(sum)
            | "frequent" >> beam.Filter(lambda pair: pair[1] >= min_count)
        )
        if most is not None:
            least = (
                counts
                | "counts" >> beam.Values()
                | "least count" >> beam.CombineGlobally(_LeastCount(most))
            )
            counts |= "most frequent" >> beam.Filter(
                lambda pair, least: pair[1] >= least,
                beam.pvalue.AsSingleton(least),
            )
        (
            counts
            | "lines" >> beam.MapTuple(lambda word, count: f"{count} {word}")
            | "write" >> beam.io.WriteToText(shards)
        )


def _counts(file: str, columns: Sequence[str]) -> Iterator[tuple[str, int]]:
    counts = Counter()
    for text in read_texts(file, columns, verbose=0):
        if text is not None:
            counts.update(text.split())
    yield from counts.items()


class _LeastCount(beam.CombineFn):
    """Finds a count that words of a vocabulary of some size have at least.

    Words with the same count are kept together, so that more words than asked
    for may have it.
    """

    def __init__(self, most):
        self._most = most

    def create_accumulator(self):
        return Counter()

    def add_input(self, words, count):
        words[min(count, _LARGEST_COUNT)] += 1
        return words

    def merge_accumulators(self, accumulators: Iterable[Counter[int]]):
        return sum(accumulators, Counter())

    def extract_output(self, words):
        found = 0
        for count in sorted(words, reverse=True):
            found += words[count]
            if found >= self._most:
                return count
        return 1


def _read_counts(shards):
    # A word has no white space, so that its line has one blank.
    for path in _paths(shards):
        with FileSystems.open(path) as file:
            for line in file.read().decode().splitlines():
                count, word = line.split(" ")
                yield word, int(count)


def _paths(shards):
    (found,) = FileSystems.match([f"{shards}-*"])
    return [metadata.path for metadata in found.metadata_list]
