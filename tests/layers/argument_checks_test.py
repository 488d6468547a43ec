import pytest

from o2v_keras.layers.argument_checks import check_integer
from o2v_keras.layers.argument_checks import check_rate


def test_accepts_valid_arguments():
    check_integer("units", 1)
    check_integer("layers", 0, minimum=0)
    check_rate("dropout", 0)
    check_rate("dropout", 0.5)
    check_rate("dropout", 1.0)


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None, True])
def test_rejects_invalid_integer(value):
    with pytest.raises(
        ValueError,
        match=rf"`units` must be an integer >= 1. Received: units={value!r}",
    ):
        check_integer("units", value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_rejects_invalid_rate(value):
    with pytest.raises(
        ValueError,
        match=r"`dropout` must be a number from 0 to 1. "
        rf"Received: dropout={value!r}",
    ):
        check_rate("dropout", value)
