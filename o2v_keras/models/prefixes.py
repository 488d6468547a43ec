"""Outputs and metrics of the prefixes of a model's encodings."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from o2v_keras.config import Object2VecConfig
from o2v_keras.user_warning import warn_user

# Marks inputs whose outputs are wanted for all widths: training and test steps
# call the model with them, and users without.
_MARK = "prefixes"


class Prefixes:
    """What a model returns for the first numbers of its encodings.

    The layers are the model's own. The head sees zeros after a prefix, so its
    weights fit every width; dot products and cosines of such encodings are
    those of the cut ones.

    This is no Keras object, so that the model does not save its layers twice.

    Args:
        inputs: The model's inputs.
        pair: Its encodings of `in0` and `in1`, symbolic.
        outputs: Its outputs, made of `pair`.
        dims: Widths of the trained prefixes.
    """

    def __init__(
        self,
        inputs: Mapping[str, keras.KerasTensor],
        pair: Sequence[keras.KerasTensor],
        outputs: keras.KerasTensor | dict[str, keras.KerasTensor],
        dims: Sequence[int],
    ):
        self.dims = tuple(dims)
        self._names = sorted(inputs)
        self._pair = list(pair)
        self._head = keras.Function(self._pair, outputs)
        self._all_widths = None
        self._metrics = []
        if dims:
            every = [outputs, *(self.outputs(dim) for dim in dims)]
            self._all_widths = keras.Function(dict(inputs), every)

    def outputs(self, dim: int):
        """Returns the symbolic outputs for a prefix, of the model's inputs."""
        return self._head([zero_after(side, dim) for side in self._pair])

    def marked(self, data):
        """Returns the data of a training or test step, marked."""
        if not self.dims:
            return data
        inputs, *others = keras.utils.unpack_x_y_sample_weight(data)
        inputs = {**inputs, _MARK: inputs[self._names[0]]}
        return keras.utils.pack_x_y_sample_weight(inputs, *others)

    def are_wanted(self, inputs) -> bool:
        """Whether inputs are marked."""
        return isinstance(inputs, Mapping) and _MARK in inputs

    def all_outputs(self, inputs) -> list[Any]:
        """Returns the outputs of marked inputs: whole, then each prefix."""
        return self._all_widths({name: inputs[name] for name in self._names})

    def set_metrics(self, metrics) -> None:
        """Sets the metrics, which each prefix gets under `name_dim_D`.

        Args:
            metrics: List of metrics. Of other forms that `compile` takes,
                none is computed for prefixes.
        """
        given = metrics if isinstance(metrics, list | tuple) else []
        given = [m for m in given if isinstance(m, keras.metrics.Metric)]
        self._metrics = [
            [_named(metric, f"{metric.name}_dim_{dim}") for metric in given]
            for dim in self.dims
        ]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics of all prefixes."""
        return [metric for metrics in self._metrics for metric in metrics]

    def update_metrics(self, y, outputs, sample_weight) -> None:
        """Updates the metrics of each prefix with its outputs, in order."""
        for metrics, values in zip(self._metrics, outputs, strict=False):
            for metric in metrics:
                metric.update_state(y, values, sample_weight)


def zero_after(encodings, dim: int):
    """Returns encodings `(batch, width)` with zeros after `dim` numbers.

    Example:
    >>> zero_after(np.array([[1.0, 2.0, 3.0]]), 2).numpy()
    array([[1., 2., 0.]])
    """
    rest = encodings.shape[-1] - dim
    return ops.pad(encodings[:, :dim], [[0, 0], [0, rest]])


def check_dim(dim: int, config: Object2VecConfig) -> None:
    """Warns of a prefix that the model was not trained for.

    Args:
        dim: Width of the prefix.
        config: The model's configuration.

    Raises:
        ValueError: If it is no width of a prefix.
    """
    is_integer = isinstance(dim, int) and not isinstance(dim, bool)
    if not is_integer or not 1 <= dim <= config.enc_dim:
        raise ValueError(
            f"`dim` must be an integer from 1 to enc_dim={config.enc_dim}. "
            f"Received: dim={dim!r}"
        )
    trained = (*config.matryoshka_dims, config.enc_dim)
    if dim not in trained:
        warn_user(
            f"The model was not trained for prefixes of {dim} numbers: they "
            "keep less of its quality than its own widths, "
            f"{', '.join(map(str, trained))}. Train it with "
            f'`matryoshka_dims="{dim}"`.'
        )


def by_width(
    metrics: Mapping[str, float], dims: Sequence[int]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Separates the metrics of prefixes from those of whole encodings.

    Args:
        metrics: Name -> value. Those of a prefix are named `name_dim_D`.
        dims: Widths of the prefixes.

    Returns:
        The metrics of whole encodings, and width -> metrics of the prefix.

    Example:
    >>> by_width({"accuracy": 0.9, "accuracy_dim_64": 0.8}, [64])
    ({'accuracy': 0.9}, {'64': {'accuracy': 0.8}})
    """
    whole, prefixes = dict(metrics), {}
    for dim in dims:
        found = {
            name: whole.pop(f"{name}_dim_{dim}")
            for name in metrics
            if f"{name}_dim_{dim}" in whole
        }
        if found:
            prefixes[str(dim)] = found
    return whole, prefixes


def _named(metric, name):
    return type(metric).from_config({**metric.get_config(), "name": name})
