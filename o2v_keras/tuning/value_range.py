"""A range of numbers to search in."""

import dataclasses
import math
import numbers

import keras_tuner

from o2v_keras.config.rules import Integer
from o2v_keras.config.rules import Number
from o2v_keras.config.rules import Rule

_SCALES = ("auto", "linear", "log")
# From 1 to 4 layers a linear scale is the natural one, from 5 to 300 no more.
_LOG_FROM_RATIO = 20


@dataclasses.dataclass(frozen=True)
class ValueRange:
    """Numbers from `low` to `high`, both included.

    Args:
        low: Smallest value; an integer where the hyperparameter is one.
        high: Largest value.
        scale: `"linear"`, `"log"` (for a positive `low`: each order of
            magnitude is as likely as another), or `"auto"`: `"log"` where
            `low` is positive and `high` at least 20 times as large. Defaults
            to `"auto"`.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
    >>> ValueRange(1e-6, 1.0).sampling, ValueRange(1, 4).sampling
    ('log', 'linear')
    """

    low: float
    high: float
    scale: str = "auto"

    def __post_init__(self):
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
                '`low` must be positive beside scale="log". '
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
        """Returns the range as a hyperparameter takes it.

        Args:
            name: Of the hyperparameter.
            rule: What it may be.

        Raises:
            ValueError: If it is no number, or an end breaks its rule.
        """
        if not isinstance(rule, Integer | Number):
            raise ValueError(
                f"`{name}` must be given as a choice of values, since it is "
                f"{rule.description}. Received: {name}={self}"
            )
        ends = (rule.check(name, end) for end in (self.low, self.high))
        return ValueRange(*ends, self.scale)

    def declare(
        self, hp: keras_tuner.HyperParameters, name: str
    ) -> int | float | None:
        """Enters the range into a Keras Tuner space; returns its value."""
        add = hp.Int if isinstance(self.low, int) else hp.Float
        return add(name, self.low, self.high, sampling=self.sampling)

    def value(self, proposed: int | float) -> int | float:
        """Returns what a proposal stands for.

        Keras Tuner's Bayesian search may propose `high + 1` for an integer
        on a logarithmic scale, and a number that rounding puts past an end.
        """
        return min(max(proposed, self.low), self.high)

    def __str__(self):
        return f"{self.low:g} to {self.high:g} ({self.sampling})"
