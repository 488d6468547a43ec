import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.pair_table import PairTable
from o2v_keras.losses import InBatchSoftmaxLoss
from o2v_keras.losses import InBatchSoftmaxMetric

rng = np.random.default_rng(5)
IN0, IN1 = rng.integers(1, 5, 12), rng.integers(5, 12, 12)
LABELS = (rng.random(12) < 0.8).astype(float)
WEIGHTS = rng.random(12).astype("float32")
VECTORS = rng.normal(size=(12, 2, 6)).astype("float32")


def batch_of(side):
    """Returns ids and targets of one batch of all rows."""
    config = Object2VecConfig(
        enc0_max_seq_len=1,
        enc0_vocab_size=20,
        output_layer="in_batch_softmax",
        negative_sampling_side=side,
    )
    table = PairTable.from_arrays(IN0, IN1, LABELS)
    (inputs, targets), *_ = PairBatches(table, config, False).dataset()
    return *(inputs[n].numpy()[:, 0] for n in ("in0", "in1")), targets


def reference(kept, own, vectors, labels, corrects, hard):
    """The losses of all rows, term by term."""
    positives = {
        pair
        for pair, label in zip(zip(kept, own, strict=True), labels, strict=True)
        if label
    }
    logits = vectors[0].astype("float64") @ vectors[1].T
    if corrects:
        logits -= np.log([(own == value).mean() for value in own])
    losses = []
    for i in range(len(own)):
        negatives = [
            logits[i, j]
            for j in range(len(own))
            if j != i and (kept[i], own[j]) not in positives
        ]
        if hard:
            negatives = sorted(negatives)[-hard:]
        total = np.exp([logits[i, i], *negatives]).sum()
        losses.append(np.log(total) - logits[i, i])
    return np.array(losses)


@pytest.mark.parametrize("hard", [0, 2, 50])
@pytest.mark.parametrize("corrects", [True, False])
@pytest.mark.parametrize("side", ["in1", "in0", "both"])
def test_equals_the_formula(side, corrects, hard):
    in0, in1, targets = batch_of(side)
    labels = targets.numpy()[:, 0]
    first, second = VECTORS[:, 0], VECTORS[:, 1]
    parts = {
        "in1": (in0, in1, (first, second)),
        "in0": (in1, in0, (second, first)),
    }
    sides = ["in1", "in0"] if side == "both" else [side]
    losses = np.mean(
        [reference(*parts[name], labels, corrects, hard) for name in sides],
        axis=0,
    )
    loss = InBatchSoftmaxLoss(side, corrects, hard)
    expected = np.average(losses, weights=WEIGHTS * labels)
    assert float(loss(targets, VECTORS, WEIGHTS)) == pytest.approx(
        expected, rel=1e-5
    )
    metric = InBatchSoftmaxMetric(loss)
    metric.update_state(targets, VECTORS, WEIGHTS)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


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
