"""Values to choose among."""

import dataclasses

import keras_tuner

from o2v_keras.config.rules import Integer
from o2v_keras.config.rules import Number
from o2v_keras.config.rules import Rule


@dataclasses.dataclass(frozen=True)
class ValueChoice:
    """Some values of a hyperparameter.

    Args:
        values: Distinct values, in Python's or SageMaker's form (strings).

    Raises:
        ValueError: If there are none, or one is there twice.

    Example:
    >>> str(ValueChoice(("tanh", "relu")))
    'tanh, relu'
    """

    values: tuple

    def __post_init__(self):
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
        """Returns the choice as a hyperparameter takes it.

        Numbers stay numbers, which have an order for Bayesian search; all
        else takes SageMaker's form, strings.

        Args:
            name: Of the hyperparameter.
            rule: What it may be.

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
        """Enters the choice into a Keras Tuner space; returns its value."""
        return hp.Choice(name, list(self.values))

    def value(self, proposed: int | float | str) -> int | float | str:
        """Returns what a proposal stands for: itself."""
        return proposed

    def __str__(self):
        return ", ".join(map(str, self.values))


def _text(value):
    """SageMaker's form of a value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(value)
    return str(value)
