"""Counts the words of a corpus with Apache Beam."""

import heapq
import itertools
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from o2v_keras.data.read.file_system import is_remote
from o2v_keras.text.text_columns import read_texts
from o2v_keras.text.vocabulary import words_at_most
from o2v_keras.text.vocabulary_files import write_words

# Words that are more frequent count as if they were there so often, so that
# few numbers tell how many words have which count.
_LARGEST_COUNT = 1 << 16
# A worker sorts so many words in memory.
_SHARD_WORDS = 1 << 20
_SORTED = ".sorted"


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

    Workers write the counted words to sorted shards beside `output`, and this
    process merges them to one file. Of all words, a worker holds those of one
    file, and of one shard; this process holds one of each shard.

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
    if min_count < 1:
        raise ValueError(
            f"`min_count` must be at least 1. Received: min_count={min_count}"
        )
    if not is_remote(output):
        # Beam finds no files by a name without a folder.
        output = os.path.abspath(output)
    most = words_at_most(max_size, hash_buckets)
    shards = f"{output}.words-{uuid.uuid4().hex[:8]}"
    try:
        _write_counts(files, columns, shards, options, min_count, most)
        pairs = heapq.merge(*map(_read_counts, _paths(f"{shards}-*{_SORTED}")))
        words = (word for _, word in itertools.islice(pairs, most))
        _join(words, output, 1 + max(1, hash_buckets), min_count)
    finally:
        FileSystems.delete(_paths(f"{shards}-*"))


def _join(words, output, first_id, min_count):
    first = list(itertools.islice(words, 1))
    if not first:
        raise ValueError(
            "The corpus must hold a word at least `min_count` times. "
            f"Received: min_count={min_count}"
        )
    words = itertools.chain(first, words)
    # Nothing is at `output` if a word cannot be written.
    with tempfile.TemporaryFile() as text:
        write_words(lambda t: text.write(t.encode()), output, words, first_id)
        text.seek(0)
        with FileSystems.create(output) as file:
            shutil.copyfileobj(text, file)


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
        written = (
            counts
            | "lines" >> beam.MapTuple(lambda word, count: f"{count} {word}")
            | "write"
            >> beam.io.WriteToText(shards, max_records_per_shard=_SHARD_WORDS)
        )
        (
            pipeline
            | "prefix" >> beam.Create([shards])
            | "shards" >> beam.FlatMap(_shards, beam.pvalue.AsIter(written))
            | "spread shards" >> beam.Reshuffle()
            | "sort" >> beam.Map(_sort)
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


def _shards(prefix, written):
    """Lists the shards, after they are written.

    The names in `written` do not do: when a worker is lost while it gives the
    shards their names, the next one names only those that it found.
    """
    return [
        path for path in _paths(f"{prefix}-*") if not path.endswith(_SORTED)
    ]


def _sort(shard):
    counts = sorted(_read_counts(shard))
    with FileSystems.create(shard + _SORTED) as file:
        for negative, word in counts:
            file.write(f"{-negative} {word}\n".encode())


def _read_counts(shard):
    """Yields the negative count and the word, which sort like a vocabulary."""
    with FileSystems.open(shard) as file:
        for line in file:
            # A word has no white space, so that its line has one blank.
            count, word = line.decode().removesuffix("\n").split(" ")
            yield -int(count), word


def _paths(pattern):
    (found,) = FileSystems.match([pattern])
    return [metadata.path for metadata in found.metadata_list]
