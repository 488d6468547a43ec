"""In-batch softmax loss."""

from typing import Any

import keras
import tensorflow as tf

from o2v_keras.data.batches.in_batch_targets import directions
from o2v_keras.data.batches.in_batch_targets import unpack_targets
from o2v_keras.losses.replicas import global_mean
from o2v_keras.losses.replicas import rows_of_replicas

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

    With `same_side_negatives` the batch's objects of `i`'s own side are
    candidates in the same softmax, compared with `i` itself: encodings of
    both sides share one space. `InBatchTargets` says which are masked.

    With a `hardness_strength` `s`, a negative counts
    `exp(s * stop_gradient(cos_ij))` times, which adds `s * cos_ij` to its
    logit: those near to `i` get more of the gradient. It holds for all
    negatives, those of the batch and mined ones.

    The sampling bias correction subtracts from every logit the logarithm of
    the candidate's count in the epoch. A batch samples objects by frequency:
    uncorrected similarities learn `log p(j | i) - log p(j)`, too low for
    popular objects; corrected ones learn `log p(j | i)`, like a softmax over
    the whole corpus. The positive is part of the sample, so its logit is
    corrected too. Counts replace probabilities because their sum cancels.

    Prefixes of encodings learn the similarities of whole encodings instead:
    the cross-entropy of their softmax with that of the whole encodings,
    which gets no gradient. Candidates are all other real objects of the
    batch, of both sides, without correction, masks or hardness.

    Args:
        side: str. The side whose objects are negatives: `"in1"`, `"in0"`, or
            `"both"` (the mean of both losses). Defaults to `"in1"`.
        sampling_bias_correction: bool. Defaults to `True`.
        hard_negatives: int, at least 0. Number of negatives used, those with
            the highest logits; 0 uses all. Defaults to `0`.
        same_side_negatives: bool. Defaults to `False`.
        hardness_strength: float, at least 0; 0 weights no negatives. Defaults
            to `0.0`.
        **kwargs: Base arguments; `name` defaults to `"in_batch_softmax"`.

    Call arguments:
        y_true: int64 `(rows, columns)`, made by `InBatchTargets`.
        y_pred: float32 `(rows, 2, dim)`, made by `PairVectors`; `symmetric`
            ones with `same_side_negatives` and for prefixes. Of a prefix
            `(rows, 2, 2, dim)`: whole encodings, then prefixes.
        sample_weight: Optional `(rows,)`. Defaults to ones.

    Raises:
        ValueError: If `y_true` has labels only.

    Reference:
    - [Yi et al., 2019](https://doi.org/10.1145/3298689.3346996): the
      correction, of the positive's logit too.
    - [Yang et al., 2020](https://doi.org/10.1145/3366424.3386195): more
      negatives from the corpus, with the frequencies of both sources.
    - [Li et al., 2023](https://arxiv.org/abs/2308.03281), GTE: negatives of
      the query's own side. Theirs is one softmax of all four directions; with
      `side="both"` this is the mean of one of each query.
    - [Lan et al., 2025](https://arxiv.org/abs/2503.04812), equation 5, with a
      strength of 9, and EmbeddingGemma
      ([Schechter Vera et al., 2025](https://arxiv.org/abs/2509.20354)), with
      5 for explicit hard negatives alone: the hardness.
    """

    def __init__(
        self,
        side="in1",
        sampling_bias_correction=True,
        hard_negatives=0,
        same_side_negatives=False,
        hardness_strength=0.0,
        **kwargs: Any,
    ):
        super().__init__(**{"name": "in_batch_softmax", **kwargs})
        self.side = side
        self.sampling_bias_correction = sampling_bias_correction
        self.hard_negatives = hard_negatives
        self.same_side_negatives = same_side_negatives
        self.hardness_strength = hardness_strength

    def __call__(self, y_true, y_pred, sample_weight=None):
        return global_mean(*self.values(y_true, y_pred, sample_weight))

    def values(self, y_true, y_pred, sample_weight=None):
        """Returns the losses of rows and their weights, float `(rows,)`."""
        if len(y_pred.shape) == 4:
            losses = _prefix_losses(y_true, y_pred, sample_weight)
        else:
            losses = self.call(y_true, y_pred)
        return losses, _query_weights(y_true, sample_weight)

    def call(self, y_true, y_pred):
        if len(y_true.shape) != 2:
            raise ValueError(
                "`y_true` must be the targets that `load_dataset` returns for "
                'output_layer="in_batch_softmax": the loss needs more than '
                "labels. Received: y_true of shape "
                f"{tuple(y_true.shape)}"
            )
        pairs = directions(self.side, self.same_side_negatives)
        vectors = {"in0": y_pred[:, 0], "in1": y_pred[:, 1]}
        gathered = {
            side: rows_of_replicas(vectors[side])
            for side in dict.fromkeys(side for _, side in pairs)
        }
        batch = tf.shape(gathered[pairs[0][1]])[0]
        _, places, candidates = unpack_targets(y_true, batch, len(pairs))
        positives, negatives = {}, {}
        for (query, side), (counts, excluded) in zip(
            pairs, candidates, strict=True
        ):
            # (rows, batch)
            logits = tf.matmul(vectors[query], gathered[side], transpose_b=True)
            weighted = 0.0
            if self.hardness_strength:
                weighted = self._hardness(
                    logits, vectors[query], gathered[side]
                )
            if self.sampling_bias_correction:
                counts = tf.cast(rows_of_replicas(counts), tf.float32)
                logits -= tf.math.log(counts)
            if side != query:
                own = tf.one_hot(places, batch, True, False, dtype=tf.bool)
                excluded |= own
                positives[query] = tf.gather(logits, places, batch_dims=1)
            if self.hardness_strength:
                logits += weighted
            masked = tf.where(excluded, _LOWEST, logits)
            negatives.setdefault(query, []).append(masked)
        losses = [
            self._losses(positives[query], tf.concat(parts, axis=1))
            for query, parts in negatives.items()
        ]
        return tf.add_n(losses) / len(losses)

    def _hardness(self, logits, queries, candidates):
        """Returns what is added to the logits, `(rows, batch)`."""
        lengths = tf.norm(queries, axis=1)[:, None] * tf.norm(
            candidates, axis=1
        )
        cosines = tf.math.divide_no_nan(logits, lengths)
        return self.hardness_strength * tf.stop_gradient(cosines)

    def _losses(self, positives, negatives):
        if self.hard_negatives:
            count = tf.minimum(self.hard_negatives, tf.shape(negatives)[1])
            negatives, _ = tf.math.top_k(negatives, count, sorted=False)
        all_ = tf.concat([positives[:, None], negatives], axis=1)
        return tf.reduce_logsumexp(all_, axis=1) - positives

    def get_config(self):
        return {
            "side": self.side,
            "sampling_bias_correction": self.sampling_bias_correction,
            "hard_negatives": self.hard_negatives,
            "same_side_negatives": self.same_side_negatives,
            "hardness_strength": self.hardness_strength,
            "name": self.name,
        }


def _prefix_losses(y_true, y_pred, sample_weight):
    """Returns the losses of rows of prefixes, float `(rows,)`."""
    whole, prefix = (
        tf.reshape(vectors, [-1, vectors.shape[-1]])  # (2 * rows, dim)
        for vectors in (y_pred[:, 0], y_pred[:, 1])
    )
    if sample_weight is None:
        sample_weight = tf.ones_like(y_true[:, 0])
    fill = tf.reshape(rows_of_replicas(sample_weight), [-1]) == 0
    places = 2 * tf.repeat(y_true[:, 1], 2) + tf.tile(
        tf.constant([0, 1], tf.int64), tf.shape(y_true)[:1]
    )
    itself = tf.one_hot(places, 2 * tf.size(fill), True, False, dtype=tf.bool)
    masked = itself | tf.repeat(fill, 2)  # (2 * rows, 2 * batch)

    def logits(vectors):
        candidates = rows_of_replicas(vectors)
        products = tf.matmul(vectors, candidates, transpose_b=True)
        return tf.where(masked, _LOWEST, products)

    targets = tf.nn.softmax(logits(tf.stop_gradient(whole)))
    losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits(prefix))
    return tf.reduce_mean(tf.reshape(losses, [-1, 2]), axis=1)


def _query_weights(y_true, sample_weight):
    """Returns the weight of each row's own loss, float32 `(rows,)`."""
    weights = tf.cast(y_true[:, 0] == 1, tf.float32)
    if sample_weight is None:
        return weights
    sample_weight = tf.reshape(tf.cast(sample_weight, tf.float32), [-1])
    return weights * sample_weight
