"""Table of token embeddings with sparse gradients."""

import contextlib
from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.table_rows import local_copies
from o2v_keras.layers.table_rows import read_variable
from o2v_keras.layers.table_rows import row_parts
from o2v_keras.layers.table_rows import write_rows

# Initializers whose values do not depend on the shape.
_ELEMENTWISE = (
    keras.initializers.RandomNormal,
    keras.initializers.RandomUniform,
    keras.initializers.TruncatedNormal,
)
_COMBINERS = {
    "mean": tf.sparse.segment_mean,
    "sqrtn": tf.sparse.segment_sqrt_n,
}


@keras.saving.register_keras_serializable(package="o2v_keras")
class TokenEmbedding(keras.layers.Layer):
    """Maps token ids to rows of a trainable table.

    The cost of a training step depends on the number of ids in the batch, not
    on the size of the table: rows are gathered from the TensorFlow variable
    itself, so the gradient is a `tf.IndexedSlices` and the table is never
    read as a whole. (`keras.layers.Embedding` reads it: 25 ms a step at
    1M x 100 on 2 CPU cores.) Under `tf.distribute.MirroredStrategy` each
    replica gathers from its own copy.

    The table has the variable dtype (float32); gathered rows are cast to the
    compute dtype. Id 0 has a row like any other id, and the output has no
    mask: encoders make it of the ids. To tie the weights of two inputs, call
    one layer twice.

    Args:
        vocab_size: int. Rows of the table; ids must be below it.
        output_dim: int. Size of an embedding.
        embeddings_initializer: str or `keras.initializers.Initializer`.
            Defaults to `"uniform"` (-0.05 to 0.05).
        gated: bool. Whether the layer has a scalar, non-trainable weight
            `gate` to freeze the table for some epochs: at 0 the gradient of
            every row is zero, at 1 training updates the table. Defaults to
            `False`.
        fixed: bool. Whether the table is never trained, whatever `trainable`
            says, which Keras hands down from layers above. Defaults to
            `False`.
        **kwargs: Base layer arguments such as `name` and `trainable`.

    Call arguments:
        inputs: int32 or int64 tensor of shape `(batch_size, length)`, values
            from 0 to `vocab_size - 1`. Other values raise
            `tf.errors.InvalidArgumentError` on a CPU and give zeros on a GPU.
        mask: Bool tensor of shape `(batch_size, length)`, `True` at real
            tokens; required with a `combiner`. Defaults to
            `None`.
        combiner: str. `"mean"` returns the mean of each row's real tokens,
            zeros for none, instead of their embeddings; `"sqrtn"` their sum
            over the root of their number. It looks each distinct id up once
            and makes no tensor of shape `(batch_size, length, output_dim)`,
            nor does its gradient: a training step of 512 pairs of up to 30
            and 50 tokens of 300 numbers takes a quarter less processor time.
            Sums are float32. Defaults to `None`.
        token_weights: `TokenEmbedding` of width 1, with the factor of each
            id's row in the mean; the number of tokens still divides it. With
            a `combiner` alone. Defaults to `None`: ones.
        training: bool. The gate applies in training only. Defaults to
            `None`, which Keras fills in.

    Output shape:
        `(batch_size, length, output_dim)`, or `(batch_size, output_dim)` with
        a `combiner`, of the compute dtype.

    Raises:
        ValueError: If `vocab_size` or `output_dim` is not a positive integer.

    Example:
    >>> embedding = TokenEmbedding(vocab_size=100, output_dim=8)
    >>> embedding(np.array([[7, 9, 0]])).shape
    TensorShape([1, 3, 8])
    """

    def __init__(
        self,
        vocab_size,
        output_dim,
        embeddings_initializer="uniform",
        gated=False,
        fixed=False,
        **kwargs: Any,
    ):
        check_integer("vocab_size", vocab_size)
        check_integer("output_dim", output_dim)
        super().__init__(**kwargs)
        # XLA supports no sizes that depend on values (distinct ids of a batch).
        self.supports_jit = False
        self.vocab_size = vocab_size
        self.output_dim = output_dim
        self.embeddings_initializer = keras.initializers.get(
            embeddings_initializer
        )
        self.gated = gated
        self.fixed = fixed
        self.gate = None
        self._first_learning_id = 0
        self._coded = None

    def build(self, input_shape):
        in_parts = type(self.embeddings_initializer) in _ELEMENTWISE
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocab_size, self.output_dim),
            initializer="zeros" if in_parts else self.embeddings_initializer,
            trainable=not self.fixed,
            # Autocast would cast the whole table and make its gradient dense.
            autocast=False,
        )
        if in_parts:
            self._fill()
        if self.gated:
            self.gate = self.add_weight(
                name="gate",
                shape=(),
                initializer="ones",
                trainable=False,
                autocast=False,
            )

    def call(
        self,
        inputs,
        mask=None,
        combiner=None,
        token_weights=None,
        training=None,
    ):
        if combiner is None:
            outputs = self.learning_rows(inputs)
        else:
            outputs = self._combined(inputs, mask, combiner, token_weights)
        if training:
            outputs = self.where_open(outputs)
        return tf.cast(outputs, self.compute_dtype)

    def learning_rows(self, ids):
        """Looks ids up; rows of `freeze_rows_below` get no gradient."""
        if self._coded is not None:
            return self._coded(ids)
        rows = tf.gather(_replica_component(self.embeddings), ids)
        if not self._first_learning_id:
            return rows
        learns = ids[..., tf.newaxis] >= self._first_learning_id
        return tf.where(learns, rows, tf.stop_gradient(rows))

    @property
    def is_open(self):
        """Whether the gate is open; only of a gated table."""
        return _replica_component(self.gate) > 0

    def where_open(self, values):
        """Stops the gradient of values while the gate is closed."""
        if not self.gated:
            return values
        return tf.where(self.is_open, values, tf.stop_gradient(values))

    def sum_of_squares(self, ids, weights):
        """Returns the weighted sum of squares of the rows looked up.

        `sum_ij(weights_ij * sum(row(ids_ij) ** 2))`. The gradient is zero
        for rows not in `ids`, and for all rows while the gate is closed.

        Args:
            ids: int tensor of shape `(batch_size, length)`.
            weights: float32 tensor of that shape; 0 for padding.

        Returns:
            A float32 scalar.

        Example:
        >>> embedding = TokenEmbedding(9, 2, embeddings_initializer="ones")
        >>> embedding.build((None, None))
        >>> ids, weights = np.array([[7, 8, 0]]), np.array([[1.0, 0.5, 0.0]])
        >>> float(embedding.sum_of_squares(ids, weights.astype("float32")))
        3.0
        """
        distinct, numbers = tf.unique(tf.reshape(ids, [-1]))
        weights = tf.math.unsorted_segment_sum(
            tf.reshape(weights, [-1]), numbers, tf.size(distinct)
        )
        rows = self.where_open(self.learning_rows(distinct))
        rows = tf.cast(rows, tf.float32)  # (distinct, output_dim)
        return tf.reduce_sum(weights * tf.reduce_sum(rows**2, axis=1))

    @contextlib.contextmanager
    def rows_of(self, table):
        """Looks ids up in another table within the context.

        For graphs that do not train, such as those of an export.

        Args:
            table: Callable from ids to float32 rows.
        """
        self._coded = table
        try:
            yield
        finally:
            self._coded = None

    def freeze_rows_below(self, first_id):
        """Trains only the rows of ids from `first_id` on.

        Takes effect when training is traced again, such as after
        `Model.compile`. Not saved.

        Args:
            first_id: int. 0 trains all rows.
        """
        self._first_learning_id = first_id

    def compute_mask(self, inputs, mask=None):
        return None

    def save_own_variables(self, store):
        own = self._trainable_variables + self._non_trainable_variables
        for number, variable in enumerate(own):
            store[str(number)] = read_variable(variable)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "output_dim": self.output_dim,
            "embeddings_initializer": keras.initializers.serialize(
                self.embeddings_initializer
            ),
            "gated": self.gated,
            "fixed": self.fixed,
        }

    def _combined(self, ids, mask, combiner, token_weights):
        places = tf.where(mask)  # (N, 2)
        tokens = tf.gather_nd(ids, places)  # (N,)
        distinct, numbers = tf.unique(tokens)
        # Without an operation in between, TensorFlow's graph optimizer fuses
        # gather and mean into an operation that reads the whole table.
        rows = self.learning_rows(distinct)
        # (distinct, output_dim)
        rows = tf.ensure_shape(rows, [None, self.output_dim])
        if token_weights is not None:
            rows *= tf.cast(token_weights(distinct), rows.dtype)
        return _COMBINERS[combiner](
            rows, numbers, places[:, 0], num_segments=tf.shape(ids)[0]
        )

    def _fill(self):
        """Initializes the table in parts, to save buffers of its size."""
        config = self.embeddings_initializer.get_config()
        seed = self.embeddings_initializer.seed
        with tf.init_scope():
            for number, rows in enumerate(row_parts(self.embeddings)):
                if isinstance(seed, int):
                    # An initializer with an int seed repeats its values.
                    config["seed"] = seed + number
                    initializer = type(self.embeddings_initializer)(**config)
                else:
                    initializer = self.embeddings_initializer
                shape = (rows.stop - rows.start, self.output_dim)
                values = initializer(shape, self.embeddings.dtype)
                write_rows(self.embeddings, rows, values)


def _replica_component(variable):
    """Returns the current replica's copy of a variable.

    `tf.gather` on a mirrored variable reads it as a whole.
    """
    copies = local_copies(variable)
    replica = tf.distribute.get_replica_context()
    if len(copies) == 1 or replica is None:
        return copies[0]
    # Replica ids count over all workers, copies over this worker.
    replica_id = int(tf.get_static_value(replica.replica_id_in_sync_group))
    return copies[replica_id % len(copies)]
