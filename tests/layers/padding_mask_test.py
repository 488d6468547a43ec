import numpy as np
import pytest

from o2v_keras.layers.padding_mask import PaddingMask
from tests.checks import check_layer


def test_layer_contract():
    check_layer(
        PaddingMask,
        init_kwargs={"name": "mask"},
        inputs=np.array([[1, 2, 0], [0, 0, 7]]),
        expected_output_shape=(2, 3),
        expected_weights={},
        expected_output_dtype="bool",
    )


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_only_id_zero_is_padding(dtype):
    mask = PaddingMask()(np.array([[1, 0, -1], [0, 5, 0]], dtype))
    np.testing.assert_array_equal(
        mask, [[True, False, True], [False, True, False]]
    )
