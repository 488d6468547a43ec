"""Checks of constructor arguments shared by several layers."""

import numbers


def check_integer(name: str, value: int, minimum: int = 1) -> None:
    """Raises `ValueError` unless `value` is an integer of at least `minimum`.

    Args:
        name: str. The argument's name, for the error message.
        value: The argument's value.
        minimum: int. Smallest accepted value. Defaults to 1.

    Example:
    >>> check_integer("units", 0)
    Traceback (most recent call last):
        ...
    ValueError: `units` must be an integer >= 1. Received: units=0
    """
    is_integer = isinstance(value, numbers.Integral)
    is_integer = is_integer and not isinstance(value, bool)
    if not is_integer or value < minimum:
        raise ValueError(
            f"`{name}` must be an integer >= {minimum}. "
            f"Received: {name}={value!r}"
        )


def check_rate(name: str, value: float) -> None:
    """Raises `ValueError` unless `value` is a number from 0 to 1.

    Args:
        name: str. The argument's name, for the error message.
        value: The argument's value.

    Example:
    >>> check_rate("dropout", 7)
    Traceback (most recent call last):
        ...
    ValueError: `dropout` must be a number from 0 to 1. Received: dropout=7
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(
            f"`{name}` must be a number from 0 to 1. Received: {name}={value!r}"
        )
