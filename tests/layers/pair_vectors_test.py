import numpy as np
import pytest

from o2v_keras.layers.pair_vectors import PairVectors
from tests.checks import check_layer

FIRST = np.array([[3.0, 4.0], [0.0, 0.0]], "float32")
SECOND = np.array([[0.0, 2.0], [1.0, 0.0]], "float32")


@pytest.mark.parametrize(
    ("learns", "weights"),
    [
        pytest.param(False, {}, id="fixed"),
        pytest.param(True, {"log_temperature": ()}, id="learned"),
    ],
)
def test_layer_contract(learns, weights):
    check_layer(
        PairVectors,
        init_kwargs={
            "similarity": "dot",
            "temperature": 0.3,
            "learn_temperature": learns,
            "symmetric": learns,
        },
        inputs=[FIRST, SECOND],
        expected_output_shape=(2, 2, 2),
        expected_weights=weights,
    )


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        pytest.param("cosine", [[8.0, 6.0], [0.0, 0.0]], id="cosine"),
        pytest.param("dot", [[80.0, 30.0], [0.0, 0.0]], id="dot"),
    ],
)
def test_products_are_similarities_by_temperature(similarity, learns, expected):
    vectors = PairVectors(similarity, 0.1, learns)([FIRST, SECOND]).numpy()
    np.testing.assert_allclose(
        vectors[:, 0] @ vectors[:, 1].T, expected, rtol=1e-5
    )


@pytest.mark.parametrize("learns", [False, True])
def test_symmetric_products_within_a_side_are_similarities(learns):
    vectors = PairVectors("dot", 0.1, learns, symmetric=True)([FIRST, SECOND])
    for one, a in enumerate((FIRST, SECOND)):
        for two, b in enumerate((FIRST, SECOND)):
            products = vectors[:, one].numpy() @ vectors[:, two].numpy().T
            np.testing.assert_allclose(products, a @ b.T / 0.1, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": "l2"}, "`similarity` must be .*similarity='l2'"),
        ({"temperature": 0}, "`temperature` must be .* above 0.*temperature=0"),
    ],
    ids=["similarity", "temperature"],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        PairVectors(**arguments)
