import numpy as np
import pytest

from o2v_keras.storage.scalar_quantizer import ScalarQuantizer

VECTORS = np.random.default_rng(0).normal(2, 3, (500, 20)).astype(np.float32)


def test_int8_is_within_half_a_step():
    quantizer = ScalarQuantizer.calibrated(VECTORS, "int8")
    codes = quantizer.encode(VECTORS)
    assert (codes.dtype, codes.min(), codes.max()) == (np.int8, -128, 127)
    error = np.abs(quantizer.decode(codes) - VECTORS)
    assert (error <= quantizer.steps / 2 * 1.001).all()


def test_bits_are_packed_signs_about_the_middle_of_two_means():
    quantizer = ScalarQuantizer.calibrated(VECTORS, "binary")
    mean = VECTORS.mean(axis=0, dtype=np.float64)
    for column, values in enumerate(VECTORS.T):
        above = values > mean[column]
        np.testing.assert_allclose(
            quantizer.ranges[:, column],
            [values[~above].mean(), values[above].mean()],
            rtol=1e-4,
        )
    codes = quantizer.encode(VECTORS)
    middle = quantizer.ranges.mean(axis=0)
    np.testing.assert_array_equal(codes, np.packbits(VECTORS > middle, axis=1))
    np.testing.assert_allclose(
        quantizer.decode(codes),
        np.where(VECTORS > middle, quantizer.ranges[1], quantizer.ranges[0]),
        rtol=1e-6,
    )


@pytest.mark.parametrize("precision", ["int8", "binary"])
def test_a_dimension_of_one_value_is_that_value(precision):
    vectors = np.float32([[1, 0.3], [2, 0.3], [5, 0.3]])
    quantizer = ScalarQuantizer.calibrated(vectors, precision)
    decoded = quantizer.decode(quantizer.encode(vectors))
    np.testing.assert_array_equal(decoded[:, 1], vectors[:, 1])


def test_numbers_outside_the_ranges_are_the_last_levels():
    quantizer = ScalarQuantizer("int8", [[0.0], [1.0]])
    codes = quantizer.encode([[-7.0], [7.0], [0.2]])
    assert codes.tolist() == [[-128], [127], [-77]]


@pytest.mark.parametrize("precision", ["int8", "binary"])
def test_ranges_are_kept(precision, tmp_path):
    quantizer = ScalarQuantizer.calibrated(VECTORS, precision)
    quantizer.save(tmp_path / "r.npz")
    loaded = ScalarQuantizer.load(tmp_path / "r.npz", precision)
    np.testing.assert_array_equal(
        loaded.encode(VECTORS), quantizer.encode(VECTORS)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScalarQuantizer("int4", np.zeros((2, 3))), "`precision` must"),
        (lambda: ScalarQuantizer("int8", np.zeros((3, 3))), r"shape \(3, 3\)"),
        (lambda: ScalarQuantizer("int8", [[1.0], [0.0]]), "above a highest"),
        (lambda: ScalarQuantizer("int8", [[np.nan], [0.0]]), "above a highest"),
        (
            lambda: ScalarQuantizer.calibrated(VECTORS[:0], "int8"),
            "at least one row",
        ),
        (
            lambda: ScalarQuantizer("int8", np.eye(2)[::-1]).encode(VECTORS),
            "a lowest above",
        ),
        (
            lambda: ScalarQuantizer("int8", np.ones((2, 3))).encode(VECTORS),
            "must have 3 numbers a row",
        ),
    ],
)
def test_unusable_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
