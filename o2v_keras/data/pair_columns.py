"""Which columns of a file hold a pair."""

from typing import NamedTuple


class PairColumns(NamedTuple):
    """Names of the columns, or fields, of a record.

    Args:
        in0: str. The first side. Defaults to `"in0"`, SageMaker's name.
        in1: str. The second side. Defaults to `"in1"`.
        label: str. Defaults to `"label"`.

    Example:
    >>> PairColumns(in0="plot", in1="genre").label
    'label'
    """

    in0: str = "in0"
    in1: str = "in1"
    label: str = "label"
