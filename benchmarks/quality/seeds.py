"""Trainings with several seeds, as a cell of a table."""

import numpy as np


def cell(scores: np.ndarray, digits: int = 4) -> str:
    """Returns mean, standard deviation and each seed's score.

    Args:
        scores: float `(seeds,)`; a single one is printed as it is.
        digits: Behind the point. Defaults to 4.

    Example:
    >>> cell(np.array([0.5, 0.7]), 2)
    '0.60 ± 0.14 (0.50 0.70)'
    """
    if len(scores) == 1:
        return f"{scores[0]:.{digits}f}"
    each = " ".join(f"{score:.{digits}f}" for score in scores)
    mean, spread = np.mean(scores), np.std(scores, ddof=1)
    return f"{mean:.{digits}f} ± {spread:.{digits}f} ({each})"


def print_row(name: str, columns, digits: int = 4):
    """Prints a line of a Markdown table at once.

    Args:
        name: First cell.
        columns: Array of scores, one a seed, for each further cell; a str is
            printed as it is.
        digits: Behind the point. Defaults to 4.
    """
    cells = [
        column
        if isinstance(column, str)
        else cell(np.atleast_1d(column), digits)
        for column in columns
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def print_head(name: str, columns):
    """Prints the head of a Markdown table.

    Args:
        name: First cell.
        columns: str of each further cell.
    """
    print(f"| {name} | {' | '.join(columns)} |")
    print("| --- |" + " --- |" * len(columns), flush=True)


def split_name(test: bool) -> str:
    """Returns what the scored split is called in a table."""
    return "test" if test else "validation"
