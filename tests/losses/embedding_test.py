import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.losses import EmbeddingLoss
from o2v_keras.losses import LossMetric

rng = np.random.default_rng(3)
TARGETS = rng.normal(size=(7, 5)).astype("float32")
VECTORS = rng.normal(size=(7, 5)).astype("float32")
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0, 0.0], "float32")


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def reference(kind, relations, weights):
    """The losses of all rows, term by term."""
    losses = []
    for y, t in zip(VECTORS, TARGETS, strict=True):
        loss = 1 - cosine(y, t) if kind == "cosine" else np.mean((y - t) ** 2)
        gaps = [
            (cosine(y, other) - cosine(t, target)) ** 2
            for other, target in zip(VECTORS, TARGETS, strict=True)
        ]
        losses.append(loss + relations * np.average(gaps, weights=weights))
    return np.average(losses, weights=weights)


@pytest.mark.parametrize("relations", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("kind", ["cosine", "mean_squared_error"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["ones", "weights"])
def test_equals_the_formula(kind, relations, weights):
    loss = EmbeddingLoss(kind, relations)
    given = np.ones(7) if weights is None else weights
    expected = reference(kind, relations, given)
    found = float(loss(TARGETS, VECTORS, weights))
    assert found == pytest.approx(expected, rel=1e-5)
    metric = LossMetric(loss)
    metric.update_state(TARGETS, VECTORS, weights)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def test_takes_targets_of_half_precision():
    half = TARGETS.astype("float16")
    assert float(EmbeddingLoss()(half, VECTORS)) == pytest.approx(
        float(EmbeddingLoss()(TARGETS, VECTORS)), rel=1e-3
    )


def test_vectors_of_zeros_have_finite_gradients():
    vectors = tf.Variable(np.zeros((2, 3), "float32"))
    with tf.GradientTape() as tape:
        loss = EmbeddingLoss()(np.eye(3, dtype="float32")[:2], vectors)
    assert float(loss) == pytest.approx(1.5)
    assert np.isfinite(tape.gradient(loss, vectors)).all()


def test_is_0_without_real_rows():
    assert float(EmbeddingLoss()(TARGETS, VECTORS, np.zeros(7))) == 0


def test_mere_labels_are_refused():
    message = "`y_true` must be the vectors to learn.*shape"
    for labels in (np.ones(7), TARGETS[:, :4]):
        with pytest.raises(ValueError, match=message):
            EmbeddingLoss()(labels, VECTORS)


def test_serializes():
    loss = EmbeddingLoss("mean_squared_error", 0.5, name="other")
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert revived.get_config() == loss.get_config()


def test_names_the_known_kinds():
    message = '"cosine" or "mean_squared_error". .*kind=\'mse\''
    with pytest.raises(ValueError, match=message):
        EmbeddingLoss("mse")
