"""From what a user names as data to pairs of ids."""

import dataclasses
import os
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.checking.check_report import CheckReport
from o2v_keras.data.checking.check_report import Problem
from o2v_keras.data.checking.checks import check_pairs
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.files.named_pairs import fields_of
from o2v_keras.data.files.named_pairs import original_records
from o2v_keras.data.files.readers import read_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.in_memory import ArrowStream
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import read_in_memory
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.text.converted_texts import encoders_for
from o2v_keras.data.text.pair_tokenizers import PairTokenizers
from o2v_keras.data.text.text_encoder import text_sides

Source = str | os.PathLike | Sequence | Mapping | ArrowStream | PairTable
SIDES = ("in0", "in1")
NO_TOKENIZERS = PairTokenizers()
DEFAULT_COLUMNS = PairColumns()


@dataclasses.dataclass(frozen=True, eq=False)
class SourcePairs:
    """Pairs that were read, and what is known of them beside.

    Args:
        table: `PairTable`; its ids and labels are not checked yet.
        rejected: `RejectedRows` of a file, or `None`.
        problems: `Problem`s that tokenizing found.
        records: Callable that gives the rows of an origin as the user wrote
            them, or `None` where the ids tell it all.
    """

    table: PairTable
    rejected: RejectedRows | None = None
    problems: tuple[Problem, ...] = ()
    records: Callable[[RowOrigin], list[str]] | None = None

    def check(
        self, config: Object2VecConfig, training: bool = False
    ) -> CheckReport:
        """Reports as `check_pairs` does, with the tokenizers' problems."""
        report = check_pairs(self.table, config, self.rejected, training)
        return report.with_problems(self.problems)


def read_source(
    source: Source,
    config: Object2VecConfig,
    tokenizers: PairTokenizers = NO_TOKENIZERS,
    columns: PairColumns = DEFAULT_COLUMNS,
    sides: tuple[str, ...] = SIDES,
    label: bool = True,
    verbose: int = 1,
) -> SourcePairs:
    """Reads files, or takes arrays; makes ids of texts.

    Args:
        source: Path, glob or folder of files (see `read_pairs`), a list of
            them, a mapping of columns, a data frame or table (see
            `read_in_memory`), or a `PairTable`, whose texts are ids already.
        config: `Object2VecConfig`. Says which sides hold texts.
        tokenizers: `PairTokenizers` of these sides.
        columns: `PairColumns` of the source.
        sides: Names of the sides to read. Defaults to both.
        label: Whether to read labels. Defaults to `True`.
        verbose: 0 or 1. Whether to show progress. Defaults to `1`.

    Raises:
        ValueError: If the source is something else, a column of a mapping
            holds something else than the side takes, or the tokenizers are
            not those that the configuration asks for.
        DataError: As `read_pairs` and `read_in_memory`.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> source = {"user": [[1], [2, 3]], "film": [[4], [5]], "seen": [0, 1]}
    >>> columns = PairColumns("user", "film", "seen")
    >>> read_source(source, config, columns=columns).table.in1.values
    array([4, 5])
    """
    if isinstance(source, PairTable):
        return SourcePairs(source)
    check_tokenizers(tokenizers, config, sides)
    if label:
        columns.check_label(config)
    if is_in_memory(source):
        texts = text_sides(tokenizers, sides)
        pairs = read_in_memory(source, sides, label, columns, texts)
        return SourcePairs(*pairs)
    if not isinstance(source, str | os.PathLike | list | tuple):
        raise ValueError(
            "Data must be a path or glob, a list of them, a mapping or a data "
            "frame with in0, in1 and label, or a PairTable; of a lazy frame "
            "what its `collect()` gives. "
            f"Received: {type(source).__name__}"
        )
    texts = encoders_for(source, tokenizers, sides)
    result = read_pairs(
        source, sides, label, columns=columns, texts=texts, verbose=verbose
    )
    return SourcePairs(
        result.table,
        result.rejected,
        _problems(texts),
        file_records(sides, label, columns, texts) if texts else None,
    )


def file_records(
    sides: tuple[str, ...],
    label: bool,
    columns: PairColumns,
    texts: Mapping,
) -> Callable[[RowOrigin], list[str]]:
    """Returns what gives rows of files as they are written."""
    fields = fields_of(sides, label, columns, texts)
    return lambda origin: original_records(origin, fields)


def check_tokenizers(
    tokenizers: PairTokenizers,
    config: Object2VecConfig,
    sides: tuple[str, ...] = SIDES,
) -> None:
    """Raises `ValueError` if a configuration asks for other tokenizers."""
    for side in sides:
        setting = f"enc{side[-1]}_tokenizer"
        kind = getattr(config, f"encoder{side[-1]}").tokenizer
        found = tokenizers.sides.get(side)
        if kind != ("" if found is None else found.kind):
            received = f"tokenizers.{side}={found and found.kind!r}"
            raise ValueError(
                "`tokenizers` must be those that the configuration asks for; "
                "`learn_tokenizers` makes them, and the attribute "
                "`tokenizers` of a model that was loaded from its directory "
                "holds them. "
                f"Received: {setting}={kind!r} and {received}"
            )


def _problems(texts):
    return tuple(p for side in texts.values() for p in side.problems)
