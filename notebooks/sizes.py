"""How much a notebook or a benchmark computes."""

import os
from typing import TypeVar

T = TypeVar("T")


def sized(full: T, quick: T) -> T:
    """Returns `full`, or `quick` where the variable `O2V_QUICK` is 1.

    Committed outputs and figures are of full runs. Quick runs, with fewer
    epochs and rows, only show that everything works; that is what the tests
    do.

    Example:
    >>> sized(20, quick=1) in (20, 1)
    True
    """
    return quick if os.environ.get("O2V_QUICK") == "1" else full
