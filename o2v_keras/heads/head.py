"""Base of heads."""

import dataclasses

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
    def hyperparameters(self) -> dict[str, object]:
        """The hyperparameters that describe the head."""
        return {"output_layer": self.output_layer, **self.get_config()}

    def outputs(
        self, pair: list[keras.KerasTensor], config: Object2VecConfig
    ) -> keras.KerasTensor | dict[str, keras.KerasTensor]:
        """Returns what the model returns for two encodings.

        Comparator and MLP, then `scores`.

        Args:
            pair: Two encodings, each `(batch, enc_dim)`.
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

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def weights_or_ones(weights: np.ndarray | None, rows: int) -> np.ndarray:
    """Returns weights `(rows,)`, ones if there are none."""
    return np.ones(rows) if weights is None else np.asarray(weights)
