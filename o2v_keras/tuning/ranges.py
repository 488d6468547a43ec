"""Ranges and choices of hyperparameters for a search."""

import dataclasses
import math
import numbers
import os
from collections.abc import Mapping
from typing import Any

import keras_tuner

from o2v_keras.config.json_object import read_json_object
from o2v_keras.config.rules import Integer
from o2v_keras.config.rules import Number
from o2v_keras.config.rules import Rule

_SCALES = ("auto", "linear", "log")
# A linear scale suits 1 to 4 layers, but not 5 to 300 units.
_LOG_FROM_RATIO = 20
_NUMBERS = ("IntegerParameterRanges", "ContinuousParameterRanges")
_CHOICES = "CategoricalParameterRanges"
_SCALING_TYPES = {"Auto": "auto", "Linear": "linear", "Logarithmic": "log"}
# As version 3 of SageMaker's Python SDK spells them -> as its API does.
_SNAKE_CASE = {
    "parameter_ranges": "ParameterRanges",
    "integer_parameter_ranges": "IntegerParameterRanges",
    "continuous_parameter_ranges": "ContinuousParameterRanges",
    "categorical_parameter_ranges": _CHOICES,
    "name": "Name",
    "min_value": "MinValue",
    "max_value": "MaxValue",
    "scaling_type": "ScalingType",
    "values": "Values",
}
_FORM = (
    '{"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": '
    '"1e-4", "MaxValue": "1e-2", "ScalingType": "Logarithmic"}], '
    '"CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["adam"]}]}'
)


