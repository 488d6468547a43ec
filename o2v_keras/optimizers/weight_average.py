"""Averages of the weights that an optimizer's steps pass through."""

# The mixins use what Keras's optimizers, which come after them, have.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.table_rows import copy_on
from o2v_keras.layers.table_rows import is_large
from o2v_keras.layers.table_rows import local_copies
from o2v_keras.layers.table_rows import row_parts

# While an exponential average warms up, it is mostly over the last 1 / 10 of
# all steps.
_WARMUP_POWER = 10


@keras.saving.register_keras_serializable(package="o2v_keras")
class WeightAverage:
    """How the weights after each step are averaged.

    `"ema"` is an exponential moving average: step `i`, counted from 1, keeps
    the share `min(decay, (1 - 1 / i) ** 10)` of the average and adds the rest
    of the new weights. So it begins with the first step's weights, and until
    the share reaches `decay`, after about `10 / (1 - decay)` steps, nearly all
    of it is of the last third of the steps. `"tail"` is the mean of all
    weights after `start_step`; before, it is the last weights.

    A weight that stays the same for many steps moves its average by a closed
    form, so that a row of a table need not be averaged in steps that do not
    touch it.

    Args:
        kind: str. `"ema"` or `"tail"`.
        decay: float, at least 0 and below 1; for `"ema"`. Defaults to
            `0.999`.
        start_step: int. For `"tail"`: number of steps that are not averaged.
            Defaults to `None`: unknown; set it before the first step.

    Raises:
        ValueError: If an argument breaks its rule, or `start_step` is needed
            and not set.

    Example:
    >>> tail = WeightAverage("tail", start_step=10)
    >>> float(tail.kept(14, 18))
    0.5

    Reference:
    - [Karras et al., 2024](https://arxiv.org/abs/2312.02696): averages over a
      share of all steps, by powers of the step.
    - [Ruppert, 1988; Polyak and Juditsky, 1992](https://doi.org/10.1137/0330046);
      [Jain et al., 2018](https://arxiv.org/abs/1610.03774): the mean of the
      last steps.
    """

    def __init__(self, kind, decay=0.999, start_step=None):
        if kind not in ("ema", "tail"):
            raise ValueError(
                f'`kind` must be "ema" or "tail". Received: kind={kind!r}'
            )
        if not 0 <= decay < 1:
            raise ValueError(
                "`decay` must be at least 0 and below 1. "
                f"Received: decay={decay!r}"
            )
        self.kind = kind
        self.decay = decay
        self.start_step = start_step

    def kept(self, before, after):
        """Returns the share of an average that later steps keep.

        Args:
            before: int, any shape. The average's last step, at least 0.
            after: int. A step that is no earlier.

        Returns:
            float64 of the shape of `before`: from 0, where no step was
            averaged before, to 1 for no steps.
        """
        before, after = (tf.cast(step, tf.float64) for step in (before, after))
        if self.kind == "tail":
            if self.start_step is None:
                raise ValueError(
                    "`start_step` must be set before a tail is averaged; "
                    "`Object2Vec.fit` sets it."
                )
            before, after = (
                tf.maximum(step - self.start_step, 0.0)
                for step in (before, after)
            )
            return tf.math.divide_no_nan(before, after)
        warm = 1 / (1 - self.decay ** (1 / _WARMUP_POWER))
        warming = tf.math.divide_no_nan(
            tf.minimum(before, warm), tf.minimum(after, warm)
        )
        steps = tf.maximum(after, warm) - tf.maximum(before, warm)
        return warming**_WARMUP_POWER * self.decay**steps

    def get_config(self):
        return {
            "kind": self.kind,
            "decay": self.decay,
            "start_step": self.start_step,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class WeightAveraging:
    """Mixin that averages the weights after each step of a Keras optimizer.

    The averages are variables of the optimizer. `swap_averages` puts them
    into the model, and back.

    Args:
        *args: The base optimizer's arguments.
        average: `WeightAverage`. Defaults to `None`: no averages.
        **kwargs: The base optimizer's arguments.

    Example:
    >>> class AveragingSGD(WeightAveraging, keras.optimizers.SGD):
    ...     pass
    >>> weight = keras.Variable(4.0)
    >>> average = WeightAverage("tail", start_step=0)
    >>> optimizer = AveragingSGD(1.0, average=average)
    >>> for _ in range(3):
    ...     optimizer.apply([tf.constant(1.0)], [weight])
    >>> optimizer.swap_averages()
    >>> float(weight)  # of 3, 2 and 1
    2.0
    """

    def __init__(self, *args: Any, average=None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if isinstance(average, dict):
            average = keras.saving.deserialize_keras_object(average)
        self.average = average

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        if self.average is not None:
            self._averages = self.add_optimizer_variables(variables, "average")

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable by the base class's formula, then its average."""
        super().update_step(gradient, variable, learning_rate)
        # Touched rows of a variable have another formula.
        if self.average is None or not isinstance(variable, tf.Variable):
            return
        slot = self._averages[self._get_variable_index(variable)]
        average = copy_on(variable.device, slot)
        kept = self.average.kept(self.iterations, self.iterations + 1)
        kept = tf.cast(kept, variable.dtype)
        average.assign(variable + kept * (average - variable))

    def settle_averages(self) -> None:
        """Makes the averages ready for `swap_averages`.

        They come to meet the constraints of their weights: steps are averaged
        before Keras applies these.
        """
        if self.average is None or not self.built:
            return
        for variable, average in zip(
            self._trainable_variables, self._averages, strict=True
        ):
            if variable.constraint is not None:
                average.assign(variable.constraint(average))

    def swap_averages(self) -> None:
        """Exchanges weights and averages, on all replicas."""
        for weight, average in self._averaged_copies():
            for rows in _parts(weight):
                values = _read(weight, rows), _read(average, rows)
                _write(weight, rows, values[1])
                _write(average, rows, values[0])

    def restart_averages(self) -> None:
        """Sets the averages to the weights, on all replicas."""
        for weight, average in self._averaged_copies():
            for rows in _parts(weight):
                _write(average, rows, _read(weight, rows))

    def _averaged_copies(self):
        """Yields each replica's copy of a weight and of its average."""
        if self.average is None or not self.built:
            return
        for pair in zip(self._trainable_variables, self._averages, strict=True):
            yield from copies_of(*pair)

    def get_config(self):
        average = self.average
        if average is not None:
            average = keras.saving.serialize_keras_object(average)
        return {**super().get_config(), "average": average}


def copies_of(*variables: keras.Variable) -> Iterator[tuple[Any, ...]]:
    """Yields this machine's copies of variables, device by device."""
    copies = [local_copies(variable) for variable in variables]
    for together in zip(*copies, strict=True):
        with tf.device(together[0].device):
            yield together


def _parts(variable):
    """Yields the rows of a large variable in parts; `None`: all of it."""
    return row_parts(variable) if is_large(variable) else [None]


def _read(variable, rows):
    if rows is None:
        return tf.identity(variable)
    return tf.gather(variable, tf.range(rows.start, rows.stop))


def _write(variable, rows, values):
    if rows is None:
        variable.assign(values)
        return
    indices = tf.range(rows.start, rows.stop)
    variable.scatter_update(tf.IndexedSlices(values, indices))
