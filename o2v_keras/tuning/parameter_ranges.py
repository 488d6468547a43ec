"""Ranges as users write them: SageMaker's form, and short words."""

import os
from collections.abc import Mapping

from o2v_keras.config.json_object import read_json_object
from o2v_keras.tuning.value_choice import ValueChoice
from o2v_keras.tuning.value_range import ValueRange

_NUMBERS = ("IntegerParameterRanges", "ContinuousParameterRanges")
_CHOICES = "CategoricalParameterRanges"
_SCALES = {"Auto": "auto", "Linear": "linear", "Logarithmic": "log"}
_FORM = (
    '{"ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": '
    '"1e-4", "MaxValue": "1e-2", "ScalingType": "Logarithmic"}], '
    '"CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["adam"]}]}'
)


def read_parameter_ranges(
    source: Mapping | str | os.PathLike,
) -> dict[str, ValueRange | ValueChoice]:
    """Reads the `ParameterRanges` of a SageMaker tuning job.

    Args:
        source: The mapping, or the path of a JSON file that holds it, or a
            whole `HyperParameterTuningJobConfig` around it.

    Raises:
        ValueError: If it has another form. `ReverseLogarithmic` is refused:
            Keras Tuner has no scale in `1 - x`.

    Example:
    >>> ranges = read_parameter_ranges({
    ...     "IntegerParameterRanges": [
    ...         {"Name": "enc_dim", "MinValue": "64", "MaxValue": "512"}
    ...     ]
    ... })
    >>> ranges["enc_dim"]
    ValueRange(low=64, high=512, scale='auto')

    Reference:
    - SageMaker API Reference, `ParameterRanges`.
    """
    where = "`ranges`"
    if isinstance(source, str | os.PathLike):
        where = os.fspath(source)
        source = read_json_object(source, "ranges")
    source = source.get("ParameterRanges", source)
    foreign = sorted({*source} - {*_NUMBERS, _CHOICES})
    if foreign:
        raise ValueError(
            f"{where} must be of SageMaker's form, such as {_FORM}. "
            f"Received: the key {foreign[0]}"
        )
    ranges = {}
    for key in (*_NUMBERS, _CHOICES):
        for entry in source.get(key, []):
            name, values = _entry(key, entry, where)
            if name in ranges:
                raise ValueError(f"{where} must give {name} only once.")
            ranges[name] = values
    return ranges


def parse_range(text: str) -> tuple[str, ValueRange]:
    """Reads `name=low:high` or `name=low:high:scale`.

    Raises:
        ValueError: If it has another form.

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
    """Reads `name=a,b,c`.

    Raises:
        ValueError: If it has another form.

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
    if scale not in _SCALES:
        raise ValueError(
            f"`ScalingType` of {name} must be one of {', '.join(_SCALES)}. "
            f"Received: ScalingType={scale!r}"
        )
    low, high = (_number(end, f"{name} in {where}") for end in ends)
    return name, _made(name, ValueRange, low, high, _SCALES[scale])


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
