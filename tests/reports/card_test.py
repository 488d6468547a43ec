import hashlib
import json
import re
import shutil

import matplotlib.image
import numpy as np
import pytest

from o2v_keras.neighbors.neighbor_index import NeighborIndex
from o2v_keras.reports.card import write_card
from o2v_keras.training.train import train
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


def test_indexes_in_the_folder_are_described(folder):
    vectors = np.random.default_rng(0).normal(size=(64, 16))
    index = NeighborIndex.build(vectors, precision="int8", rescore=1)
    kept = index.kept_recall(5)
    index.save(folder / "index-in0")
    NeighborIndex.build(vectors).save(folder / "index-in1")
    found = section(write_card(folder), "Indexes").strip().splitlines()
    assert found[2:] == [
        f"| `index-in0` | 64 | cosine | exact | int8 | 1,152 | "
        f"{kept['recall']:.4f} @ 5 ({kept['recall_by_codes']:.4f} by codes "
        "alone) |",
        "| `index-in1` | 64 | cosine | exact | float32 | 4,096 | 1 (exact) |",
    ]


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


def test_too_few_points_have_a_card_without_a_map(folder, tmp_path):
    data = tmp_path / "films.jsonl"
    data.write_text('{"in1": [3]}\n{"in1": [4]}')
    card = write_card(folder, tmp_path / "card", str(data), "in1")
    assert "at least 3 rows" in section(card, "Map")
    assert "| rows | 2 |" in section(card, "Data")


def test_equal_embeddings_have_a_card_without_a_map_and_a_warning(
    folder, tmp_path
):
    data = tmp_path / "films.jsonl"
    data.write_text(5 * '{"in1": [3]}\n')
    with pytest.warns(UserWarning, match="All 5 embeddings are equal"):
        card = write_card(folder, tmp_path / "card", str(data), "in1")
    assert "Received: 5 equal vectors" in section(card, "Map")
    assert "| rows | 5 |" in section(card, "Data")


def test_a_ranking_reaches_the_card(folder, tmp_path):
    ranking = {
        "metrics": {"ndcg@10": 0.25},
        "baselines": {"most | popular": {"ndcg@10": 0.125}},
        "queries": 1200,
    }
    path = tmp_path / "ranking.json"
    path.write_text(json.dumps(ranking))
    quality = section(write_card(folder, evaluation=path), "Quality")
    assert "(1,200 queries)" in quality
    assert "| **this model** | 0.2500 |" in quality
    assert r"| most \| popular (no model) | 0.1250 |" in quality
    with pytest.raises(ValueError, match="`evaluation` must be a JSON file"):
        write_card(folder, evaluation=folder / "config.json")


def test_metrics_of_validation_alone_stand_beside_those_of_test(folder):
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["validation"]["ndcg@10"] = 0.375
    path.write_text(json.dumps(metrics))
    assert "0.3750 |" in section(write_card(folder), "Quality")


@pytest.mark.parametrize("name", ["metrics.json", "checkpoint.zip"])
def test_a_broken_file_is_named(folder, name):
    (folder / name).write_text("{")
    with pytest.raises(ValueError, match=name):
        write_card(folder)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`folder` must be a model directory"):
        write_card(tmp_path / "none")


def test_quality_is_given_by_width(folder):
    for name in ("config", "metrics"):
        file = folder / f"{name}.json"
        content = json.loads(file.read_text())
        if name == "config":
            content["matryoshka_dims"] = [2, 4]
        else:
            content["widths"] = {"test": {"2": {"accuracy": 0.125}}}
        file.write_text(json.dumps(content))
    evaluation = folder / "evaluation.json"
    groups = {"4": {"metrics": {"accuracy": 0.375}}}
    evaluation.write_text(
        json.dumps({"metrics": {"accuracy": 0.5}, "widths": groups})
    )
    card = write_card(folder, evaluation=evaluation)
    quality = section(card, "Quality")
    assert "| its first 2 numbers | 0.1250 |" in quality
    assert "| its first 4 numbers | 0.3750 |" in quality
    assert "| `matryoshka_dims` | 2, 4 |" in section(card, "Configuration")


def test_an_export_is_described(folder, tmp_path):
    extra = tmp_path / "1" / "assets.extra"
    extra.mkdir(parents=True)
    with pytest.raises(ValueError, match="`export` must be the folder of a ve"):
        write_card(folder, export=tmp_path / "1")
    facts = {"mode": "both", "dim": 4, "table_precision": "int8"}
    (extra / "export.json").write_text(
        json.dumps({**facts, "least_cosine": 0.99987})
    )
    exported = section(write_card(folder, export=tmp_path / "1"), "Export")
    assert "Embeddings of 4 numbers; token tables int8" in exported
    assert "at least 0.99987" in exported
