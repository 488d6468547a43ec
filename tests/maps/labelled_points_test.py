import numpy as np
import pytest

from o2v_keras.maps.labelled_points import LabelledPoints
from o2v_keras.maps.palette import colours_of


def shown(groups):
    rows = len(groups)
    return LabelledPoints(np.zeros((rows, 2)), ["a"] * rows, groups)


def test_rare_groups_are_one():
    groups = [f"g{n:02}" for n in range(13) for _ in range(20 - n)] + ["other"]
    points = shown(groups)
    assert points.names == (*(f"g{n:02}" for n in range(11)), "other")
    assert (points.numbers == 11).sum() == 9 + 8 + 1
    colours = colours_of(points.names)
    assert len(set(colours)) == 12 and colours[-1] == "#a9a9a9"


def test_twelve_groups_have_colours_of_their_own():
    names = shown([f"g{n:02}" for n in range(12)]).names
    assert names[-1] == "g11" and "#a9a9a9" not in colours_of(names)
    assert len(set(colours_of(names))) == 12


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 points, 1 labels, 2 groups"):
        LabelledPoints(np.zeros((2, 2)), ["a"])
