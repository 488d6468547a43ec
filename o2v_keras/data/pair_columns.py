"""Names of the columns of a pair."""

from typing import NamedTuple

from o2v_keras.config import Object2VecConfig

OPTIONAL_WEIGHT = "weight"


class PairColumns(NamedTuple):
    """Names of the columns, or fields, of a record.

    Args:
        in0: str. The first side. Defaults to `"in0"`, SageMaker's name.
        in1: str. The second side. Defaults to `"in1"`.
        label: str. Defaults to `"label"`. `None` means that every record is
            a positive, labelled 1.
        weight: str. The sample weight, read if labels are read. The default,
            `"weight"`, is optional in a file or mapping, and in each record of
            JSON Lines and TFRecord files; the default weight is 1. A column
            of another name must be present. `None` ignores a column `weight`.

    Example:
    >>> PairColumns(in0="plot", in1="genre").label
    'label'
    """

    in0: str = "in0"
    in1: str = "in1"
    label: str | None = "label"
    weight: str | None = OPTIONAL_WEIGHT

    def check_label(self, config: Object2VecConfig) -> None:
        """Checks that data without labels get negatives.

        Args:
            config: `Object2VecConfig` of the model.

        Raises:
            ValueError: If there is no label and the head draws no negatives.
        """
        heads = ("in_batch_softmax", "bpr")
        if (
            self.label is None
            and not config.negative_sampling_rate
            and config.output_layer not in heads
        ):
            if config.output_layer in ("cosent", "embedding"):
                raise ValueError(
                    "`label_column` must name a column of labels beside "
                    f'output_layer="{config.output_layer}", which learns from '
                    "the label of each record. Received: an empty "
                    "`label_column`"
                )
            raise ValueError(
                "`label_column` must name a column of labels beside "
                f'output_layer="{config.output_layer}" and '
                "negative_sampling_rate=0: without one every record is a "
                "positive, labelled 1, and there is nothing to tell them "
                "from. Set `negative_sampling_rate`, or `output_layer` to "
                '"in_batch_softmax" or "bpr". Received: an empty '
                "`label_column`"
            )

    @property
    def weight_is_optional(self) -> bool:
        """Whether records may do without a weight."""
        return self.weight == OPTIONAL_WEIGHT

    @property
    def has_weight(self) -> bool:
        """Whether a column of its own may hold weights."""
        others = (self.in0, self.in1, self.label)
        taken = self.weight_is_optional and self.weight in others
        return self.weight is not None and not taken
