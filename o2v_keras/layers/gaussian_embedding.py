"""Table of token embeddings that are Gaussians."""

import math
from typing import Any

import keras
import tensorflow as tf

from o2v_keras.layers.token_embedding import TokenEmbedding

# As large as the means begin, and the prior wide: training first finds out what
# the rows are for. Of rows that begin as noise most would be drawn to 0 for
# good; rows that begin as points need long to widen.
_FIRST_STDDEV = 0.05


@keras.saving.register_keras_serializable(package="o2v_keras")
class GaussianEmbedding(TokenEmbedding):
    """A `TokenEmbedding` that learns how certain each number of a row is.

    A row is a Gaussian of independent numbers, of which `embeddings` holds
    the means and `log_variances` the rest. In training the layer returns
    samples, otherwise the means. The loss has to add `kl_divergence`; then
    training is variational inference: rows of few examples keep a large
    variance and small means, rows of many examples sharpen. What a point
    estimate overfits is averaged over.

    The prior of a row is a Gaussian around zero. Its precision in each
    dimension is trained, too (empirical Bayes), so that a scale of rows which
    the layers above undo has no effect, and dimensions that help nothing
    vanish.

    Args:
        vocab_size: int. Rows of the table; ids must be below it.
        output_dim: int. Size of an embedding.
        embeddings_initializer: As in `TokenEmbedding`; of the means.
        gated: bool. As in `TokenEmbedding`; of means and variances.
        **kwargs: Base layer arguments such as `name` and `trainable`.

    Attributes:
        embeddings: The means, `(vocab_size, output_dim)`.
        log_variances: `TokenEmbedding` of the same shape.
        counts: `TokenEmbedding` of width 1, not trained: the weights of the
            rows in which each id occurs, once for each time.
            `Object2Vec.set_token_counts` sets it.

    Call arguments:
        inputs, mask, combiner, token_weights: As in `TokenEmbedding`.
        training: bool. Whether to sample, unless the table is frozen. Each
            id of each example has a sample of its own; with a `combiner`, its
            result is sampled.

    Example:
    >>> embedding = GaussianEmbedding(vocab_size=100, output_dim=8)
    >>> ids = np.array([[7, 9, 0]])
    >>> bool(np.all(embedding(ids) == embedding(ids)))
    True
    >>> bool(np.all(embedding(ids) == embedding(ids, training=True)))
    False

    Reference:
    - Lim and Teh, 2007, "Variational Bayesian Approach to Movie Rating
      Prediction", KDD Cup and Workshop
    - [Blundell et al., 2015](https://arxiv.org/abs/1505.05424): by gradients
    - [Kingma et al., 2015](https://arxiv.org/abs/1506.02557): samples of the
      mean instead of its terms have gradients of less variance
    """

    def __init__(self, vocab_size, output_dim, *args: Any, **kwargs: Any):
        super().__init__(vocab_size, output_dim, *args, **kwargs)
        self.log_variances = TokenEmbedding(
            vocab_size,
            output_dim,
            keras.initializers.Constant(2 * math.log(_FIRST_STDDEV)),
            dtype="float32",
            name="log_variances",
        )
        self.counts = TokenEmbedding(
            vocab_size,
            1,
            "ones",
            fixed=True,
            dtype="float32",
            name="counts",
        )
        self.noise = keras.random.SeedGenerator()

    def build(self, input_shape):
        super().build(input_shape)
        self.log_variances.build(input_shape)
        self.counts.build(input_shape)
        self.log_precisions = self.add_weight(
            name="log_precisions",
            shape=(self.output_dim,),
            initializer="zeros",
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
        # Rows that cannot learn how wide to be are as they are.
        samples = training and self.trainable
        if samples and combiner:
            # A user's films, say, stand in many examples of a batch.
            inputs, mask, examples = _distinct(inputs, mask)
        means = super().call(
            inputs,
            mask=mask,
            combiner=combiner,
            token_weights=token_weights,
            training=training,
        )
        if not samples:
            return means
        if combiner:
            variances = self.combined_variances(
                inputs, mask, combiner, token_weights
            )
        else:
            variances = tf.exp(self._log_variances(inputs))
        # The root has no gradient at 0, the variance of no token.
        deviations = tf.sqrt(tf.maximum(variances, 1e-20))
        if combiner:
            means = tf.gather(means, examples)
            deviations = tf.gather(deviations, examples)
        if self.gated:
            deviations = tf.where(self.is_open, deviations, 0.0)
        noise = tf.random.stateless_normal(
            tf.shape(deviations), self._next_seed()
        )
        return means + tf.cast(deviations * noise, means.dtype)

    def kl_divergence(self, ids, weights):
        """Returns the weighted divergence of the rows looked up from the prior.

        `sum_ij(weights_i * KL(row(ids_ij)) / count(ids_ij))`: over an epoch
        of weights 1 each row's divergence is added once.

        Args:
            ids: int tensor of shape `(batch_size, length)`, padded with 0.
            weights: float32 tensor of shape `(batch_size,)`, of the examples.

        Returns:
            A float32 scalar, in nats. The gradient is zero for rows not in
            `ids`, and for all rows while the gate is closed.

        Example:
        >>> embedding = GaussianEmbedding(9, 2, "zeros")
        >>> embedding.build((None, None))
        >>> variances = embedding.log_variances.embeddings
        >>> _ = variances.assign(np.zeros((9, 2)))
        >>> ids, weights = np.array([[7, 8, 0]]), np.array([0.5], "float32")
        >>> float(embedding.kl_divergence(ids, weights))
        0.0
        """
        rows, examples = _distinct_rows(ids)
        weights = tf.math.unsorted_segment_sum(
            weights, examples, tf.shape(rows)[0]
        )
        places = tf.where(rows != 0)  # (N, 2)
        ids, numbers = tf.unique(tf.gather_nd(rows, places))
        weights = tf.math.unsorted_segment_sum(
            tf.gather(weights, places[:, 0]), numbers, tf.size(ids)
        )
        means = tf.cast(self.learning_rows(ids), tf.float32)
        log_variances = self._log_variances(ids)
        log_precisions = tf.convert_to_tensor(self.log_precisions)
        log_ratios = log_variances + log_precisions
        squares = (means**2) * tf.exp(log_precisions)
        divergences = 0.5 * tf.reduce_sum(
            squares + tf.exp(log_ratios) - log_ratios - 1, axis=1
        )  # (distinct,)
        counts = tf.maximum(self.counts(ids)[:, 0], 1.0)
        return tf.reduce_sum(weights / counts * divergences)

    def freeze_rows_below(self, first_id):
        super().freeze_rows_below(first_id)
        self.log_variances.freeze_rows_below(first_id)

    def _next_seed(self):
        """Returns another seed for each step and each replica, int32 `(2,)`."""
        seed = tf.bitcast(tf.cast(self.noise.next(), tf.uint32), tf.int32)
        replica = tf.distribute.get_replica_context()
        if replica is None:
            return seed
        return seed + tf.stack([0, replica.replica_id_in_sync_group])

    def _log_variances(self, ids):
        return self.where_open(self.log_variances.learning_rows(ids))

    def combined_variances(self, ids, mask, combiner, token_weights=None):
        """Returns the variances of combined rows, `(batch_size, dim)`.

        Args:
            ids: As in the call, and so are the others.
            mask: `True` at real ids.
            combiner: `"mean"` or `"sqrtn"`.
            token_weights: Table of the weights. Defaults to `None`: ones.
        """
        places = tf.where(mask)  # (N, 2)
        tokens = tf.cast(tf.gather_nd(ids, places), tf.int64)
        # A token that a row holds twice has one sample, not two.
        keys, _, repeats = tf.unique_with_counts(
            places[:, 0] * self.vocab_size + tokens, tf.int64
        )
        rows, tokens = keys // self.vocab_size, keys % self.vocab_size
        lengths = tf.math.count_nonzero(mask, axis=1, dtype=tf.float32)
        power = {"mean": 1.0, "sqrtn": 0.5}[combiner]
        lengths = tf.gather(lengths, rows) ** power
        factors = tf.cast(repeats, tf.float32) / lengths
        if token_weights is not None:
            factors *= token_weights(tokens)[:, 0]
        variances = tf.exp(self._log_variances(tokens))
        return tf.math.unsorted_segment_sum(
            variances * factors[:, tf.newaxis] ** 2,
            rows,
            tf.shape(ids, out_type=tf.int64)[0],
        )


def _distinct(ids, mask):
    """Returns distinct rows, their mask, and the row of each example."""
    rows, examples = _distinct_rows(tf.where(mask, ids, -1))
    return tf.maximum(rows, 0), rows >= 0, examples


def _distinct_rows(ids):
    """Returns distinct rows `(distinct, length)`, and that of each example."""
    return tf.raw_ops.UniqueV2(x=ids, axis=[0])
