"""Base of heads."""

import dataclasses
from typing import Any

import keras
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.layers.comparator import Comparator
from o2v_keras.layers.feed_forward import FeedForward


@dataclasses.dataclass(frozen=True)
class Head:
    """What a model predicts, and the loss it learns by.

    The arguments of a head are the hyperparameters of `Object2VecConfig` that
    describe it. A head of your own is a subclass of the head whose data it
    takes, registered with Keras; it overrides `scores`, `loss` or `metrics`.

    Attributes:
        output_layer: str. The hyperparameter that names the head.
    """

    output_layer = ""

    @classmethod
    def of(cls, config: Object2VecConfig) -> "Head":
        """Returns the head of a configuration."""
        fields = dataclasses.fields(cls)
        return cls(**{f.name: getattr(config, f.name) for f in fields})

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The hyperparameters that describe the head.

        Arguments of a user's own head may have other names.
        """
        known = {field.name for field in dataclasses.fields(Object2VecConfig)}
        arguments = self.get_config().items()
        named = {name: value for name, value in arguments if name in known}
        return {"output_layer": self.output_layer, **named}

    def outputs(
        self, pair: list[keras.KerasTensor], config: Object2VecConfig
    ) -> keras.KerasTensor | dict[str, keras.KerasTensor]:
        """Returns what the model returns for two encodings.

        Comparator and MLP, then `scores`.

        Args:
            pair: Two encodings, each `(batch, enc_dim)`; one if `config`
                has one side.
            config: Its comparator and MLP are used.
        """
        comparator = Comparator(config.comparator_list, name="comparator")
        mlp = FeedForward(
            config.mlp_dim,
            config.mlp_layers,
            activation=config.mlp_activation,
            dropout=config.dropout,
            name="mlp",
        )
        scores = self.scores(config)
        return scores(mlp(comparator(pair)))

    def scores(self, config: Object2VecConfig) -> keras.layers.Layer:
        """Returns the last layer, named `scores`.

        It maps float `(batch, units)` to float32 `(batch, num_classes)` or
        `(batch, 1)`: under mixed precision, scores stay float32 for the loss
        and for exports.
        """
        raise NotImplementedError

    def loss(self) -> keras.losses.Loss:
        """Returns the loss that `compile(loss="auto")` takes."""
        raise NotImplementedError

    def metrics(self) -> list[keras.metrics.Metric]:
        """Returns the weighted metrics of `compile(metrics="auto")`."""
        raise NotImplementedError

    def first_bias(
        self,
        labels: np.ndarray,
        weights: np.ndarray | None = None,
        negatives: int = 0,
    ) -> np.ndarray | None:
        """Returns the bias that predicts the average label.

        Args:
            labels: `(rows,)`. Classes or values.
            weights: `(rows,)`. Defaults to `None`: ones.
            negatives: Rows labelled 0 that are drawn for each row. Defaults
                to 0.

        Returns:
            float32 `(units,)`; `None` if the head has no bias.
        """
        return None

    def get_config(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Head":
        return cls(**config)


def checked_rows(
    labels: np.ndarray, weights: np.ndarray | None, num_classes: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels and weights, float64 `(rows,)`.

    Args:
        labels: `(rows,)`. Classes or values.
        weights: `(rows,)`. `None`: ones.
        num_classes: Labels are classes below it. `None`: values.

    Raises:
        ValueError: If they are something else, or no row counts.
    """
    try:
        labels = np.asarray(labels, np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"`labels` must be numbers. Received: labels={labels!r:.200}"
        ) from None
    if labels.ndim != 1 or not labels.size:
        raise ValueError(
            "`labels` must be of shape `(rows,)`, with at least one row. "
            f"Received: labels of shape {labels.shape}"
        )
    wrong = ~np.isfinite(labels)
    rule = "finite numbers"
    if num_classes is not None:
        rule = f"classes, whole numbers from 0 to {num_classes - 1}"
        wrong |= (labels != np.floor(labels)) | (labels < 0)
        wrong |= labels >= num_classes
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"`labels` must be {rule}. Received: {labels[row]:g} in row {row}"
        )
    if weights is None:
        return labels, np.ones(len(labels))
    weights = np.asarray(weights, np.float64)
    if weights.shape != labels.shape or not (weights >= 0).all():
        raise ValueError(
            "`weights` must be a number of at least 0 for each label. "
            f"Received: weights of shape {weights.shape} for "
            f"{len(labels)} labels, or one below 0"
        )
    if not weights.sum() > 0 or not np.isfinite(weights.sum()):
        raise ValueError(
            "`weights` must be finite, and one of them above 0. "
            f"Received: weights that add up to {weights.sum()}"
        )
    return labels, weights
