"""The records of a file of mined negatives."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.evaluation.outputs import original_texts

# What the file says of a negative, beside the columns of a pair.
NOTES = ("similarity", "positive_similarity", "rank")


class SourceValues:
    """The ids or texts of rows of sources, as JSON holds them."""

    def __init__(self, model, sources, tables, columns):
        self.tables = tables
        self._tokenizers = model.tokenizers.sides
        self._sources = sources
        self._columns = columns

    def of(self, name, side, rows):
        """Returns the values of rows of a table, a list."""
        table = self.tables[name]
        if side not in self._tokenizers:
            return [table.sides[side][row].tolist() for row in rows]
        origin = table.origin.take(rows)
        column = getattr(self._columns, side)
        return original_texts(self._sources[name], origin, column)

    def of_candidates(self, side, rows, positive):
        """Returns the values of rows of `RankingTask.candidate_rows`."""
        if "corpus" in self.tables:
            return self.of("corpus", side, rows)
        # Rows of positives, of the data and of what is known, one after the
        # other.
        repeated = rows < len(positive)
        rows = rows - len(positive)
        rows[repeated] = positive[rows[repeated]]
        values: list[str | None] = [None] * len(rows)
        start = 0
        for name, table in self.tables.items():
            own = np.flatnonzero((start <= rows) & (rows < start + len(table)))
            found = self.of(name, side, rows[own] - start)
            for place, value in zip(own.tolist(), found, strict=True):
                values[place] = value
            start += len(table)
        return values


class MinedRecords:
    """The records of the file."""

    def __init__(self, found, values, positive, rules, columns):
        self._found = found
        self._values = values
        self._positive = positive
        self._query, self._target = rules.query, rules.target
        self._columns = columns
        self._pairs = values.tables["data"]
        rows, _ = self._pairs.other_weights()
        needed = len(rows) or not columns.weight_is_optional
        has_weights = self._pairs.weights is not None and needed
        self._weight = columns.weight if has_weights else None

    def records(self, negatives_only) -> Iterator[dict[Any, Any]]:
        """Yields a record for each line."""
        pairs, found = self._pairs, self._found
        query, target = self._query, self._target
        first_rows = self._positive[found.task.query_rows]
        numbers = dict(
            zip(first_rows.tolist(), range(len(first_rows)), strict=True)
        )
        objects = self._objects(target)
        rows = np.sort(first_rows) if negatives_only else np.arange(len(pairs))
        queries = self._values.of("data", query, rows)
        if not negatives_only:
            targets = self._values.of("data", target, rows)
        for place, row in enumerate(rows.tolist()):
            weight = 1 if pairs.weights is None else pairs.weights[row]
            if not negatives_only:
                yield self._record(
                    queries[place], targets[place], pairs.labels[row], weight
                )
            if row not in numbers:
                continue
            number = numbers[row]
            for column in np.flatnonzero(found.numbers[number] >= 0):
                negative = objects[int(found.numbers[number, column])]
                notes = (
                    found.scores[number, column],
                    found.positives[number],
                    found.ranks[number, column],
                )
                yield self._record(queries[place], negative, 0, weight) | dict(
                    zip(NOTES, map(_number, notes), strict=True)
                )

    def _objects(self, target):
        """Returns number -> value of all candidates that are negatives."""
        numbers = np.unique(self._found.numbers[self._found.numbers >= 0])
        rows = self._found.task.candidate_rows[numbers]
        values = self._values.of_candidates(target, rows, self._positive)
        return dict(zip(numbers.tolist(), values, strict=True))

    def _record(self, query, target, label, weight):
        sides = {self._query: query, self._target: target}
        record = {
            getattr(self._columns, side): sides[side] for side in ("in0", "in1")
        }
        record[self._columns.label or PairColumns().label] = _number(label)
        if self._weight:
            record[self._weight] = _number(weight)
        return record


def _number(value):
    """Returns a whole number as an integer, another one rounded."""
    value = round(float(value), 6)
    return int(value) if value.is_integer() else value
