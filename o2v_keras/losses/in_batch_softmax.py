"""In-batch softmax loss and its metric."""

import keras
import tensorflow as tf

from o2v_keras.data.batches.in_batch_targets import exchanged_sides
from o2v_keras.data.batches.in_batch_targets import unpack_targets
from o2v_keras.losses.replicas import rows_of_replicas
from o2v_keras.losses.replicas import sum_over_replicas

# The logit of a masked negative. Finite: infinity would give NaN gradients.
_LOWEST = -1e30


@keras.saving.register_keras_serializable(package="o2v_keras")
class InBatchSoftmaxLoss(keras.losses.Loss):
    """Mean cross-entropy of positives among the objects of their batch.

    For a positive pair `i`, `loss_i = log(sum_j(exp(l_ij))) - l_ii`. The
    candidates `j` are the batch's objects of `side`, over all replicas;
    `l_ij` is the logit of `i`'s other side with `j`. Known partners of `i`'s
    other side (accidental hits) and fill rows are masked, `i` itself is not.
    Rows of label 0 add a negative for all rows and have no loss. A positive
    without any negative has loss 0.

    The sampling bias correction subtracts from every logit the logarithm of
    the candidate's count in the epoch. A batch samples objects by frequency:
    uncorrected similarities learn `log p(j | i) - log p(j)`, too low for
    popular objects; corrected ones learn `log p(j | i)`, like a softmax over
    the whole corpus. The positive is part of the sample, so its logit is
    corrected too. Counts replace probabilities because their sum cancels.

    Args:
        side: str. The side whose objects are negatives: `"in1"`, `"in0"`, or
            `"both"` (the mean of both losses). Defaults to `"in1"`.
        sampling_bias_correction: bool. Defaults to `True`.
        hard_negatives: int, at least 0. Number of negatives used, those with
            the highest logits; 0 uses all. Defaults to `0`.
        **kwargs: Base arguments; `name` defaults to `"in_batch_softmax"`.

    Call arguments:
        y_true: int64 `(rows, columns)`, made by `InBatchTargets`.
        y_pred: float32 `(rows, 2, dim)`, made by `PairVectors`.
        sample_weight: Optional `(rows,)`. Defaults to ones.

    Raises:
        ValueError: If `y_true` has labels only.

    Reference:
    - [Yi et al., 2019](https://doi.org/10.1145/3298689.3346996): the
      correction, of the positive's logit too.
    - [Yang et al., 2020](https://doi.org/10.1145/3366424.3386195): more
      negatives from the corpus, with the frequencies of both sources.
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
                "`y_true` must be the targets that `load_dataset` returns for "
                'output_layer="in_batch_softmax": the loss needs more than '
                "labels. Received: y_true of shape "
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
            # (rows, batch)
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
        positives = tf.gather(logits, places, batch_dims=1)[
            :, None
        ]  # (rows, 1)
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


@keras.saving.register_keras_serializable(package="o2v_keras")
class InBatchSoftmaxMetric(keras.metrics.Mean):
    """Averages `InBatchSoftmaxLoss` over the positives seen so far.

    Args:
        loss: `InBatchSoftmaxLoss`.
        **kwargs: Base arguments; `name` defaults to the loss's.

    Call arguments:
        y_true: int64 `(rows, columns)`, made by `InBatchTargets`.
        y_pred: float32 `(rows, 2, dim)`, made by `PairVectors`.
        sample_weight: Optional `(rows,)`. Defaults to ones.
    """

    def __init__(self, loss, **kwargs):
        super().__init__(**{"name": loss.name, **kwargs})
        self.loss = loss

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(
            self.loss.call(y_true, y_pred),
            query_weights(y_true, sample_weight),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
        }

    @classmethod
    def from_config(cls, config):
        loss = keras.saving.deserialize_keras_object(config.pop("loss"))
        return cls(loss, **config)


def query_weights(y_true, sample_weight):
    """Returns the weight of each row's own loss, float32 `(rows,)`."""
    weights = tf.cast(y_true[:, 0] == 1, tf.float32)
    if sample_weight is None:
        return weights
    sample_weight = tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    return weights * sample_weight
