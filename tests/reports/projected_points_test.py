import numpy as np
import pytest

from o2v_keras.palette import colours_of
from o2v_keras.reports.projected_points import LabelledPoints
from o2v_keras.reports.projected_points import project


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


def two_clusters(dim):
    rng = np.random.default_rng(0)
    centres = np.repeat(10 * np.eye(dim)[:2], 20, axis=0)
    return centres + rng.normal(size=(40, dim))


@pytest.mark.parametrize(
    ("method", "dim"), [("pca", 2), ("pca", 60), ("tsne", 60)]
)
def test_clusters_stay_apart(method, dim):
    points = project(two_clusters(dim), method, seed=3)
    assert points.shape == (40, 2) and points.dtype == np.float32
    centres = points.reshape(2, 20, 2).mean(axis=1)
    spread = points.reshape(2, 20, 2).std(axis=1).max()
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread
    again = project(two_clusters(dim), method, seed=3)
    np.testing.assert_array_equal(points, again)


def test_unit_length_forgets_lengths():
    vectors = np.array([[1.0, 0], [9, 0], [0, 1], [0, 3]])
    points = project(vectors, unit_length=True)
    np.testing.assert_allclose(points[0], points[1], atol=1e-6)
    np.testing.assert_allclose(points[2], points[3], atol=1e-6)


@pytest.mark.slow
def test_umap_keeps_clusters_apart():
    pytest.importorskip("umap", reason="umap-learn is not installed (an extra)")
    points = project(two_clusters(8), "umap")
    centres = points.reshape(2, 20, 2).mean(axis=1)
    assert np.linalg.norm(centres[0] - centres[1]) > 2


@pytest.mark.parametrize(
    ("vectors", "method", "message"),
    [
        (np.eye(3), "mds", "`method` must be one of pca, tsne, umap"),
        (np.eye(2), "pca", "at least 3 rows of at least 2 numbers"),
        (np.ones((5, 1)), "pca", "at least 3 rows of at least 2 numbers"),
        ([[np.nan, 1.0]] * 3, "pca", "must be finite"),
        (np.ones((5, 4)), "pca", "must differ.* Received: 5 equal vectors"),
        (np.ones((5, 4)), "tsne", "must differ.* Received: 5 equal vectors"),
        (np.zeros((5, 4)), "umap", "must differ.* Received: 5 equal vectors"),
    ],
)
def test_unusable_vectors_are_refused(vectors, method, message):
    with pytest.raises(ValueError, match=message):
        project(vectors, method)
