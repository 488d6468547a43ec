"""Trainings on given vectors, from files of one side to embeddings."""

import json
import pathlib

import numpy as np
import pytest

from o2v_keras.data.convert.convert import convert
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.evaluation.rank import rank
from o2v_keras.reports.card import write_card
from o2v_keras.training.dry_run import dry_run
from o2v_keras.training.fold_in import fold_in
from o2v_keras.training.hard_negatives import mine_hard_negatives
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

VECTORS = np.random.default_rng(7).normal(size=(30, 6)).astype("float16")
HEAD = {"output_layer": "embedding", "target_embedding_file": "vectors.npy"}


def write(path, rows, side="in0", seed=0):
    """Writes records that have one side alone."""
    source = make_source(rows, seed)
    numbers = np.random.default_rng(seed).integers(0, len(VECTORS), rows)
    with open(path, "w") as file:
        for ids, number in zip(source["in0"], numbers, strict=True):
            record = {side: ids.tolist(), "label": int(number)}
            file.write(json.dumps(record) + "\n")
    return path


def read(path):
    return [
        json.loads(line) for line in pathlib.Path(path).read_text().splitlines()
    ]


@pytest.fixture
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("vectors.npy", VECTORS)
    write("train.jsonl", 40)
    write("validation.jsonl", 13, seed=1)


@pytest.mark.usefixtures("_files")
def test_trains_evaluates_and_embeds(tmp_path, monkeypatch):
    result = train(
        make_config(**HEAD, epochs=3),
        "train.jsonl",
        "validation.jsonl",
        "validation.jsonl",
        model_dir="model",
        verbose=0,
    )
    test = result.report["test"]
    assert set(test) == {"loss", "embedding", "cosine_similarity"}
    assert test["loss"] == test["embedding"]
    # The file is found from any folder.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    model = load_model(tmp_path / "model")
    source = str(tmp_path / "validation.jsonl")
    found = evaluate(model, source, str(tmp_path / "train.jsonl"))
    assert found["metrics"] == pytest.approx(test, rel=1e-5)
    assert "correlation" not in found
    assert found["baselines"] == result.report["baselines"]["test"]
    ids = [record["in0"] for record in read(source)]
    in0, in1 = (embed(model, side, {side: ids}) for side in ("in0", "in1"))
    assert in0.shape == (13, 8)
    np.testing.assert_array_equal(in0, in1)
    card = write_card(tmp_path / "model").read_text()
    assert "embeds `in0` by the encoder `pooled_embedding`, as 8 nu" in card
    assert "vectors of 6 numbers" in card


@pytest.mark.usefixtures("_files")
def test_the_mean_vector_is_the_baseline():
    result = train(
        make_config(**HEAD, epochs=1),
        "train.jsonl",
        "validation.jsonl",
        model_dir="model",
        verbose=0,
    )
    labels = {
        name: [record["label"] for record in read(f"{name}.jsonl")]
        for name in ("train", "validation")
    }
    mean = VECTORS[labels["train"]].astype(float).mean(axis=0)
    targets = VECTORS[labels["validation"]].astype(float)
    lengths = np.linalg.norm(targets, axis=1) * np.linalg.norm(mean)
    baseline = result.report["baselines"]["validation"]["mean_vector"]
    assert baseline == {
        "cosine_similarity": pytest.approx(np.mean(targets @ mean / lengths))
    }


@pytest.mark.slow
@pytest.mark.usefixtures("_files")
def test_other_sides_and_other_readers_give_the_same_training():
    config = make_config(**HEAD, dropout=0.3)

    def run(source, config=config, **options):
        folder = f"model{len(results)}"
        results.append(
            train(
                config,
                source,
                "validation.jsonl",
                model_dir=folder,
                verbose=0,
                **options,
            )
        )

    results = []
    run("train.jsonl")
    convert("train.jsonl", "shards", config=config, verbose=0)
    run("shards")
    records = read("train.jsonl")
    # The other side is not read, whatever it holds.
    run(
        {"in0": [r["in0"] for r in records], "in1": ["?"] * 40}
        | {"label": [r["label"] for r in records]}
    )
    expected = results[0].model.get_weights()
    for other in results[1:]:
        for one, two in zip(expected, other.model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
    run("train.jsonl", stream_rows=20)
    streamed = results[-1].report["validation"]
    assert streamed.keys() == results[0].report["validation"].keys()


@pytest.mark.usefixtures("_files")
def test_the_side_of_the_objects_is_named():
    write("other.jsonl", 40, side="in1")
    weights = []
    for name, side in (("train.jsonl", "in0"), ("other.jsonl", "in1")):
        config = make_config(**HEAD, embedding_side=side)
        result = train(config, name, model_dir=side, verbose=0)
        weights.append(result.model.get_weights())
    for one, two in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.usefixtures("_files")
def test_a_resumed_training_is_the_same(tmp_path):
    config = make_config(**HEAD, dropout=0.3, epochs=4)
    data = {"train": "train.jsonl", "validation": "validation.jsonl"}
    whole = train(config, **data, model_dir="whole", verbose=0)
    train(config.replace(epochs=2), **data, model_dir="model", verbose=0)
    # The vectors may be moved.
    (tmp_path / "vectors.npy").rename(tmp_path / "moved.npy")
    moved = config.replace(target_embedding_file="moved.npy")
    resume = {"model_dir": "model", "resume": True, "verbose": 0}
    result = train(moved, **data, **resume)
    for one, two in zip(
        result.model.get_weights(), whole.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    np.save("moved.npy", VECTORS + 1)
    with pytest.raises(ValueError, match="same data; .*target vectors"):
        train(moved.replace(epochs=5), **data, **resume)


@pytest.mark.usefixtures("_files")
def test_labels_that_are_no_rows_are_named():
    vectors = VECTORS.copy()
    vectors[3, 2] = np.nan
    np.save("vectors.npy", vectors)
    with open("bad.jsonl", "w") as file:
        for label in (0, 30, 2.5, -1, 3):
            file.write(json.dumps({"in0": [1], "label": label}) + "\n")
    report = dry_run(make_config(**HEAD), "bad.jsonl", PairColumns())
    assert {p.kind: p.cases for p in report.errors} == {
        "no row number": (
            "bad.jsonl:2: label=30",
            "bad.jsonl:3: label=2.5",
            "bad.jsonl:4: label=-1",
        ),
        "vector not finite": ("bad.jsonl:5: label=3",),
    }
    with pytest.raises(DataError, match="whole number from 0 to 29"):
        train(make_config(**HEAD), "bad.jsonl", model_dir="model", verbose=0)


@pytest.mark.usefixtures("_files")
def test_what_needs_pairs_says_so():
    config = make_config(**HEAD, epochs=1)
    result = train(config, "train.jsonl", model_dir="model", verbose=0)
    pairs = {"in0": [[1]], "in1": [[2]]}
    for ask in (
        predict_scores,
        rank,
        lambda *given: mine_hard_negatives(*given, output="mined.jsonl"),
    ):
        with pytest.raises(ValueError, match="`model` must score pairs, but"):
            ask(result.model, pairs)
    with pytest.raises(ValueError, match="`model` must have learned from p"):
        fold_in("model", "train.jsonl", model_dir="more", verbose=0)
