import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

from o2v_keras.reports.map_files import write_map_page
from o2v_keras.reports.map_files import write_projector_files
from o2v_keras.reports.projected_points import LabelledPoints

BROWSER = next(
    filter(
        None,
        map(
            shutil.which,
            ("chromium", "chromium-browser", "google-chrome", "chrome"),
        ),
    ),
    None,
)
# Names that would do harm were they not shown as texts.
EVIL = "</script><img src=x onerror=document.title='broken'> {{data}} \"&\\"
# Plays a user and leaves what was seen as the page's title.
USER = """
<script>
addEventListener("load", () => {
  const seen = {};
  const send = (kind, type, detail) => canvas.dispatchEvent(
    new kind(type, {bubbles: true, cancelable: true, pointerId: 1, ...detail}));
  const tip = () => tooltip.style.visibility === "visible"
    ? tooltip.firstChild.textContent : null;
  const painted = () => {
    paint();  // a browser without a screen has no frames of its own
    const all = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let pixels = 0;
    for (let i = 3; i < all.length; i += 4) pixels += all[i] > 0;
    return pixels;
  };
  seen.painted = painted();
  const at = i => ({clientX: onScreenX(i), clientY: onScreenY(i)});
  const inside = [...Array(count).keys()].every(i =>
    at(i).clientX > 0 && at(i).clientX < innerWidth
    && at(i).clientY > 0 && at(i).clientY < innerHeight);
  seen.inside = inside;
  send(PointerEvent, "pointermove", at(7));
  seen.hover = tip();
  send(PointerEvent, "pointermove", {clientX: 1, clientY: innerHeight - 1});
  seen.nothing = tip();

  const before = at(7), scale = view.scale;
  send(WheelEvent, "wheel", {deltaY: -400, ...before});
  seen.zoom = view.scale / scale;
  seen.fixed = Math.hypot(at(7).clientX - before.clientX,
    at(7).clientY - before.clientY);
  const zoomed = at(7);
  send(PointerEvent, "pointerdown", {clientX: 300, clientY: 300});
  send(PointerEvent, "pointermove", {clientX: 340, clientY: 290});
  send(PointerEvent, "pointerup", {clientX: 340, clientY: 290});
  seen.moved = [at(7).clientX - zoomed.clientX, at(7).clientY - zoomed.clientY];
  send(PointerEvent, "pointermove", at(7));
  seen.hoverAfter = tip();
  send(MouseEvent, "dblclick", {});
  seen.reset = view.scale / scale;

  search.value = "POINT 19";
  search.dispatchEvent(new Event("input"));
  seen.found = found.textContent;
  search.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  seen.first = [found.textContent, tip()];
  search.value = "onerror";
  search.dispatchEvent(new Event("input"));
  search.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  seen.evil = tip();
  seen.images = document.images.length;
  search.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));
  send(MouseEvent, "dblclick", {});

  seen.legend = [...legend.children].map(b => b.textContent);
  legend.children[1].click();
  send(PointerEvent, "pointermove", at(7));
  seen.hidden = tip() === labels[7];
  legend.children[0].click();
  seen.empty = painted();
  document.body.textContent = JSON.stringify(seen);
});
</script>
"""


def page_of(tmp_path, rows=200):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(rows, 2)).astype(np.float32)
    labels = [f"point {row}" for row in range(rows - 1)] + [EVIL]
    groups = ["odd" if row % 2 else "even" for row in range(rows)]
    path = tmp_path / "map.html"
    shown = LabelledPoints(points, labels, groups)
    write_map_page(path, shown, "Title <&>", "sub {{title}}")
    return path


def test_names_are_data_only(tmp_path):
    page = page_of(tmp_path).read_text()
    assert "<img" not in page
    assert page.count("</script>") == 2
    (data,) = re.findall(r'type="application/json".*?>(.*?)</script>', page)
    data = json.loads(data)
    assert data["labels"][-1] == EVIL
    assert data["groups"] == ["even", "odd"]
    assert data["numbers"][:3] == [0, 1, 0]
    assert "<h1>Title &lt;&amp;&gt;</h1>" in page


def test_page_loads_nothing(tmp_path):
    page = page_of(tmp_path).read_text().replace("img src=x", "")
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)\s*=|https?://|url\(|import", page)


def dump(path):
    """Returns what stands in the page after its script has run."""
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu"),
        *("--window-size=1200,800", "--virtual-time-budget=5000"),
        *(f"--user-data-dir={path.parent}/profile", "--dump-dom"),
        path.as_uri(),
    ]
    result = subprocess.run(command, capture_output=True, timeout=120)
    return result.stdout.decode()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_user_zooms_drags_hovers_searches_and_hides(tmp_path):
    path = page_of(tmp_path)
    path.write_text(path.read_text() + USER)
    body = re.search(r"<body[^>]*>(.*?)</body>", dump(path), re.DOTALL)[1]
    body = body.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    seen = json.loads(body)
    assert seen["painted"] > 2000 and seen["empty"] == 0
    assert seen["inside"]
    assert seen["hover"] == "point 7" and seen["nothing"] is None
    assert seen["zoom"] == pytest.approx(np.e)
    # The browser rounds where the wheel turned to whole pixels.
    assert seen["fixed"] < np.e
    assert seen["moved"] == pytest.approx([40, -10])
    assert seen["hoverAfter"] == "point 7"
    assert seen["reset"] == pytest.approx(1)
    assert seen["found"] == "10 matches"  # 19 and 190 to 198
    assert seen["first"] == ["1 of 10", "point 19"]
    assert seen["evil"] == EVIL and seen["images"] == 0
    assert seen["legend"] == ["even100", "odd100"]
    assert not seen["hidden"]


def test_tensorboard_reads_what_was_written(tmp_path):
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    columns = {"name": ["a\tb", "", "é\nf"], "group": ["x", "y", "x"]}
    write_projector_files(tmp_path / "logs", vectors, columns)
    text = (tmp_path / "logs" / "projector_config.pbtxt").read_text()
    config = text_format.Parse(text, ProjectorConfig()).embeddings[0]
    assert list(config.tensor_shape) == [3, 2]
    tensors = np.fromfile(tmp_path / "logs" / config.tensor_path, "<f4")
    np.testing.assert_array_equal(tensors.reshape(3, 2), vectors)
    metadata = (tmp_path / "logs" / config.metadata_path).read_text()
    rows = [line.split("\t") for line in metadata.splitlines()]
    assert rows == [["name", "group"], ["a b", "x"], ["-", "y"], ["é f", "x"]]


def test_a_single_column_has_no_heading(tmp_path):
    write_projector_files(tmp_path, np.eye(2), {"name": ["a", "b"]})
    assert (tmp_path / "metadata.tsv").read_text() == "a\nb\n"


def test_names_must_be_as_many_as_vectors(tmp_path):
    with pytest.raises(ValueError, match="2 vectors, 1 of 'name'"):
        write_projector_files(tmp_path, np.eye(2), {"name": ["a"]})
