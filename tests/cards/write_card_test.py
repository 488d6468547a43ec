import hashlib
import json
import re
import shutil

import matplotlib.image
import pytest

from o2v_keras.cards.write_card import write_card
from o2v_keras.training.trainer import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "films"
    train(
        make_config(comparator_list="hadamard"),
        make_source(40),
        make_source(24, seed=1),
        make_source(24, seed=2),
        model_dir=folder,
        verbose=0,
    )
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "films")


def section(card, title):
    return card.read_text().split(f"## {title}\n")[1].split("\n## ")[0]


def test_a_whole_directory_gives_a_whole_card(folder):
    card = write_card(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    quality = section(card, "Quality")
    assert f"| **this model, test** | {metrics['test']['accuracy']:.4f}" in (
        quality
    )
    assert "| majority_class (no model) |" in quality
    assert "| this model, validation |" in quality
    assert re.search(r"\| train \| `[0-9a-f]{16}` \|", section(card, "Data"))
    configuration = section(card, "Configuration")
    changed, rest = configuration.split("<details>")
    assert "| `enc_dim` | 8 |" in changed and "`seed`" in rest
    assert "compares encodings by hadamard" in section(card, "Limits")
    assert "o2v card --data" in section(card, "Map")
    assert card.read_text().count("](card_curves.png)") == 1
    curves = matplotlib.image.imread(folder / "card_curves.png")
    assert curves.shape[0] == 480


@pytest.mark.parametrize(
    ("name", "title", "sentence"),
    [
        ("metrics.json", "Quality", "holds no metrics of data not trained"),
        ("metrics.json", "Limits", "nothing is known of how good"),
        ("history.csv", "Training", "holds no `history.csv`"),
        ("checkpoint.zip", "Data", "tells nothing of its training data"),
        ("config.json", "Configuration", "holds no `config.json`"),
    ],
)
def test_what_is_missing_is_said(folder, name, title, sentence):
    (folder / name).unlink()
    assert sentence in section(write_card(folder), title)


def test_an_empty_folder_has_a_card(tmp_path):
    assert write_card(tmp_path, tmp_path / "card").name == "card.md"


def test_data_give_a_map_and_a_summary(folder, tmp_path):
    lines = [
        {"name": f"{n} | x", "group": "ab"[n % 2], "in1": [n, 3, 4, 5, 6, 7]}
        for n in range(1, 8)
    ]
    data = tmp_path / "films.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    card = write_card(
        folder, tmp_path / "card", str(data), "in1", "name", "group"
    )
    assert "![Embeddings" in section(card, "Map")
    assert (tmp_path / "card" / "card_map.png").is_file()
    summary = section(card, "Data")
    assert "| rows | 7 |" in summary
    assert hashlib.sha256(data.read_bytes()).hexdigest() in summary
    assert "The check remarked: " in summary  # six ids, of which five count


@pytest.mark.parametrize("name", ["metrics.json", "checkpoint.zip"])
def test_a_broken_file_is_named(folder, name):
    (folder / name).write_text("{")
    with pytest.raises(ValueError, match=name):
        write_card(folder)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`folder` must be a model directory"):
        write_card(tmp_path / "none")
