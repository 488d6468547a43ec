"""Makes a Keras optimizer update only the rows that a batch looks up."""

# The mixins use what Keras's optimizers, which come after them, have.
# pyright: reportAttributeAccessIssue=false

import contextlib
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.table_rows import copy_on
from o2v_keras.layers.table_rows import read_variable
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.optimizers.clipping import SummedRowClipping
from o2v_keras.optimizers.clipping import with_rows_summed
from o2v_keras.optimizers.weight_average import WeightAveraging
from o2v_keras.optimizers.weight_average import copies_of

_WHOLE_TABLES = "it would read and write whole tables in every step"
_REFUSED = {
    "use_ema": f"{_WHOLE_TABLES}; use `average`, a WeightAverage",
    "gradient_accumulation_steps": _WHOLE_TABLES,
    "loss_scale_factor": (
        "Keras cannot divide sparse gradients by it; wrap the optimizer in "
        "RowSparseLossScale"
    ),
}
_NOT_BY_ROWS = (
    keras.optimizers.Adafactor,
    keras.optimizers.Ftrl,
    keras.optimizers.Lamb,
    keras.optimizers.Muon,
)


class TouchedRows:
    """Some rows of a variable, with the interface of a whole variable.

    A Keras optimizer's formula runs on it unchanged: it converts to a tensor
    and supports arithmetic and assignment. Reads gather the rows once;
    assignments scatter immediately.

    Args:
        variable: `tf.Variable` of shape `(rows, ...)`.
        indices: int tensor `(touched,)`. Distinct row numbers.

    Attributes:
        variable: The whole variable.

    Example:
    >>> variable = tf.Variable([[1.0], [2.0], [3.0]])
    >>> rows = TouchedRows(variable, tf.constant([2, 0]))
    >>> rows.assign_add(10 * rows)
    >>> variable.numpy().ravel()
    array([11.,  2., 33.], dtype=float32)
    """

    def __init__(self, variable: tf.Variable, indices: tf.Tensor):
        self.variable = variable
        self._indices = indices
        self._value = None

    @property
    def dtype(self) -> tf.DType:
        return self.variable.dtype

    @property
    def value(self) -> tf.Tensor:
        """The current rows, `(touched, ...)`."""
        if self._value is None:
            self._value = tf.gather(self.variable, self._indices)
        return self._value

    def assign(self, value: tf.Tensor):
        self._value = tf.cast(value, self.dtype)
        self.variable.scatter_update(self._slices(self._value))

    def assign_add(self, delta: tf.Tensor):
        # TensorFlow's `scatter_add` takes 3 times as long as a scatter that
        # only writes, on 2 CPU cores more than a gather and that together.
        self.assign(self.value + tf.cast(delta, self.dtype))

    def assign_sub(self, delta: tf.Tensor):
        self.assign_add(-delta)

    def _slices(self, values):
        return tf.IndexedSlices(values, self._indices)

    def __tf_tensor__(self, dtype=None, name=None):
        return tf.convert_to_tensor(self.value, dtype, name)


def _operator(name):
    def operate(self, *others: Any):
        same = [tf.convert_to_tensor(other, self.dtype) for other in others]
        return getattr(self.value, name)(*same)

    return operate


for _name in ("add", "sub", "mul", "truediv", "pow"):
    for _operation in (f"__{_name}__", f"__r{_name}__"):
        setattr(TouchedRows, _operation, _operator(_operation))


TouchedRows.__neg__ = _operator("__neg__")


class Slots:
    """Replaces an optimizer's slots by their touched rows during an update.

    Keras optimizers read a slot as `self._momentums[index]`. The lists that
    `track` returns give the whole variable or, within `touched`, the rows
    being updated.

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

    def track(self, variables: list[Any]) -> Sequence[Any]:
        """Returns `variables`, one slot per trainable variable, as a list."""
        self._lists.append(_SlotList(variables))
        return self._lists[-1]

    @contextlib.contextmanager
    def touched(self, index: int, device: str, indices: tf.Tensor):
        """Replaces the slots of a trainable variable by `TouchedRows`.

        Args:
            index: Number of the trainable variable.
            device: Device of the copy being updated.
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


