"""Learns the tokenizers that a configuration asks for from training data."""

import os
import reprlib
from collections.abc import Iterator

from o2v_keras.config import EncoderConfig
from o2v_keras.config import Object2VecConfig
from o2v_keras.config.encoder_config import UNLIMITED
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.provenance import file_source
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import texts_in_memory
from o2v_keras.data.read.pairs import fields_of
from o2v_keras.data.read.paths import auxiliary_file
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.record import ADVICE
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.shard_tokenizers import converted_tokenizers
from o2v_keras.text.static_tables import static_table
from o2v_keras.text.text_columns import read_texts
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.vocabulary_files import holds_line_break


def learn_tokenizers(
    source: Source,
    config: Object2VecConfig,
    columns: PairColumns = DEFAULT_COLUMNS,
    auxiliary: str | os.PathLike[str] | None = None,
    verbose: int = 1,
) -> PairTokenizers:
    """Learns the vocabularies of the sides that hold texts.

    Each vocabulary takes one pass over its column; a shared vocabulary, one
    pass over both columns. No data are read if the configuration names a
    vocabulary file (`enc0_vocab_file`) or a folder of static token vectors
    with a tokenizer (`enc0_pretrained_embedding_file`), or if the source is
    shards from `convert`, which have their tokenizers with them. Broken
    records are skipped; reading the data for training reports them.

    Args:
        source: Path, glob or folder of JSON Lines, CSV, TSV or Parquet
            files or of converted shards, a list of them, a mapping with lists
            of strings, or a data frame or table.
        config: `Object2VecConfig`.
        columns: `PairColumns` of the source. Defaults to `in0`, `in1`.
        auxiliary: Folder that a relative `enc*_vocab_file` is relative to.
            Defaults to `None`: the working directory.
        verbose: 0 or 1. Whether to show progress. Defaults to `1`.

    Returns:
        `PairTokenizers`; their `configure` returns the configuration with
        the actual vocabulary sizes.

    Raises:
        ValueError: If the source holds no texts, or a setting does not go
            with the kind of tokenizer.
        DataError: If a file cannot be read.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=4, enc0_vocab_size=99, enc0_tokenizer="words"
    ... )
    >>> source = {"in0": ["a dog", "a cat"], "in1": ["an animal", "a pet"]}
    >>> tokenizers = learn_tokenizers(source, config)
    >>> tokenizers.configure(config).enc0_vocab_size
    8
    """
    converted = None
    if config.enc0_tokenizer or config.enc1_tokenizer:
        converted = converted_tokenizers(source, config)

    def learn(prefix: str, encoder: EncoderConfig, *sides: str) -> Tokenizer:
        ready = tokenizer_of_file(prefix, encoder, auxiliary)
        if ready is not None:
            return ready
        if converted is not None:
            return converted.sides[sides[0]]
        texts = _texts(source, sides, columns, verbose)
        if encoder.tokenizer in ("category", "categories"):
            texts = _categories(texts, source, sides, columns)
        return _named(prefix, encoder, texts, None)

    in0 = in1 = None
    if config.shares_tokenizer:
        # The side with pretrained vectors, which may have the tokenizer.
        side = next(iter(config.token_tables.items()))
        in0 = in1 = learn(*side, *config.sides)
    elif config.enc0_tokenizer:
        in0 = learn("enc0", config.encoder0, "in0")
    if config.enc1_tokenizer and in1 is None:
        in1 = learn("enc1", config.encoder1, "in1")
    return PairTokenizers(in0, in1)


def tokenizer_of_file(
    prefix: str,
    encoder: EncoderConfig,
    auxiliary: str | os.PathLike[str] | None,
) -> Tokenizer | None:
    """Returns the tokenizer of a side that names a file of it.

    That is a vocabulary file, or a folder of static token vectors.

    Args:
        prefix: `"enc0"` or `"enc1"`.
        encoder: The side's settings.
        auxiliary: Folder that a relative path is relative to, or `None` for
            the working directory.

    Returns:
        `None` if the vocabulary must be learned.

    Raises:
        DataError: If the file is missing or is no vocabulary.
    """
    table = static_table(prefix, encoder, auxiliary)
    if table is not None:
        tokenizer = _named(prefix, encoder, (), table.tokenizer.path)
        # Byte fallback leaves no unknown pieces.
        if encoder.tokenizer == "wordpiece":
            tokenizer.drop_unknown = table.drops_unknown
        return tokenizer
    name = encoder.vocab_file
    if not name:
        return None
    file = auxiliary_file(f"{prefix}_vocab_file", name, auxiliary)
    return _named(prefix, encoder, (), file)


def _named(prefix, encoder, texts, file):
    """Learns a tokenizer; errors name the side."""
    size = encoder.vocab_size
    try:
        return learn_tokenizer(
            encoder.tokenizer,
            texts,
            None if size == UNLIMITED else size,
            encoder.min_count,
            encoder.hash_buckets,
            file,
        )
    except ValueError as error:
        raise type(error)(
            f'{prefix}_tokenizer="{encoder.tokenizer}": {error}'
        ) from error


def _categories(texts, source, sides, columns) -> Iterator[str | None]:
    """Refuses line breaks while the row is still known."""
    for text in texts:
        if text and holds_line_break(text):
            kind = "line break in a category"
            raise DataError(
                f"{_place(text, source, sides, columns)}: {kind}: "
                f"{reprlib.repr(text)}. {ADVICE[kind]}"
            )
        yield text


def _place(text, source, sides, columns):
    """Returns the place of the first row with a text."""
    wanted = fields_of(sides, False, columns, sides)
    if is_in_memory(source):
        for side, (name, *_) in wanted.items():
            texts = texts_in_memory(source, name)
            if text in texts:
                return f"row {texts.index(text)}: {side}"
        return "the data"  # changed in between
    for file in expand_paths(source):
        for piece in read_blocks(file, wanted):
            for side in sides:
                texts = piece.table[side].to_pylist()
                if text in texts:
                    number = int(piece.numbers[texts.index(text)])
                    return f"{file_source(file).locate(number)}: {side}"
    return "the data"  # changed in between


def _texts(source, sides, columns, verbose) -> Iterator[str | None]:
    fields = fields_of(sides, False, columns, sides)
    names = [column.name for column in fields.values()]
    if is_in_memory(source):
        return (t for name in names for t in texts_in_memory(source, name))
    if not isinstance(source, str | os.PathLike | list | tuple):
        raise ValueError(
            "Texts to learn from must be in files, in a mapping of lists or "
            "in a data frame. "
            f"Received: {type(source).__name__}"
        )
    return read_texts(source, names, skip_bad_rows=True, verbose=verbose)
