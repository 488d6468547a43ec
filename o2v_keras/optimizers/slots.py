"""The variables that an optimizer keeps beside each trainable one."""

import contextlib
from collections.abc import Sequence

import tensorflow as tf

from o2v_keras.layers.table_rows import copy_on
from o2v_keras.optimizers.touched_rows import TouchedRows


class Slots:
    """Knows an optimizer's slot lists and lets rows stand in for a slot.

    Keras's optimizers look a slot up as `self._momentums[index]`. The lists
    that `track` returns answer with the whole variable, or, within
    `touched`, with the rows that one table's step is about.

    Example:
    >>> slots = Slots()
    >>> momentum = keras.Variable([[1.0], [2.0]])
    >>> momentums = slots.track([momentum])
    >>> with slots.touched(0, momentum.value.device, tf.constant([1])):
    ...     momentums[0].assign_add([[5.0]])
    >>> momentums[0].numpy().ravel()
    array([1., 7.], dtype=float32)
    """

    def __init__(self):
        self._lists = []

    def track(self, variables: list) -> Sequence:
        """Returns the list of slots, one for each trainable variable."""
        self._lists.append(_SlotList(variables))
        return self._lists[-1]

    @contextlib.contextmanager
    def touched(self, index: int, device: str, indices: tf.Tensor):
        """Puts rows in the place of the slots of variable number `index`.

        Args:
            index: Number of the trainable variable.
            device: Where its copy that is being updated lies.
            indices: Distinct row numbers.
        """
        for slots in self._lists:
            copy = copy_on(device, slots[index])
            slots.stand_ins[index] = TouchedRows(copy, indices)
        try:
            yield
        finally:
            for slots in self._lists:
                del slots.stand_ins[index]


# Not a list: Keras replaces lists among an optimizer's attributes by its own.
class _SlotList(Sequence):
    def __init__(self, variables):
        self._variables = variables
        self.stand_ins = {}

    def __len__(self):
        return len(self._variables)

    def __getitem__(self, index):
        if index in self.stand_ins:
            return self.stand_ins[index]
        return self._variables[index]
