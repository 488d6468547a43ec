import numpy as np
import pytest

from o2v_keras.encoders import HCNN
from o2v_keras.encoders import ConcatenatedEncoder
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.testing import check_encoder


def make_encoder(**changes):
    encoders = [HCNN(9, 4, 8, layers=2), PooledEmbedding(9, 7, 4)]
    return ConcatenatedEncoder(9, 7, 12, encoders, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scales": [0.5, 2.0], "normalize": True},
        {"scales": [0.5, 2.0], "dtype": "mixed_bfloat16"},
    ],
    ids=str,
)
def test_encoder_contract(changes):
    check_encoder(make_encoder(**changes))


def test_encodings_stand_side_by_side():
    ids = np.array([[3, 1, 2, 8, 5], [4, 0, 0, 0, 0]])
    encoder = make_encoder(scales=[0.5, 2.0])
    first, second = (np.asarray(e(ids)) for e in encoder.encoders)
    expected = np.concatenate([first * 0.5, second * 2], axis=1)
    np.testing.assert_allclose(encoder(ids), expected, rtol=1e-6)
    unit = make_encoder(normalize=True, scales=[0.5, 2.0])
    found = np.asarray(unit(ids))
    np.testing.assert_allclose(np.linalg.norm(found[:, :8], axis=1), 0.5, 1e-5)
    np.testing.assert_allclose(np.linalg.norm(found[:, 8:], axis=1), 2.0, 1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": [1.0]}, "2 encoders, scales="),
        ({"scales": [1.0, 0.0]}, "a number above 0 for each"),
        ({"scales": [1.0, np.nan]}, "a number above 0 for each"),
    ],
)
def test_unusable_scales_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make_encoder(**changes)


def test_a_wrong_sum_of_sizes_is_named():
    encoder = ConcatenatedEncoder(9, 7, 5, [PooledEmbedding(9, 7, 4)])
    with pytest.raises(ValueError, match="`output_dim` must be the sum.* 4"):
        encoder(np.array([[1]]))
