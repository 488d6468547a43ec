"""What pairs hold: texts or ids, how long, how many, and which labels."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.provenance import Provenance
from o2v_keras.data.read.files import read_blocks
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.data.read.in_memory import read_in_memory
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.paths import is_tfrecord
from o2v_keras.data.read.record import Column
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import SIDES
from o2v_keras.data.read_source import Source
from o2v_keras.data.sequences import Sequences

# A look at so many rows tells texts from ids.
_FIRST_ROWS = 1000
# Names of a closed set are short, and each is in many rows.
_NAME_WORDS = 4
_ROWS_OF_A_NAME = 5
# Words with digits and no blanks, such as U123, name objects.
_ROWS_OF_A_KEY = 2
# Titles of objects, beside users: longer, but not many more than users.
_TITLE_WORDS = 12
_TITLES_FOR_A_USER = 3
_SEPARATOR = "|"
_MOST_CLASSES = 20
# Least share of the targets that are in bags, and least correlation of how
# often they are.
_SHARED = 0.9
_ALIKE = 0.3


@dataclasses.dataclass(frozen=True)
class SideProfile:
    """What one side of the pairs holds.

    Args:
        kind: `"id"` (one id a row), `"ids"` (bags or sequences),
            `"category"` (one name of a closed set), `"categories"` (several,
            between which `|` stands) or `"text"`.
        objects: Number of distinct objects.
        largest_id: The largest id, 0 for texts.
        longest: Ids of the longest row, or the characters of the longest
            text.
        typical: The mean of ids or characters.
        words: The mean number of words of a text. Defaults to 0.
    """

    kind: str
    objects: int
    largest_id: int
    longest: int
    typical: float
    words: float = 0.0

    @property
    def is_text(self) -> bool:
        """Whether the side holds strings of any kind."""
        return self.kind in ("text", "category", "categories")

    def __str__(self):
        if self.kind == "text":
            return (
                f"texts of {self.typical:,.0f} characters in the mean "
                f"({self.objects:,} distinct)"
            )
        if self.kind == "category":
            return f"one of {self.objects:,} names"
        if self.kind == "id":
            return f"one of {self.objects:,} ids"
        noun = "names" if self.is_text else "ids"
        return f"{self.typical:,.1f} {noun} in the mean, at most {self.longest}"


@dataclasses.dataclass(frozen=True)
class DataProfile:
    """What training data hold.

    Args:
        rows: Number of usable rows.
        in0: `SideProfile`.
        in1: `SideProfile`.
        labels: `"positives"` (all are 1), `"classes"` (0, 1, 2, ...) or
            `"scores"`.
        num_classes: Number of classes, 0 for other labels.
        label_variance: Variance of the labels.
        same_ids: Whether in0 holds bags of the objects of in1.

    Example:
    >>> data = {"in0": ["a dog"], "in1": ["an animal"], "label": [1]}
    >>> profile = DataProfile.of(data)
    >>> profile.in0.kind, profile.labels
    ('text', 'positives')
    """

    rows: int
    in0: SideProfile
    in1: SideProfile
    labels: str
    num_classes: int
    label_variance: float
    same_ids: bool

    @classmethod
    def of(
        cls,
        train: Source,
        columns: PairColumns = DEFAULT_COLUMNS,
        others: Sequence[Source] = (),
    ) -> "DataProfile":
        """Looks at data.

        Rows with errors are left out; reading the data for training reports
        them.

        Args:
            train: Training data, in any form that `train` takes.
            columns: `PairColumns` of all data. Defaults to `in0`, `in1` and
                `label`.
            others: Validation and test data, whose ids count as well.
                Defaults to `()`.

        Raises:
            DataError: If a file cannot be read or a column is missing, or no
                row is usable.
            ValueError: If the source is something else.
        """
        texts = {
            side: _NumberedTexts() for side in sides_with_texts(train, columns)
        }
        table = _read(train, columns, texts)
        if not len(table):
            raise DataError(
                "The training data hold no usable row, so no recipe can be "
                "chosen. `o2v check` says what is wrong with them."
            )
        also = [_read(other, columns, texts, False) for other in others]
        sides = {
            side: _side(table.sides[side], texts.get(side)) for side in SIDES
        }
        sides = _with_titles(sides, len(table))
        largest = {
            side: max(
                int(each.sides[side].values.max(initial=0))
                for each in (table, *also)
            )
            for side in SIDES
            if side not in texts
        }
        for side, id_ in largest.items():
            sides[side] = dataclasses.replace(sides[side], largest_id=id_)
        labels: Any = table.labels
        kind, classes = _labels(np.unique(labels))
        return cls(
            rows=len(table),
            **sides,
            labels=kind,
            num_classes=classes,
            label_variance=float(np.var(labels)),
            same_ids=bool(_same_objects(table, sides, texts)),
        )

    def __str__(self):
        labels = {
            "positives": "all labels are 1",
            "classes": f"labels are {self.num_classes} classes",
            "scores": "labels are scores",
        }
        lines = [f"{self.rows:,} rows; in0: {self.in0}; in1: {self.in1}"]
        if self.same_ids:
            lines.append("in0 holds objects of in1")
        return "; ".join([*lines, labels[self.labels]])


def sides_with_texts(
    source: Source, columns: PairColumns = DEFAULT_COLUMNS
) -> list[str]:
    """Returns the sides that hold texts and not ids, by their first rows.

    Raises:
        DataError: If a file cannot be read or a column is missing.

    Example:
    >>> sides_with_texts({"in0": ["a dog"], "in1": [[3, 4]]})
    ['in0']
    """
    return [side for side in SIDES if _holds_texts(source, side, columns)]


class _NumberedTexts:
    """Gives each text a number from 1, and keeps all distinct texts."""

    def __init__(self):
        self.numbers = {}

    def __call__(self, texts: pa.Array, origin: Provenance):
        del origin
        texts = pc.utf8_trim_whitespace(texts)
        numbers = self.numbers
        ids = [
            numbers.setdefault(text, len(numbers) + 1)
            for text in texts.to_pylist()
        ]
        return Sequences.from_any(np.array(ids, np.int64), "texts"), []

    @property
    def texts(self) -> list[str]:
        """All texts, in the order of their numbers."""
        return list(self.numbers)


def _holds_texts(source, side, columns):
    """Whether most of the first rows of a side are no ids."""
    if isinstance(source, PairTable):
        return False
    if is_in_memory(source):
        return _memory_holds_texts(source, side, columns)
    files = expand_paths(source)
    if is_tfrecord(files):
        return False
    name = getattr(columns, side)
    ids, text = ({side: Column(name, kind)} for kind in ("ids", "text"))
    try:
        block = next(iter(read_blocks(files[0], ids, _FIRST_ROWS)))
    except DataError:
        # A column of Parquet has a type. Without the column, this raises too.
        next(iter(read_blocks(files[0], text, _FIRST_ROWS)))
        return True
    return len(block.rejected) > len(block.table)


def _memory_holds_texts(source, side, columns):
    try:
        read_in_memory(source, (side,), False, columns, {})
    except (ValueError, DataError):
        return True
    return False


def _read(source, columns, texts, label=True):
    if isinstance(source, PairTable):
        return source
    if is_in_memory(source):
        return read_in_memory(source, SIDES, label, columns, texts)[0].table
    pairs = read_pairs(
        source, SIDES, label, columns=columns, texts=texts, verbose=0
    )
    return pairs.table


def _side(rows, numbered):
    objects = len(np.unique(sequence_hashes(rows)))
    if numbered is not None:
        return _text_side(numbered.texts, objects, len(rows))
    lengths = rows.unpadded_lengths
    longest = int(lengths.max(initial=1))
    return SideProfile(
        kind="id" if longest == 1 else "ids",
        objects=objects,
        largest_id=0,
        longest=longest,
        typical=float(lengths.mean()),
    )


def _with_titles(sides, rows):
    """Takes titles of a closed set, which users chose, for names."""
    found = dict(sides)
    for side, other in (SIDES, SIDES[::-1]):
        mine, theirs = sides[side], sides[other]
        repeats = rows / mine.objects
        if (
            mine.kind == "text"
            and theirs.kind != "text"
            and mine.words <= _TITLE_WORDS
            and repeats >= _ROWS_OF_A_NAME
            and mine.objects <= _TITLES_FOR_A_USER * theirs.objects
        ):
            found[side] = dataclasses.replace(mine, kind="category")
    return found


def _text_side(texts, objects, rows):
    lengths = np.array([len(text) for text in texts])
    words = np.mean([len(text.split()) for text in texts])
    repeats = rows / objects
    kind, longest, typical = "text", lengths.max(), lengths.mean()
    is_name = words <= _NAME_WORDS and repeats >= _ROWS_OF_A_NAME
    is_key = words < 1.01 and repeats >= _ROWS_OF_A_KEY
    if is_name or is_key:
        kind = "category"
    if sum(_SEPARATOR in text for text in texts) > len(texts) / 2:
        kind = "categories"
        parts = [text.count(_SEPARATOR) + 1 for text in texts]
        longest, typical = max(parts), np.mean(parts)
    return SideProfile(
        kind, objects, 0, int(longest), float(typical), float(words)
    )


def _labels(distinct):
    """Returns the kind of the labels and the number of classes."""
    if len(distinct) == 1 and distinct[0] == 1:
        return "positives", 0
    classes = int(distinct[-1]) + 1
    whole = np.array_equal(distinct, np.arange(classes))
    if whole and 2 <= classes <= _MOST_CLASSES:
        return "classes", classes
    return "scores", 0


def _same_objects(table, sides, texts):
    """Whether in0 holds bags of the objects of in1.

    Their ids are alike, frequent ids of one are frequent in the other, and
    fewer rows have the object of in1 in their own bag than by chance.
    """
    kinds = sides["in0"].kind, sides["in1"].kind
    if kinds == ("categories", "category"):
        return _same_names(texts["in0"].texts, texts["in1"].texts)
    if kinds != ("ids", "id"):
        return False
    bags, targets = table.in0, table.in1.values
    known, places, frequent = np.unique(
        targets, return_inverse=True, return_counts=True
    )
    members, counts = np.unique(bags.values, return_counts=True)
    found = np.searchsorted(members, known).clip(max=len(members) - 1)
    shared = members[found] == known
    if shared.mean() < _SHARED:
        return False
    in_bags = np.where(shared, counts[found], 0)
    ranks = [each.argsort().argsort() for each in (frequent, in_bags)]
    alike = len(known) > 2 and np.atleast_2d(np.corrcoef(ranks))[0, 1] > _ALIKE
    of_rows = np.repeat(np.arange(len(table)), bags.lengths)
    own = np.isin(
        np.arange(len(table)), of_rows[bags.values == targets[of_rows]]
    )
    by_chance = (in_bags / len(table))[places].mean()
    return bool(alike and own.mean() < by_chance / 2)


def _same_names(bags, targets):
    members = {name for bag in bags for name in bag.split(_SEPARATOR)}
    return np.mean([name in members for name in targets]) >= _SHARED
