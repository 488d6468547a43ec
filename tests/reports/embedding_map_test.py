import matplotlib.image
import numpy as np
import pytest

from o2v_keras.reports.embedding_map import check_map_path
from o2v_keras.reports.embedding_map import write_map
from o2v_keras.reports.figures import draw_map
from o2v_keras.reports.projected_points import LabelledPoints


def test_picture_has_its_size_and_its_colours(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "map.png"
    names = ["$a", "b$x$", "<c>", "d"] * 5
    write_map(path, rng.normal(size=(20, 5)), names, names, title="$x_$")
    picture = matplotlib.image.imread(path)
    assert picture.shape == (900, 1350, 4)
    colours = np.unique((picture * 255).astype(int).reshape(-1, 4), axis=0)
    assert len(colours) > 20


def test_names_do_not_cover_each_other():
    points = np.array([[0, 0], [0, 0.001], [0, 1]], np.float32)
    figure = draw_map(LabelledPoints(points, ["one", "two", "three"]), "")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["", "one", "three"]


def test_rows_without_names_go_by_their_number(tmp_path):
    write_map(tmp_path / "logs", np.eye(3))
    assert (tmp_path / "logs" / "metadata.tsv").read_text() == "0\n1\n2\n"


def test_the_projector_gets_finite_numbers_only(tmp_path):
    with pytest.raises(ValueError, match="`vectors` must be finite"):
        write_map(tmp_path / "logs", np.full((3, 2), np.nan))


@pytest.mark.parametrize("name", ["map.pdf", "missing/map.png", "folder.html"])
def test_unusable_paths_are_refused(tmp_path, name):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ValueError, match="`path` must be an .html or .png"):
        check_map_path(tmp_path / name)
