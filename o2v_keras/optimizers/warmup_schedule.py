"""Learning rate schedule with a warmup."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="o2v_keras")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warmup, then a constant rate or a cosine decay to 0.

    In step `i`, counted from 0, the rate is
    `learning_rate * min(1, (i + 1) / warmup_steps)` and, for `"cosine"`, this
    times `(1 + cos(pi * i / total_steps)) / 2`; after `total_steps` it is 0.

    Args:
        learning_rate: float. The largest rate.
        kind: str. `"constant"` or `"cosine"`.
        warmup_steps: int. Steps in which the rate rises. Defaults to `0`.
        total_steps: int. Step at which a cosine reaches 0. Defaults to
            `None`: unknown; set it before the first step.

    Raises:
        ValueError: If `kind` is unknown, or a cosine is called before
            `total_steps` is set.

    Example:
    >>> schedule = WarmupSchedule(0.1, "cosine", 2, total_steps=10)
    >>> [round(float(schedule(step)), 3) for step in (0, 1, 5, 10)]
    [0.05, 0.098, 0.05, 0.0]

    Reference:
    - [Loshchilov and Hutter, 2017](https://arxiv.org/abs/1608.03983)
    """

    def __init__(
        self,
        learning_rate,
        kind,
        warmup_steps=0,
        total_steps=None,
    ):
        if kind not in ("constant", "cosine"):
            raise ValueError(
                '`kind` must be "constant" or "cosine". '
                f"Received: kind={kind!r}"
            )
        self.learning_rate = learning_rate
        self.kind = kind
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = ops.convert_to_tensor(self.learning_rate, "float32")
        if self.warmup_steps:
            rate *= ops.minimum((step + 1.0) / self.warmup_steps, 1.0)
        if self.kind == "constant":
            return rate
        if self.total_steps is None:
            raise ValueError(
                "`total_steps` must be set before a cosine schedule is used; "
                "`Object2Vec.fit` sets it."
            )
        progress = ops.minimum(step / self.total_steps, 1.0)
        return rate * (1.0 + ops.cos(math.pi * progress)) / 2.0

    def get_config(self):
        return {
            "learning_rate": self.learning_rate,
            "kind": self.kind,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }
