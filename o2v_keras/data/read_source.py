"""Reads and checks any source of data: files, mappings, frames, tables."""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.bad_rows import MAX_SKIPPED
from o2v_keras.data.check.bad_rows import SoundRows
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.check.rejected_rows import RejectedRows
from o2v_keras.data.check.report import CheckReport
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.read.in_memory import ArrowStream
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import read_in_memory
from o2v_keras.data.read.pairs import Encode
from o2v_keras.data.read.pairs import ReadPairs
from o2v_keras.data.read.pairs import fields_of
from o2v_keras.data.read.pairs import original_records
from o2v_keras.data.read.pairs import read_pairs

# TensorFlow takes seconds to start, and data of ids need no tokenizer.
if TYPE_CHECKING:
    from o2v_keras.text.pair_tokenizers import PairTokenizers

Source = (
    str
    | os.PathLike[str]
    | Sequence[Any]
    | Mapping[str, Any]
    | ArrowStream
    | PairTable
)
SIDES = ("in0", "in1")
DEFAULT_COLUMNS = PairColumns()


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """Pairs that were read and checked.

    Args:
        table: `PairTable`. It still holds the rows with errors, unless they
            were left out on request.
        report: `CheckReport` on all rows that were read.
    """

    table: PairTable
    report: CheckReport

    @classmethod
    def check(
        cls,
        pairs: ReadPairs,
        config: Object2VecConfig | None = None,
        training: bool = False,
    ) -> "Loaded":
        """Checks pairs that were read, as `PairCheck` does."""
        check = PairCheck(config, training)
        check.add(*pairs)
        return cls(pairs.table, check.report())


def read_source(
    source: Source,
    config: Object2VecConfig,
    tokenizers: "PairTokenizers | None" = None,
    columns: PairColumns = DEFAULT_COLUMNS,
    sides: Sequence[str] = SIDES,
    label: bool = True,
    *,
    training: bool = False,
    rejected_rows_file: str | os.PathLike[str] | None = None,
    max_skipped: float = MAX_SKIPPED,
    verbose: int = 1,
) -> Loaded:
    """Reads a source, tokenizes its texts and checks all rows.

    Args:
        source: Path, glob or folder of files (see `read_pairs`), a list of
            them, a mapping of columns, a data frame or table (see
            `read_in_memory`), or a `PairTable`, whose texts are ids already.
        config: `Object2VecConfig` that the data must fit. Says which sides
            hold texts.
        tokenizers: `PairTokenizers` of these sides. Defaults to `None`.
        columns: `PairColumns` of the source. Defaults to `in0`, `in1`,
            `label` and, if there is one, `weight`.
        sides: Names of the sides to read. Defaults to both.
        label: Whether to read labels. Defaults to `True`.
        training: Whether the rows are training data, see `PairCheck`.
            Defaults to `False`.
        rejected_rows_file: File for rows with errors and their reasons; they
            are then left out of the table. Defaults to `None`: they stay in
            the table, and the report names them.
        max_skipped: float from 0 to 1. Largest share of rows that may be left
            out; more raise. Defaults to 0.01.
        verbose: 0 or 1. Whether to show progress. Defaults to `1`.

    Raises:
        ValueError: If the source is something else, a column of a mapping
            holds something else than the side takes, or the tokenizers are
            not those that the configuration asks for.
        DataError: If a path names no file, a file cannot be read, holds no
            record or lacks a column, or data in memory lack one; with
            `rejected_rows_file`, if too many rows have errors.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> source = {"user": [[1], [2, 3]], "film": [[4], [5]], "seen": [0, 1]}
    >>> columns = PairColumns("user", "film", "seen")
    >>> read_source(source, config, columns=columns).table.in1.values
    array([4, 5])
    """
    pairs, records = _read(
        source, config, tokenizers, columns, sides, label, verbose
    )
    if rejected_rows_file is None:
        return Loaded.check(pairs, config, training)
    with SoundRows(
        config, training, rejected_rows_file, records, max_skipped
    ) as sound:
        table = sound.add(*pairs)
        return Loaded(table, sound.finish())


def _read(source, config, tokenizers, columns, sides, label, verbose):
    """Returns `ReadPairs`, and a function that returns original records.

    The function is `None` without texts: the ids are the records.
    """
    if isinstance(source, PairTable):
        return ReadPairs(source.of_sides(sides), RejectedRows.none()), None
    check_tokenizers(tokenizers, config, sides)
    if label:
        columns.check_label(config)
    texts = text_encoders(source, tokenizers, sides)
    if is_in_memory(source):
        return read_in_memory(source, sides, label, columns, texts)
    if not isinstance(source, str | os.PathLike | list | tuple):
        raise ValueError(
            "Data must be a path or glob, a list of them, a mapping or a data "
            "frame with in0, in1 and label, or a PairTable; of a lazy frame "
            "what its `collect()` gives. "
            f"Received: {type(source).__name__}"
        )
    pairs = read_pairs(
        source, sides, label, columns=columns, texts=texts, verbose=verbose
    )
    records = file_records(sides, label, columns, texts) if texts else None
    return pairs, records


def text_encoders(
    source: Source,
    tokenizers: "PairTokenizers | None",
    sides: Sequence[str] = SIDES,
) -> dict[str, Encode]:
    """Returns a text encoder for each side that holds texts.

    Shards of `convert` hold ids and need none.

    Raises:
        DataError: If shards were made with other tokenizers or with none.
    """
    if tokenizers is None or not any(s in tokenizers.sides for s in sides):
        return {}
    from o2v_keras.text.shard_tokenizers import encoders_for

    return encoders_for(source, tokenizers, sides)


def file_records(
    sides: tuple[str, ...],
    label: bool,
    columns: PairColumns,
    texts: Mapping[str, Any],
) -> Callable[[Provenance], list[str]]:
    """Returns a function from `Provenance` to the original records."""
    fields = fields_of(sides, label, columns, texts)
    return lambda origin: original_records(origin, fields)


def check_tokenizers(
    tokenizers: "PairTokenizers | None",
    config: Object2VecConfig,
    sides: Sequence[str] = SIDES,
) -> None:
    """Raises `ValueError` if tokenizers do not match a configuration."""
    given = {} if tokenizers is None else tokenizers.sides
    for side in sides:
        setting = f"enc{side[-1]}_tokenizer"
        kind = getattr(config, f"encoder{side[-1]}").tokenizer
        found = given.get(side)
        if kind != ("" if found is None else found.kind):
            received = f"tokenizers.{side}={found and found.kind!r}"
            raise ValueError(
                "`tokenizers` must be those that the configuration asks for; "
                "`learn_tokenizers` makes them, and the attribute "
                "`tokenizers` of a trained model holds them. "
                f"Received: {setting}={kind!r} and {received}"
            )
