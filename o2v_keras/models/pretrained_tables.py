"""Fills token tables with pretrained vectors."""

import os
import zlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.paths import auxiliary_file
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.text.pretrained_vectors import Coverage
from o2v_keras.text.pretrained_vectors import PretrainedVectors
from o2v_keras.text.pretrained_vectors import is_array
from o2v_keras.text.pretrained_vectors import read_vectors
from o2v_keras.text.static_tables import StaticTable
from o2v_keras.text.static_tables import static_table
from o2v_keras.text.vector_files import VectorArray
from o2v_keras.text.vocabulary import is_reserved
from o2v_keras.text.vocabulary_files import read_word_ids


class VectorSource(NamedTuple):
    """The files behind one token table.

    Args:
        side: `"enc0"` or `"enc1"`, whose hyperparameters name the files.
        path: File of vectors.
        word_ids: Ids of words. `None` if a tokenizer has them.
        by_rows: Whether row `i` of the file is the vector of id `i`.
        static: The `StaticTable` if the path is a folder of one.
    """

    side: str
    path: str
    word_ids: dict[str, int] | None = None
    by_rows: bool = False
    static: StaticTable | None = None


def vector_sources(
    config: Object2VecConfig, auxiliary: str | os.PathLike[str] | None = None
) -> list[VectorSource]:
    """Finds the files of pretrained vectors and reads their vocabularies.

    It reads no vectors, so missing files are reported before a training reads
    its data.

    Args:
        config: The configuration that names the files.
        auxiliary: Folder of relative paths. Defaults to `None`: the working
            directory.

    Returns:
        A source for each token table with pretrained vectors.

    Raises:
        DataError: If a file is missing, or its words and ids do not fit.
        ValueError: If the words of the ids are unknown.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> vector_sources(config)
    []
    """
    return [
        _source(side, encoder, auxiliary, config.token_weighting)
        for side, encoder in config.token_tables.items()
        if encoder.pretrained_embedding_file
    ]


def _source(side, encoder, auxiliary, token_weighting):
    path = encoder.pretrained_embedding_file
    table = static_table(side, encoder, auxiliary)
    if table is not None:
        if token_weighting == "sif" and table.has_weights:
            raise ValueError(
                '`token_weighting` must be "none" or "learned" with '
                f"{side}_pretrained_embedding_file={path!r}, whose tokens "
                'have weights of their own. Received: token_weighting="sif"'
            )
        return VectorSource(side, path, static=table)
    field = f"{side}_pretrained_embedding_file"
    path = auxiliary_file(field, path, auxiliary)
    if is_array(path):
        array = VectorArray(path, encoder.token_embedding_dim)
        if not array.has_words:
            _require_rows(side, encoder, array, path)
            return VectorSource(side, path, by_rows=True)
    if encoder.tokenizer:
        return VectorSource(side, path)
    field = f"{side}_vocab_file"
    if not encoder.vocab_file:
        raise ValueError(
            f"`{field}` must name a file of words and their ids with "
            f"{side}_pretrained_embedding_file, whose vectors are those of "
            f"words; or let {side}_tokenizer make the ids from texts. "
            f"Received: {field}=''"
        )
    vocabulary = auxiliary_file(field, encoder.vocab_file, auxiliary)
    return VectorSource(
        side, path, _read_word_ids(side, vocabulary, encoder.vocab_size)
    )


def _require_rows(side, encoder, array, path):
    # `vocab_size` is an upper bound for a vocabulary that is not learned yet.
    is_open = encoder.tokenizer and array.rows < encoder.vocab_size
    if array.rows != encoder.vocab_size and not is_open:
        raise DataError(
            f"{path}: must have a row for each id, as many as {side}_vocab_size"
            f"={encoder.vocab_size}, or its words in a .txt (a word a line) or "
            f".json of the same name beside it. Found: {array.rows} rows"
        )


def _read_word_ids(side, path, vocab_size):
    ids = {
        word: id_
        for word, id_ in read_word_ids(path).items()
        if not is_reserved(word, id_)
    }
    for word, id_ in ids.items():
        if id_ == 0:
            raise DataError(
                f"{path}: id 0 is the word {word!r}, but id 0 is padding and "
                f"every encoder masks it. Renumber the words with `o2v "
                f"vocabulary --shift-ids`, and write the data again with "
                f"their new ids."
            )
        if id_ >= vocab_size:
            raise DataError(
                f"{path}: ids must be below {side}_vocab_size={vocab_size}. "
                f"Received: {word!r}: {id_}"
            )
    return ids


def fill_tables(
    sources: Sequence[VectorSource],
    tables: Mapping[str, TokenEmbedding],
    word_ids: Mapping[str, Mapping[str, int]],
    seed: int,
    token_weights: Mapping[str, TokenEmbedding] | None = None,
) -> list[Coverage]:
    """Fills token tables with pretrained vectors.

    Ids without a vector in the file (missing words, unknown words) get a
    normally distributed random one, with the mean and standard deviation of
    the file's vectors in each dimension. Tables with the same words and file
    get the same vectors. Row 0 (padding) is unchanged.

    Args:
        sources: The files of each table to fill.
        tables: Side (`"enc0"`, `"enc1"`) -> built table.
        word_ids: Side -> ids of its words, for sources without ids.
        seed: Seed of the random vectors.
        token_weights: Side -> built table of width 1 with the weights of
            tokens. If it is trained, it starts at the weights of a folder;
            otherwise they scale the vectors. Defaults to none.

    Returns:
        The coverage of each source.

    Raises:
        DataError: If a file does not fit; the message names the line.
        ValueError: If the ids of a side's words are unknown.
    """
    coverages, read = [], None
    for source in sources:
        table = tables[source.side]
        if source.static is not None:
            ids = _word_ids(source, word_ids)
            scales = (token_weights or {}).get(source.side)
            coverages.append(_copy_tokens(source, table, ids, scales))
            continue
        if source.by_rows:
            coverages.append(_copy_rows(source, table))
            continue
        ids = _word_ids(source, word_ids)
        ids = dict(sorted(ids.items(), key=lambda pair: pair[1]))
        # Both sides often need the same vectors, and reading is slow.
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


def _copy_tokens(source, table, word_ids, token_weights):
    vectors = source.static.read(table.output_dim)
    vectors.require_tokenizer(word_ids, table.vocab_size)
    scales = vectors.weights[:, np.newaxis]
    if token_weights is not None and not token_weights.fixed:
        _write(token_weights, scales.__getitem__)
        scales = np.ones_like(scales)
    checksum = _write(table, lambda ids: vectors.values(ids) * scales[ids])
    return Coverage(
        source.side, source.path, len(vectors) - 1, (), checksum, noun="tokens"
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
    """Writes all rows but row 0 in parts; returns a checksum."""
    checksum = 0
    for rows in row_parts(table.embeddings):
        rows = slice(max(1, rows.start), rows.stop)
        part = values(rows)
        write_rows(table.embeddings, rows, part)
        checksum = zlib.crc32(part, checksum)
    return checksum
