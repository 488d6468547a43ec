"""Loss that tells each positive from what else its batch holds."""

import keras
import tensorflow as tf

from o2v_keras.data.batches.in_batch_targets import exchanged_sides
from o2v_keras.data.batches.in_batch_targets import unpack_targets
from o2v_keras.models.replicas import rows_of_replicas
from o2v_keras.models.replicas import sum_over_replicas

# Of what is no negative. Finite, so that no gradient is NaN.
_LOWEST = -1e30


@keras.saving.register_keras_serializable(package="o2v_keras")
class InBatchSoftmaxLoss(keras.losses.Loss):
    """Mean cross-entropy of positives among the objects of their batch.

    For a positive pair `i` and the batch's objects `j` of the exchanged side,
    `loss_i = log(sum_j(exp(l_ij))) - l_ii`, where `l_ij` is the logit of
    `i`'s other side with `j`. Of `j` are left out known partners of `i`'s
    other side (accidental hits) and fill rows; `i` itself stays. Rows of
    label 0 add an object to the negatives of all and have no loss of their
    own. The batch is that of all replicas together, whatever number of them
    shares it. A positive without any negative has loss 0.

    The correction subtracts from each logit, the positive's own included,
    the logarithm of the probability with which a row of the epoch holds the
    object. A batch is a sample by frequency, so without it the softmax over
    the batch estimates one over the corpus in which each object is repeated
    as often as the data hold it, and similarities learn `log p(j | i)` less
    `log p(j)`: popular objects are put down. With the correction of every
    term, the positive's too since it is part of that sample, they learn
    `log p(j | i)`, as of a softmax over the whole corpus. Counts stand for
    probabilities: their sum would cancel out.

    Args:
        side: str. The side whose objects are negatives: `"in1"`, `"in0"`, or
            `"both"` (the mean of both losses). Defaults to `"in1"`.
        sampling_bias_correction: bool. Defaults to `True`.
        hard_negatives: int, at least 0. How many negatives with the highest
            logits count; 0 for all. Defaults to `0`.
        **kwargs: Base arguments; `name` defaults to `"in_batch_softmax"`.

    Call arguments:
        y_true: int64 `(rows, columns)`, as `InBatchTargets` makes them.
        y_pred: float32 `(rows, 2, dim)`, as `PairVectors` makes them.
        sample_weight: Optional `(rows,)`. Defaults to ones.

    Raises:
        ValueError: If `y_true` are mere labels.

    Reference:
    - [Yi et al., 2019](https://doi.org/10.1145/3298689.3346996): the
      correction, of the positive's logit as well.
    - [Yang et al., 2020](https://doi.org/10.1145/3366424.3386195): further
      negatives from the corpus, with frequencies of both sources.
    """

    def __init__(
        self,
        side="in1",
        sampling_bias_correction=True,
        hard_negatives=0,
        **kwargs,
    ):
        super().__init__(**{"name": "in_batch_softmax", **kwargs})
        self.side = side
        self.sampling_bias_correction = sampling_bias_correction
        self.hard_negatives = hard_negatives

    def __call__(self, y_true, y_pred, sample_weight=None):
        losses = self.call(y_true, y_pred)  # (rows,)
        weights = query_weights(y_true, sample_weight)
        total = tf.reduce_sum(losses * weights)
        rows = sum_over_replicas(tf.reduce_sum(weights))
        return tf.math.divide_no_nan(total, rows)

    def call(self, y_true, y_pred):
        if len(y_true.shape) != 2:
            raise ValueError(
                "`y_true` must be the targets that `load_dataset` gives for "
                'output_layer="in_batch_softmax": the loss must know more of '
                "a batch than labels. Received: y_true of shape "
                f"{tuple(y_true.shape)}"
            )
        sides = exchanged_sides(self.side)
        vectors = {"in0": y_pred[:, 0], "in1": y_pred[:, 1]}
        gathered = {side: rows_of_replicas(vectors[side]) for side in sides}
        batch = tf.shape(gathered[sides[0]])[0]
        _, places, candidates = unpack_targets(y_true, batch, len(sides))
        losses = []
        for side, (counts, excluded) in zip(sides, candidates, strict=True):
            kept = vectors["in0" if side == "in1" else "in1"]
            logits = tf.matmul(kept, gathered[side], transpose_b=True)
            if self.sampling_bias_correction:
                counts = tf.cast(rows_of_replicas(counts), tf.float32)
                logits -= tf.math.log(counts)
            losses.append(self._losses(logits, places, excluded))
        return tf.add_n(losses) / len(losses)

    def _losses(self, logits, places, excluded):
        own = tf.one_hot(
            places, tf.shape(logits)[1], True, False, dtype=tf.bool
        )
        positives = tf.gather(logits, places, batch_dims=1)[:, None]
        negatives = tf.where(own | excluded, _LOWEST, logits)
        if self.hard_negatives:
            count = tf.minimum(self.hard_negatives, tf.shape(logits)[1])
            negatives, _ = tf.math.top_k(negatives, count, sorted=False)
        all_ = tf.concat([positives, negatives], axis=1)
        return tf.reduce_logsumexp(all_, axis=1) - positives[:, 0]

    def get_config(self):
        return {
            "side": self.side,
            "sampling_bias_correction": self.sampling_bias_correction,
            "hard_negatives": self.hard_negatives,
            "name": self.name,
        }


def query_weights(y_true, sample_weight):
    """Returns the weight of each row's own loss, float32 `(rows,)`."""
    weights = tf.cast(y_true[:, 0] == 1, tf.float32)
    if sample_weight is None:
        return weights
    sample_weight = tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    return weights * sample_weight
