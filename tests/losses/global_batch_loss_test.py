import keras
import numpy as np
import pytest

from o2v_keras.losses import GlobalBatchLoss

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
CLASSES = np.array([0, 1, 2])
SCORES = np.array([[3.0], [-1.0], [0.5]])
VALUES = np.array([1.0, 1.0, 0.0])
CASES = {
    "cross_entropy": (CLASSES, PROBABILITIES, -np.log([0.7, 0.3, 0.3])),
    "mean_squared_error": (VALUES, SCORES, [4.0, 4.0, 0.25]),
}
WEIGHTS = {
    "none": None,
    "ones": [1.0, 1.0, 1.0],
    "fill_row": [1.0, 0.0, 1.0],
    "any": [0.5, 2.0, 0.25],
    "column": [[1.0], [0.0], [1.0]],
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("kind", CASES)
def test_is_the_weighted_mean_over_rows(kind, weights):
    y_true, y_pred, losses = CASES[kind]
    if weights is not None:
        weights = np.array(weights, "float32")
    loss = GlobalBatchLoss(kind)(y_true, y_pred, sample_weight=weights)
    averages = None if weights is None else weights.ravel()
    expected = np.average(losses, weights=averages)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", CASES)
def test_is_0_without_real_rows(kind):
    y_true, y_pred, _ = CASES[kind]
    assert float(GlobalBatchLoss(kind)(y_true, y_pred, np.zeros(3))) == 0


@pytest.mark.parametrize("kind", CASES)
def test_takes_labels_as_a_column_and_of_any_dtype(kind):
    y_true, y_pred, losses = CASES[kind]
    loss = GlobalBatchLoss(kind)
    for labels in (y_true[:, None], y_true.astype("float32")):
        np.testing.assert_allclose(
            loss(labels, y_pred), np.mean(losses), rtol=1e-6
        )


@pytest.mark.parametrize("kind", CASES)
def test_serializes(kind):
    assert GlobalBatchLoss(kind).name == kind
    loss = GlobalBatchLoss(kind, name="other")
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (revived.kind, revived.name) == (kind, "other")


HUBER = keras.losses.Huber(delta=0.5)


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_takes_a_loss_of_keras(weights):
    losses = 0.5 * (np.array([2.0, 2.0, 0.5]) - 0.25)
    averages = None if weights is None else np.ravel(weights)
    for labels in (VALUES, VALUES[:, None]):
        loss = GlobalBatchLoss(HUBER)(labels, SCORES, sample_weight=weights)
        expected = np.average(losses, weights=averages)
        np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_a_loss_of_keras_is_saved():
    loss = GlobalBatchLoss(HUBER)
    revived = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (revived.name, revived.kind.get_config()) == (
        HUBER.name,
        HUBER.get_config(),
    )


def test_a_loss_without_a_value_for_each_row_is_refused():
    with pytest.raises(ValueError, match=r"for each row.*dice .*shape \(\)"):
        GlobalBatchLoss(keras.losses.Dice())(VALUES[:, None], SCORES)


def test_names_the_known_kinds():
    message = "\"mean_squared_error\" or a Keras loss. .*kind='mse'"
    with pytest.raises(ValueError, match=message):
        GlobalBatchLoss("mse")
