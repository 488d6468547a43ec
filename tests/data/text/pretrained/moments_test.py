import numpy as np

from o2v_keras.data.text.pretrained.moments import Moments


def test_moments_of_parts_are_those_of_all_rows():
    rng = np.random.default_rng(0)
    rows = rng.normal(1000, [1e-3, 5], (1000, 2))
    moments = Moments(2)
    for part in np.split(rows, [0, 1, 10, 700]):
        moments.add(part)
    assert moments.count == 1000
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0))
    np.testing.assert_allclose(moments.deviation, rows.std(axis=0))
