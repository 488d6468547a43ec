import numpy as np
import pytest

from o2v_keras.training.row_solvers import fit_order
from o2v_keras.training.row_solvers import fit_softmax
from o2v_keras.training.row_solvers import fit_values

RNG = np.random.default_rng(3)
RECORDS, OBJECTS = RNG.normal(size=(6, 4)), RNG.normal(size=(30, 4))
WEIGHTS = RNG.random(6) + 0.5
AHEAD = RNG.normal(size=(6, 30))
VALUES, CENTRE = RNG.normal(size=6), RNG.normal(size=4)


def squares(x, penalty):
    errors = VALUES - RECORDS @ x
    far = np.sum((x - CENTRE) ** 2)
    return WEIGHTS @ errors**2 + penalty * WEIGHTS.sum() * far


def cross_entropy(x, penalty):
    alone = np.log(np.exp(OBJECTS @ x).sum()) - RECORDS @ x
    return WEIGHTS @ alone + penalty * WEIGHTS.sum() * x @ x


def order(x, penalty):
    margins = (RECORDS @ x)[:, None] - OBJECTS @ x + AHEAD
    losses = np.log1p(np.exp(-margins)).mean(axis=1)
    return WEIGHTS @ losses + penalty * WEIGHTS.sum() * x @ x


@pytest.mark.parametrize("penalty", [0.01, 0.3, 20.0])
@pytest.mark.parametrize(
    ("fit", "loss"),
    [
        (
            lambda p: fit_values(RECORDS, VALUES, WEIGHTS, p, CENTRE),
            squares,
        ),
        (lambda p: fit_softmax(RECORDS, WEIGHTS, OBJECTS, p), cross_entropy),
        (lambda p: fit_order(RECORDS, WEIGHTS, OBJECTS, AHEAD, p), order),
    ],
    ids=["values", "softmax", "order"],
)
def test_the_vector_is_the_minimum_of_its_loss(fit, loss, penalty):
    found = fit(penalty)
    least = loss(found, penalty)
    for step in 1e-3 * np.vstack([np.eye(4), -np.eye(4)]):
        assert loss(found + step, penalty) > least


def test_a_large_penalty_leaves_the_sum_of_positives_against_the_rest():
    found = fit_softmax(RECORDS, WEIGHTS, OBJECTS, 1e6)
    rest = WEIGHTS @ RECORDS - WEIGHTS.sum() * OBJECTS.mean(axis=0)
    expected = rest / np.linalg.norm(rest)
    np.testing.assert_allclose(found / np.linalg.norm(found), expected, 1e-3)


def test_large_scores_are_no_overflow():
    records, objects = 1e3 * RECORDS, 1e3 * OBJECTS
    assert np.isfinite(fit_softmax(records, WEIGHTS, objects, 1e-9)).all()
    assert np.isfinite(fit_order(records, WEIGHTS, objects, 0, 1e-9)).all()


def test_values_without_a_penalty_stay_near_the_centre():
    directions = np.array([[1.0, 0.0, 0.0]])
    found = fit_values(
        directions, np.array([5.0]), np.ones(1), 0.0, np.array([1.0, 2.0, 3.0])
    )
    np.testing.assert_allclose(found, [5, 2, 3])
