"""Tables for people to read."""

from collections.abc import Mapping
from collections.abc import Sequence


def aligned_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Pads cells so that columns align: the first left, the others right.

    Args:
        rows: Cells of each line, as many in each.

    Example:
    >>> aligned_lines([("", "rank"), ("model", "3")])
    ['       rank', 'model     3']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [
                cell.rjust(width)
                for cell, width in zip(row[1:], widths[1:], strict=True)
            ]
        )
        for row in rows
    ]


def metrics_table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """Puts metrics side by side, a line for each.

    Args:
        columns: Heading -> metrics. Lines are those of the first column,
            what another one lacks is a dash.

    Example:
    >>> print(metrics_table({"model": {"mrr": 0.5}, "random": {"mrr": 0.1}}))
          model  random
    mrr  0.5000  0.1000
    """
    first = next(iter(columns.values()))
    rows = [("", *columns)]
    rows += [
        (name, *(_cell(column.get(name)) for column in columns.values()))
        for name in first
    ]
    return "\n".join(aligned_lines(rows))


def _cell(value):
    return "-" if value is None else f"{value:.4f}"