@dataclasses.dataclass(frozen=True)
class ValueRange:
    """Numbers from `low` to `high`, both included.

    Args:
        low: int or float. Smallest value.
        high: int or float. Largest value.
        scale: `"linear"`, `"log"` (orders of magnitude are equally likely;
            `low` must be positive), or `"auto"`: `"log"` if `low` is positive
            and `high` at least 20 times as large. Defaults to `"auto"`.

    Raises:
        ValueError: If an argument is invalid.

    Example:
    >>> ValueRange(1e-6, 1.0).sampling, ValueRange(1, 4).sampling
    ('log', 'linear')
    """

    low: float
    high: float
    scale: str = "auto"

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            is_number = isinstance(end, numbers.Real)
            if isinstance(end, bool) or not is_number or not math.isfinite(end):
                raise ValueError(
                    "`low` and `high` must be finite numbers. Received: "
                    f"low={self.low!r}, high={self.high!r}"
                )
        if self.low > self.high:
            raise ValueError(
                "`low` must be at most `high`. Received: "
                f"low={self.low!r}, high={self.high!r}"
            )
        if self.scale not in _SCALES:
            raise ValueError(
                f"`scale` must be one of {', '.join(_SCALES)}. "
                f"Received: scale={self.scale!r}"
            )
        if self.scale == "log" and self.low <= 0:
            raise ValueError(
                '`low` must be positive with scale="log". '
                f"Received: low={self.low!r}"
            )

    @property
    def sampling(self) -> str:
        """`"linear"` or `"log"`."""
        if self.scale != "auto":
            return self.scale
        wide = self.low > 0 and self.high >= _LOG_FROM_RATIO * self.low
        return "log" if wide else "linear"

    def check(self, name: str, rule: Rule) -> "ValueRange":
        """Checks the range for a hyperparameter; returns it normalized.

        Args:
            name: Name of the hyperparameter.
            rule: Rule of the hyperparameter.

        Raises:
            ValueError: If it is no number, or an end breaks its rule.
        """
        if not isinstance(rule, Integer | Number):
            raise ValueError(
                f"`{name}` must be given as a choice of values: it is "
                f"{rule.description}. Received: {name}={self}"
            )
        low: Any = rule.check(name, self.low)
        high: Any = rule.check(name, self.high)
        return ValueRange(low, high, self.scale)

    def declare(
        self, hp: keras_tuner.HyperParameters, name: str
    ) -> int | float | None:
        """Adds the range to a Keras Tuner space; returns its value."""
        add = hp.Int if isinstance(self.low, int) else hp.Float
        return add(name, self.low, self.high, sampling=self.sampling)

    def value(self, proposed: int | float) -> int | float:
        """Returns a proposed value, clipped to the range.

        Keras Tuner's Bayesian search can propose `high + 1` for an integer
        on a logarithmic scale, and exceed an end by rounding.
        """
        return min(max(proposed, self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g} ({self.sampling})"


@dataclasses.dataclass(frozen=True)
class ValueChoice:
    """A choice of values.

    Args:
        values: Distinct values, in Python's or SageMaker's form (strings).

    Raises:
        ValueError: If there are none, or one is repeated.

    Example:
    >>> str(ValueChoice(("tanh", "relu")))
    'tanh, relu'
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not len(self.values):
            raise ValueError(
                "`values` must be a tuple of at least one value. "
                f"Received: values={self.values!r}"
            )
        object.__setattr__(self, "values", tuple(self.values))
        if len(set(map(_text, self.values))) < len(self.values):
            raise ValueError(
                f"`values` must be distinct. Received: values={self.values!r}"
            )

    def check(self, name: str, rule: Rule) -> "ValueChoice":
        """Checks the choice for a hyperparameter; returns it normalized.

        Numbers stay numbers, whose order Bayesian search uses; other values
        become strings in SageMaker's form.

        Args:
            name: Name of the hyperparameter.
            rule: Rule of the hyperparameter.

        Raises:
            ValueError: If a value breaks the rule.
        """
        values = tuple(
            rule.parse(value) if isinstance(value, str) else value
            for value in self.values
        )
        checked = tuple(rule.check(name, value) for value in values)
        takes_words = isinstance(rule, Integer) and rule.auto
        if isinstance(rule, Integer | Number) and not takes_words:
            return ValueChoice(checked)
        return ValueChoice(tuple(map(_text, checked)))

    def declare(
        self, hp: keras_tuner.HyperParameters, name: str
    ) -> int | float | str | None:
        """Adds the choice to a Keras Tuner space; returns its value."""
        return hp.Choice(name, list(self.values))

    def value(self, proposed: int | float | str) -> int | float | str:
        """Returns a proposed value."""
        return proposed

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


def _text(value):
    """Returns SageMaker's string form of a value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


# SageMaker Developer Guide, "Tune an Object2Vec Model".
DEFAULT_RANGES = {
    "dropout": ValueRange(0.0, 1.0),
    "early_stopping_patience": ValueRange(1, 5),
    "early_stopping_tolerance": ValueRange(0.001, 0.1),
    "enc_dim": ValueRange(4, 4096),
    "enc0_cnn_filter_width": ValueRange(1, 5),
    "enc1_cnn_filter_width": ValueRange(1, 5),
    "enc0_layers": ValueRange(1, 4),
    "enc1_layers": ValueRange(1, 4),
    "enc0_token_embedding_dim": ValueRange(5, 300),
    "enc1_token_embedding_dim": ValueRange(5, 300),
    "epochs": ValueRange(4, 20),
    "learning_rate": ValueRange(1e-6, 1.0),
    "mini_batch_size": ValueRange(1, 8192),
    "mlp_activation": ValueChoice(("tanh", "relu", "linear")),
    "mlp_dim": ValueRange(16, 1024),
    "mlp_layers": ValueRange(1, 4),
    "optimizer": ValueChoice(("adagrad", "adam", "rmsprop", "sgd", "adadelta")),
    "weight_decay": ValueRange(0.0, 1.0),
}


def read_parameter_ranges(
    source: Mapping[str, Any] | str | os.PathLike[str],
) -> dict[str, ValueRange | ValueChoice]:
    """Reads the `ParameterRanges` of a SageMaker tuning job.

    Args:
        source: `ParameterRanges` or a `HyperParameterTuningJobConfig`, as a
            mapping or the path of a JSON file. Names are those of the API
            (`MinValue`), as `HyperparameterTuner.hyperparameter_ranges()` of
            SageMaker's Python SDK gives them, or in snake case (`min_value`),
            as the arguments of `ParameterRanges` in its version 3.

    Raises:
        ValueError: If the format is wrong, or a scale is
            `ReverseLogarithmic`, which Keras Tuner does not have.

    Example:
    >>> ranges = read_parameter_ranges({
    ...     "IntegerParameterRanges": [
    ...         {"Name": "enc_dim", "MinValue": "64", "MaxValue": "512"}
    ...     ]
    ... })
    >>> ranges["enc_dim"]
    ValueRange(low=64, high=512, scale='auto')
    >>> ranges == read_parameter_ranges({
    ...     "integer_parameter_ranges": [
    ...         {"name": "enc_dim", "min_value": "64", "max_value": "512"}
    ...     ]
    ... })
    True

    Reference:
    - SageMaker API Reference, `ParameterRanges`.
    """
    where = "`ranges`"
    if isinstance(source, str | os.PathLike):
        where = os.fspath(source)
        source = read_json_object(source, "ranges")
    source = _in_camel_case(source, where)
    if "ParameterRanges" in source:
        source = _in_camel_case(source["ParameterRanges"], where)
    foreign = sorted({*source} - {*_NUMBERS, _CHOICES})
    if foreign:
        raise ValueError(
            f"{where} must be of SageMaker's form, such as {_FORM}. "
            f"Received: the key {foreign[0]}"
        )
    ranges = {}
    for key in (*_NUMBERS, _CHOICES):
        for entry in source.get(key, []):
            if isinstance(entry, Mapping):
                entry = _in_camel_case(entry, where)
            name, values = _entry(key, entry, where)
            if name in ranges:
                raise ValueError(f"{where} must give {name} only once.")
            ranges[name] = values
    return ranges


def _in_camel_case(source, where):
    """Spells the keys as the API does; leaves out what is `None`."""
    found = {}
    for key, value in source.items():
        name = _SNAKE_CASE.get(key, key)
        if name in found:
            raise ValueError(
                f"{where} must give {name} in one form. Received: {name} and "
                f"{key}"
            )
        # An object of version 3 has what was not set as well.
        if value is not None:
            found[name] = value
    return found


def parse_range(text: str) -> tuple[str, ValueRange]:
    """Parses `name=low:high` or `name=low:high:scale`.

    Raises:
        ValueError: If the format is wrong.

    Example:
    >>> parse_range("learning_rate=1e-4:1e-2:log")
    ('learning_rate', ValueRange(low=0.0001, high=0.01, scale='log'))
    """
    name, equals, words = text.partition("=")
    low, *rest = words.split(":")
    if not name or not equals or len(rest) not in (1, 2):
        raise ValueError(
            "A range must be name=low:high or name=low:high:log. "
            f"Received: {text}"
        )
    ends = (_number(end, text) for end in (low, rest[0]))
    return name, _made(name, ValueRange, *ends, *rest[1:])


def parse_choice(text: str) -> tuple[str, ValueChoice]:
    """Parses `name=a,b,c`.

    Raises:
        ValueError: If the format is wrong.

    Example:
    >>> parse_choice("enc_dim=64,128")
    ('enc_dim', ValueChoice(values=('64', '128')))
    """
    name, equals, words = text.partition("=")
    if not name or not equals:
        raise ValueError(f"A choice must be name=a,b,c. Received: {text}")
    values = tuple(word.strip() for word in words.split(","))
    return name, _made(name, ValueChoice, values)


def _entry(key, entry, where):
    try:
        if key == _CHOICES:
            name, values = entry["Name"], tuple(entry["Values"])
            return name, _made(name, ValueChoice, values)
        ends = entry["MinValue"], entry["MaxValue"]
        scale = entry.get("ScalingType", "Auto")
        name = entry["Name"]
    except (KeyError, TypeError):
        raise ValueError(
            f"{where} must be of SageMaker's form, such as {_FORM}. "
            f"Received: {entry!r} in {key}"
        ) from None
    if scale not in _SCALING_TYPES:
        raise ValueError(
            f"`ScalingType` of {name} must be one of "
            f"{', '.join(_SCALING_TYPES)}. "
            f"Received: ScalingType={scale!r}"
        )
    low, high = (_number(end, f"{name} in {where}") for end in ends)
    return name, _made(name, ValueRange, low, high, _SCALING_TYPES[scale])


def _made(name, kind, *values):
    try:
        return kind(*values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _number(text, where):
    for kind in (int, float):
        try:
            return kind(text)
        except (TypeError, ValueError):
            continue
    raise ValueError(f"{where}: {text!r} must be a number.")
