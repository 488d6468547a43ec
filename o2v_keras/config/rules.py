"""Types and bounds of single hyperparameters.

A rule validates a Python value (`check`) and parses SageMaker's string form
(`parse`). Types, choices and lower bounds are SageMaker's; its upper bounds
reflect its hardware and are not enforced.
"""

import contextlib
import dataclasses
import json
import math
import numbers
import operator
import os
import re
from collections.abc import Mapping
from typing import Any

from o2v_keras.registry import Registry


class Rule:
    """Base of all rules. Subclasses define `description` and `check`."""

    @property
    def description(self) -> str:
        """What a value must be, for messages."""
        raise NotImplementedError

    def check(self, name: str, value: Any) -> Any:
        """Returns the normalized value or raises `ValueError`."""
        raise self.error(name, value)

    def parse(self, text: str) -> Any:
        """Parses SageMaker's string form.

        Returns invalid text unchanged: `check` then rejects it with the
        hyperparameter's name.
        """
        return text

    def error(self, name: str, value: object) -> ValueError:
        """Returns the error for an invalid value."""
        return ValueError(
            f"`{name}` must be {self.description}. Received: {name}={value!r}"
        )


@dataclasses.dataclass(frozen=True)
class Integer(Rule):
    """An integer of at least `minimum`; with `auto` also the word `"auto"`."""

    minimum: int
    auto: bool = False

    @property
    def description(self):
        words = f"an integer of at least {self.minimum}"
        return f'"auto" or {words}' if self.auto else words

    def check(self, name, value):
        if self.auto and value == "auto":
            return value
        try:
            number = operator.index(value)
        except TypeError:
            raise self.error(name, value) from None
        if isinstance(value, bool) or number < self.minimum:
            raise self.error(name, value)
        return number

    def parse(self, text):
        try:
            return int(text)
        except ValueError:
            return text


@dataclasses.dataclass(frozen=True)
class Number(Rule):
    """A finite number from `minimum` to `maximum`."""

    minimum: float
    maximum: float = math.inf

    @property
    def description(self):
        if self.maximum == math.inf:
            return f"a finite number of at least {self.minimum:g}"
        return f"a number from {self.minimum:g} to {self.maximum:g}"

    def check(self, name, value):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise self.error(name, value)
        number = float(value)
        inside = self.minimum <= number <= self.maximum
        if not inside or not math.isfinite(number):
            raise self.error(name, value)
        return number

    def parse(self, text):
        try:
            return float(text)
        except ValueError:
            return text


@dataclasses.dataclass(frozen=True)
class Boolean(Rule):
    """True or false."""

    @property
    def description(self):
        return "true or false"

    def check(self, name, value):
        if not isinstance(value, bool):
            raise self.error(name, value)
        return value

    def parse(self, text):
        return {"true": True, "false": False}.get(text.lower(), text)


@dataclasses.dataclass(frozen=True)
class Choice(Rule):
    """One of fixed names."""

    names: tuple[str, ...]

    @property
    def description(self):
        return "one of " + ", ".join(f'"{name}"' for name in self.names)

    def check(self, name, value):
        if not isinstance(value, str) or value not in self.names:
            raise self.error(name, value)
        return value


@dataclasses.dataclass(frozen=True)
class ChoiceOrClass(Choice):
    """One of fixed names, or a class of the user's.

    `package>Class` is a name in Keras's registry; with `modules` also
    `module:Class`.
    """

    modules: bool = False

    @property
    def description(self):
        example = "my_package.my_module:MyClass"
        if not self.modules:
            example = "my_package>MyClass"
        return f'{super().description}, or a class of your own, "{example}"'

    def check(self, name, value):
        if isinstance(value, str) and names_class(value):
            if self.modules or ":" not in value:
                return value
        return super().check(name, value)


@dataclasses.dataclass(frozen=True)
class Options(Rule):
    """A JSON object: the arguments of a user's own class."""

    @property
    def description(self):
        return 'a JSON object such as {"units": 64}'

    def check(self, name, value):
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise self.error(name, value) from None
        if not isinstance(value, Mapping):
            raise self.error(name, value)
        return json.loads(text)

    def parse(self, text):
        try:
            return json.loads(text)
        except ValueError:
            return text


@dataclasses.dataclass(frozen=True)
class NameList(Rule):
    """An ordered, non-empty list of distinct names in a registry."""

    registry: Registry

    @property
    def description(self):
        return "a non-empty list of distinct names out of " + ", ".join(
            f'"{name}"' for name in self.registry.names
        )

    def check(self, name, value):
        names = self.parse(value) if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not names:
            raise self.error(name, value)
        known = all(
            isinstance(item, str) and item in self.registry for item in names
        )
        if not known or len(set(names)) < len(names):
            raise self.error(name, value)
        return tuple(names)

    def parse(self, text):
        return tuple(part.strip() for part in text.split(","))


@dataclasses.dataclass(frozen=True)
class IntegerList(Rule):
    """Distinct integers of at least `minimum`, sorted; may be empty.

    Example:
    >>> IntegerList(1).check("matryoshka_dims", "128, 64")
    (64, 128)
    """

    minimum: int

    @property
    def description(self):
        return f"a list of distinct integers of at least {self.minimum}"

    def check(self, name, value):
        items = self.parse(value) if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise self.error(name, value)
        rule = Integer(self.minimum)
        try:
            integers = [rule.check(name, item) for item in items]
        except ValueError:
            raise self.error(name, value) from None
        if len(set(integers)) < len(integers):
            raise self.error(name, value)
        return tuple(sorted(integers))

    def parse(self, text):
        rule = Integer(self.minimum)
        parts = text.split(",") if text.strip() else []
        return tuple(rule.parse(part.strip()) for part in parts)


@dataclasses.dataclass(frozen=True)
class Path(Rule):
    """The path of a file, or an empty string."""

    @property
    def description(self):
        return "the path of a file, or empty"

    def check(self, name, value):
        if not isinstance(value, str | os.PathLike):
            raise self.error(name, value)
        return os.fspath(value)


def names_class(network: str) -> bool:
    """Whether a network is a class, `module:Class` or Keras's `package>Class`.

    Example:
    >>> names_class("my_package.encoders:Mine"), names_class("hcnn")
    (True, False)
    """
    return re.fullmatch(r"[^\s,:>]+[:>][^\s,:>]+", network) is not None


def unpacked(text: str) -> object:
    """Decodes a string that SageMaker's SDK encoded as JSON.

    Example:
    >>> unpacked('"hcnn"'), unpacked("hcnn"), unpacked('["dot", "concat"]')
    ('hcnn', 'hcnn', ['dot', 'concat'])
    """
    if text == "null" or text.startswith(('"', "[")):
        with contextlib.suppress(ValueError):
            content = json.loads(text)
            return content.strip() if isinstance(content, str) else content
    return text
