import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.losses import InBatchSoftmaxLoss
from o2v_keras.losses import LossMetric

rng = np.random.default_rng(5)
IN0, IN1 = rng.integers(1, 5, 12), rng.integers(5, 12, 12)
LABELS = (rng.random(12) < 0.8).astype(float)
WEIGHTS = rng.random(12).astype("float32")
VECTORS = rng.normal(size=(12, 2, 6)).astype("float32")


def batch_of(side, same=False):
    """Returns ids and targets of one batch of all rows."""
    config = Object2VecConfig(
        enc0_max_seq_len=1,
        enc0_vocab_size=20,
        output_layer="in_batch_softmax",
        negative_sampling_side=side,
        same_side_negatives=same,
    )
    table = PairTable.from_arrays(IN0, IN1, LABELS)
    (inputs, targets), *_ = PairBatches(table, config, False).dataset()
    return *(inputs[n].numpy()[:, 0] for n in ("in0", "in1")), targets


def reference(
    kept, own, vectors, labels, corrects, hard, same=False, hardness=0.0
):
    """The losses of all rows, term by term."""
    positives = {
        pair
        for pair, label in zip(zip(kept, own, strict=True), labels, strict=True)
        if label
    }
    queries, others = (part.astype("float64") for part in vectors)

    def logits_with(candidates, column):
        logits = queries @ candidates.T
        lengths = np.linalg.norm(candidates, axis=1)
        cosines = logits / np.linalg.norm(queries, axis=1)[:, None] / lengths
        if corrects:
            logits -= np.log([(column == value).mean() for value in column])
        return logits, logits + hardness * cosines

    logits, weighted = logits_with(others, own)
    _, weighted_same = logits_with(queries, kept)
    losses = []
    for i in range(len(own)):
        negatives = [
            weighted[i, j]
            for j in range(len(own))
            if j != i and (kept[i], own[j]) not in positives
        ]
        if same:
            negatives += [
                weighted_same[i, j]
                for j in range(len(own))
                if kept[j] != kept[i] and (kept[j], own[i]) not in positives
            ]
        if hard:
            negatives = sorted(negatives)[-hard:]
        total = np.exp([logits[i, i], *negatives]).sum()
        losses.append(np.log(total) - logits[i, i])
    return np.array(losses)


@pytest.mark.parametrize(
    ("same", "hardness"), [(False, 0.0), (True, 0.0), (False, 5.0), (True, 5.0)]
)
@pytest.mark.parametrize("hard", [0, 2, 50])
@pytest.mark.parametrize("corrects", [True, False])
@pytest.mark.parametrize("side", ["in1", "in0", "both"])
def test_equals_the_formula(side, corrects, hard, same, hardness):
    in0, in1, targets = batch_of(side, same)
    labels = targets.numpy()[:, 0]
    first, second = VECTORS[:, 0], VECTORS[:, 1]
    parts = {
        "in1": (in0, in1, (first, second)),
        "in0": (in1, in0, (second, first)),
    }
    sides = ["in1", "in0"] if side == "both" else [side]
    losses = np.mean(
        [
            reference(*parts[name], labels, corrects, hard, same, hardness)
            for name in sides
        ],
        axis=0,
    )
    loss = InBatchSoftmaxLoss(side, corrects, hard, same, hardness)
    expected = np.average(losses, weights=WEIGHTS * labels)
    assert float(loss(targets, VECTORS, WEIGHTS)) == pytest.approx(
        expected, rel=1e-5
    )
    metric = LossMetric(loss)
    metric.update_state(targets, VECTORS, WEIGHTS)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def test_hardness_has_no_gradient_of_its_own():
    _, _, targets = batch_of("in1")
    vectors = tf.constant(VECTORS)
    weights = np.eye(12, dtype="float32")[np.argmax(targets[:, 0] == 1)]

    def gradient(strength):
        loss = InBatchSoftmaxLoss("in1", hardness_strength=strength)
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            value = loss(targets, vectors, weights)
        return tape.gradient(value, vectors).numpy()

    # A negative's gradient is its share of the softmax times the query.
    plain, hard = gradient(0.0)[:, 1], gradient(9.0)[:, 1]
    row = np.argmax(weights)
    query = VECTORS[row, 0]
    for pushed in (plain, hard):
        np.testing.assert_allclose(
            pushed, np.outer(pushed @ query, query) / (query @ query), atol=1e-6
        )
    negatives = (plain @ query > 0) & (np.arange(12) != row)
    lengths = np.linalg.norm(VECTORS[:, 1], axis=1) * np.linalg.norm(query)
    cosines = VECTORS[:, 1] @ query / lengths
    more = (hard @ query)[negatives] / (plain @ query)[negatives]
    np.testing.assert_allclose(
        more / more[0],
        np.exp(9 * (cosines[negatives] - cosines[negatives][0])),
        rtol=1e-3,
    )


def test_a_positive_alone_has_no_loss():
    targets = np.array([[1, 0, 3, 0]])
    vectors = VECTORS[:1]
    assert float(InBatchSoftmaxLoss()(targets, vectors)) == 0


def test_a_batch_without_positives_has_no_loss():
    targets = np.array([[0, 0, 3, 0], [0, 1, 2, 0]])
    assert float(InBatchSoftmaxLoss()(targets, VECTORS[:2])) == 0


def test_mere_labels_are_refused():
    message = "`y_true` must be the targets that `load_dataset` returns.*shape"
    with pytest.raises(ValueError, match=message):
        InBatchSoftmaxLoss()(np.ones(12), VECTORS)