# Not a `list`: Keras replaces list attributes of an optimizer by its own type.
class _SlotList(Sequence[Any]):
    def __init__(self, variables):
        self._variables = variables
        self.stand_ins = {}

    def __len__(self) -> int:
        return len(self._variables)

    def __getitem__(self, index):
        if index in self.stand_ins:
            return self.stand_ins[index]
        return self._variables[index]


class RowSparseUpdates(WeightAveraging, SummedRowClipping):
    """Mixin that gives a Keras optimizer row-sparse updates.

    If the gradient of a variable is a `tf.IndexedSlices`, as with
    `TokenEmbedding`, only its rows of the variable and of the slots are read
    and written; a row that occurs several times is updated once, with the
    sum. The cost of a step does not depend on the size of the table (Keras's
    Adam rewrites table and slots: two tables of 1M x 64, batch 1024, 2 CPU
    cores: 292 ms a step). Updates by dense gradients are Keras's.

    The base class's `update_step` runs on the touched rows instead of the
    variable. Put the mixin before any Keras optimizer that updates each
    number from its own gradient and slots:

    >>> class RowSparseAdamW(RowSparseUpdates, keras.optimizers.AdamW):
    ...     pass

    Updates are lazy, like `lazy_update` in MXNet, which SageMaker's
    Object2Vec is written in: moments of a row do not decay in steps that do
    not touch it, and bias correction counts all steps. Results equal dense
    ones only if every step touches every row. Weight decay (`row_l2` and
    Keras's `weight_decay`) applies to touched rows only; `clipnorm` and
    `global_clipnorm` apply to summed rows, as with a dense gradient. The
    average of a row is brought up to date when a step touches it and by
    `settle_averages`, which equals an update in each step.

    Args:
        *args: The base optimizer's arguments.
        row_l2: float. This times a touched row is added to its gradient
            (the gradient of `row_l2 / 2 * row ** 2`). Defaults to `0.0`.
        average: `WeightAverage`. Defaults to `None`: no averages.
        **kwargs: The base optimizer's arguments.

    Raises:
        ValueError: If `row_l2` is negative, or `use_ema`,
            `gradient_accumulation_steps` or `loss_scale_factor` is set:
            Keras cannot do these by rows.
        TypeError: If the base class's formula needs the whole table
            (Adafactor, Lamb, Muon) or cannot run on rows (Ftrl).

    Reference:
    - `token_embedding_storage_type="row_sparse"` of SageMaker's Object2Vec.
    """

    def __init__(self, *args: Any, row_l2=0.0, **kwargs: Any):
        if not row_l2 >= 0:
            raise ValueError(
                f"`row_l2` must be at least 0. Received: row_l2={row_l2!r}"
            )
        if isinstance(self, _NOT_BY_ROWS):
            raise TypeError(
                "`RowSparseUpdates` must come before an optimizer that "
                "updates each number by its own gradient and slots, such as "
                f"Adam. Received: {type(self).__name__}"
            )
        super().__init__(*args, **kwargs)
        for name, reason in _REFUSED.items():
            if getattr(self, name):
                raise ValueError(
                    f"`{name}` must not be set for a row-sparse optimizer: "
                    f"{reason}. Received: {name}={getattr(self, name)!r}"
                )
        self.row_l2 = float(row_l2)
        self._slots = Slots()

    def build(self, variables):
        """Adds the slots and, for averages, the last step of each row's."""
        if self.built:
            return
        super().build(variables)
        if self.average is not None:
            self._averaged_at = self._slots.track(
                [
                    self.add_variable(
                        variable.shape[:1], dtype="int64", name="averaged_at"
                    )
                    for variable in variables
                ]
            )

    def add_optimizer_variables(self, *args: Any, **kwargs: Any):
        """Adds slots in lists that can be replaced by touched rows."""
        slots = super().add_optimizer_variables(*args, **kwargs)
        if isinstance(slots, tuple):
            return tuple(map(self._slots.track, slots))
        return self._slots.track(slots)

    def update_step(self, gradient, variable, learning_rate):
        """Updates a variable or its touched rows by the base's formula."""
        index = self._get_variable_index(variable)
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            if self.average is not None:
                last = copy_on(variable.device, self._averaged_at[index])
                last.assign(tf.fill(last.shape, self.iterations + 1))
            return
        gradient = with_rows_summed(gradient)
        # Has the operators of numbers, which are set in a loop.
        rows: Any = TouchedRows(variable, gradient.indices)
        before = rows.value
        if self.weight_decay and self._use_weight_decay(variable):
            rate = tf.cast(learning_rate, rows.dtype)
            rows.assign_sub(self.weight_decay * rate * rows)
        values = tf.cast(gradient.values, rows.dtype)
        if self.row_l2:
            values += self.row_l2 * rows
        with self._slots.touched(index, variable.device, gradient.indices):
            super().update_step(values, rows, learning_rate)
            if self.average is not None:
                self._average_rows(index, before, rows.value)

    def _average_rows(self, index, before, after):
        """Averages touched rows over the steps since the last touch."""
        average, last = self._averages[index], self._averaged_at[index]
        step = self.iterations + 1
        settled = self._moved(average.value, before, last.value, step - 1)
        last.assign(tf.fill(tf.shape(last.value), step))
        average.assign(self._moved(settled, after, step - 1, step))

    def _moved(self, average, weight, before, after):
        kept = tf.cast(self.average.kept(before, after), weight.dtype)
        while kept.shape.rank not in (0, weight.shape.rank):
            kept = kept[..., tf.newaxis]
        return weight + kept * (average - weight)

    def settle_averages(self):
        """Brings the average of each row to the last step, in parts."""
        if self.average is None or not self.built:
            return
        step = keras.ops.convert_to_tensor(self.iterations)
        groups = zip(
            self._trainable_variables,
            self._averages,
            self._averaged_at,
            strict=True,
        )
        for group in groups:
            for weight, average, last in copies_of(*group):
                for rows in row_parts(weight) if weight.shape.rank else ():
                    indices = tf.range(rows.start, rows.stop)
                    part, values, since = (
                        TouchedRows(variable, indices)
                        for variable in (weight, average, last)
                    )
                    values.assign(
                        self._moved(values.value, part.value, since.value, step)
                    )
                    since.assign(tf.fill(tf.shape(indices), step))
        super().settle_averages()

    def assign(self, variable, value):
        if isinstance(variable, TouchedRows):
            variable.assign(value)
        else:
            super().assign(variable, value)

    def assign_add(self, variable, value):
        if isinstance(variable, TouchedRows):
            variable.assign_add(value)
        else:
            super().assign_add(variable, value)

    def assign_sub(self, variable, value):
        if isinstance(variable, TouchedRows):
            variable.assign_sub(value)
        else:
            super().assign_sub(variable, value)

    def save_own_variables(self, store):
        # Keras would copy each variable twice: TensorFlow copies a variable
        # that was scattered to, and NumPy copies that.
        for number, variable in enumerate(self.variables):
            store[str(number)] = read_variable(variable)

    def get_config(self):
        return {**super().get_config(), "row_l2": self.row_l2}

    def _var_key(self, variable):
        if isinstance(variable, TouchedRows):
            variable = variable.variable
        return super()._var_key(variable)

    def _backend_apply_gradients(self, grads, trainable_variables):
        grads = self._clip_gradients(grads)
        # Rows decay in their own update.
        self._apply_weight_decay(
            [
                variable
                for grad, variable in zip(
                    grads, trainable_variables, strict=True
                )
                if not isinstance(grad, tf.IndexedSlices)
            ]
        )
        self._backend_update_step(
            grads, trainable_variables, self.learning_rate
        )
