"""Where the pretrained vectors of a model's token tables come from."""

import os
from typing import NamedTuple

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.paths import auxiliary_file
from o2v_keras.data.text.pretrained.pretrained_vectors import is_array
from o2v_keras.data.text.pretrained.vector_array import VectorArray
from o2v_keras.data.text.vocabulary import is_reserved
from o2v_keras.data.text.vocabulary_files import read_word_ids


class VectorSource(NamedTuple):
    """The files behind one token table.

    Args:
        side: `"enc0"` or `"enc1"`, whose hyperparameters name the files.
        path: File of vectors.
        word_ids: Ids of words. `None` where a tokenizer knows them.
        by_rows: Whether row `i` of the file is the vector of id `i`.
    """

    side: str
    path: str
    word_ids: dict[str, int] | None = None
    by_rows: bool = False


def vector_sources(
    config: Object2VecConfig, auxiliary: str | os.PathLike | None = None
) -> list[VectorSource]:
    """Finds the files of pretrained vectors and of the words they are for.

    Nothing but vocabularies is read: what is missing is told before a
    training reads its data.

    Args:
        config: Names the files.
        auxiliary: Folder from which relative paths count. Defaults to
            `None`: the working directory.

    Returns:
        A source for each token table with pretrained vectors.

    Raises:
        DataError: If a file is missing, or its words and ids do not fit.
        ValueError: If nothing says which words the ids stand for.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> vector_sources(config)
    []
    """
    return [
        _source(side, encoder, auxiliary)
        for side, encoder in config.token_tables.items()
        if encoder.pretrained_embedding_file
    ]


def _source(side, encoder, auxiliary):
    field = f"{side}_pretrained_embedding_file"
    path = auxiliary_file(field, encoder.pretrained_embedding_file, auxiliary)
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
            f"`{field}` must name a file of words and their ids beside "
            f"{side}_pretrained_embedding_file, whose vectors are those of "
            f"words; or let {side}_tokenizer make the ids from texts. "
            f"Received: {field}=''"
        )
    vocabulary = auxiliary_file(field, encoder.vocab_file, auxiliary)
    return VectorSource(
        side, path, _word_ids(side, vocabulary, encoder.vocab_size)
    )


def _require_rows(side, encoder, array, path):
    # A vocabulary that is still to be learned has at most this many ids.
    is_open = encoder.tokenizer and array.rows < encoder.vocab_size
    if array.rows != encoder.vocab_size and not is_open:
        raise DataError(
            f"{path}: must have a row for each id, as many as {side}_vocab_size"
            f"={encoder.vocab_size}, or its words in a .txt (a word a line) or "
            f".json of the same name beside it. Found: {array.rows} rows"
        )


def _word_ids(side, path, vocab_size):
    ids = {
        word: id_
        for word, id_ in read_word_ids(path).items()
        if not is_reserved(word, id_)
    }
    for word, id_ in ids.items():
        if id_ == 0:
            raise DataError(
                f"{path}: id 0 is the word {word!r}, but id 0 is padding and "
                f"every encoder masks it. Number the words anew with `o2v "
                f"vocabulary --shift-ids`, and make the data anew with the "
                f"ids that they get."
            )
        if id_ >= vocab_size:
            raise DataError(
                f"{path}: ids must be below {side}_vocab_size={vocab_size}. "
                f"Received: {word!r}: {id_}"
            )
    return ids
