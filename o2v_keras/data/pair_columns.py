"""Which columns of a file hold a pair."""

from typing import NamedTuple

OPTIONAL_WEIGHT = "weight"


class PairColumns(NamedTuple):
    """Names of the columns, or fields, of a record.

    Args:
        in0: str. The first side. Defaults to `"in0"`, SageMaker's name.
        in1: str. The second side. Defaults to `"in1"`.
        label: str. Defaults to `"label"`.
        weight: str. How much a record counts, read beside labels. The
            default, `"weight"`, may be absent: from a file or a mapping, and
            from single records of JSON Lines and TFRecord files, which then
            count 1. A column of another name must be there. `None` means
            that a field called so is something else.

    Example:
    >>> PairColumns(in0="plot", in1="genre").label
    'label'
    """

    in0: str = "in0"
    in1: str = "in1"
    label: str = "label"
    weight: str | None = OPTIONAL_WEIGHT

    @property
    def weight_is_optional(self) -> bool:
        """Whether records may do without a weight."""
        return self.weight == OPTIONAL_WEIGHT

    @property
    def has_weight(self) -> bool:
        """Whether a column may hold weights, and nothing else."""
        others = (self.in0, self.in1, self.label)
        taken = self.weight_is_optional and self.weight in others
        return self.weight is not None and not taken
