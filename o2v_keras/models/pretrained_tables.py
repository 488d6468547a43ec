"""Fills token tables with pretrained vectors."""

import zlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from o2v_keras.data.text.pretrained.coverage import Coverage
from o2v_keras.data.text.pretrained.pretrained_vectors import PretrainedVectors
from o2v_keras.data.text.pretrained.pretrained_vectors import read_vectors
from o2v_keras.data.text.pretrained.vector_array import VectorArray
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.vector_sources import VectorSource


def fill_tables(
    sources: Sequence[VectorSource],
    tables: Mapping[str, TokenEmbedding],
    word_ids: Mapping[str, Mapping[str, int]],
    seed: int,
) -> list[Coverage]:
    """Fills token tables with the vectors of their words.

    A word that the file lacks, and every id that is no word's, such as those
    of unknown words, gets a vector drawn at random with the mean and the
    standard deviation that the file's vectors have in each dimension. Two
    tables with the same words and the same file get the same vectors. Row 0
    is padding's, never used, and stays.

    Args:
        sources: What to read, for each table that is to be filled.
        tables: Side, as in the sources, -> built table.
        word_ids: Side -> ids of its words, for sources that have none.
        seed: The drawn vectors follow from it.

    Returns:
        What was found, for each source.

    Raises:
        DataError: If a file does not fit; the message names the line.
        ValueError: If nobody has the ids of a side's words.
    """
    coverages, read = [], None
    for source in sources:
        table = tables[source.side]
        if source.by_rows:
            coverages.append(_copy_rows(source, table))
            continue
        ids = _word_ids(source, word_ids)
        ids = dict(sorted(ids.items(), key=lambda pair: pair[1]))
        # Both sides mostly ask the same, and files take a while.
        question = source.path, list(ids), table.output_dim
        if read is None or question != read:
            vectors, read = read_vectors(*question), question
        checksum = _fill(table, np.array(list(ids.values())), vectors, seed)
        missing = [
            word
            for word, found in zip(ids, vectors.found, strict=True)
            if not found
        ]
        coverages.append(
            Coverage(source.side, source.path, len(ids), missing, checksum)
        )
    return coverages


def _word_ids(source, word_ids):
    if source.word_ids is not None:
        return source.word_ids
    if source.side not in word_ids:
        raise ValueError(
            f"`tokenizers` of the model must have one for "
            f"in{source.side[-1]}, whose words {source.path} has vectors "
            f"for. Set them before vectors are loaded."
        )
    return word_ids[source.side]


def _copy_rows(source, table):
    array = VectorArray(source.path, table.output_dim)
    array.require_rows(table.vocab_size, source.side)
    checksum = _write(table, array.values)
    return Coverage(
        source.side, source.path, array.rows - 1, (), checksum, noun="ids"
    )


def _fill(table, ids, vectors: PretrainedVectors, seed):
    generator = np.random.default_rng(seed)
    places = np.full(table.vocab_size, -1)
    places[ids[vectors.found]] = np.flatnonzero(vectors.found)

    def values(rows):
        missing = places[rows] < 0
        found = vectors.values[places[rows]]
        shape = np.count_nonzero(missing), table.output_dim
        found[missing] = generator.normal(
            vectors.mean, vectors.deviation, shape
        )
        return found

    return _write(table, values)


def _write(table, values):
    """Writes all rows but padding's, some at a time; returns a checksum."""
    checksum = 0
    for rows in row_parts(table.embeddings):
        rows = slice(max(1, rows.start), rows.stop)
        part = values(rows)
        write_rows(table.embeddings, rows, part)
        checksum = zlib.crc32(part, checksum)
    return checksum
