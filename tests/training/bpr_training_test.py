"""Trainings by the pairwise loss, from data to a model card."""

import json

import numpy as np
import pytest

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.baselines import pairwise_baselines
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.evaluation.rank import rank
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.reports.card import write_card
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.fit_test import assert_same_training
from tests.training.fit_test import run
from tests.training.fit_test import run_with_snapshots
from tests.training.small_training import make_config
from tests.training.small_training import make_source

BPR = {"output_layer": "bpr", "negative_sampling_rate": 2}
DOT = {"comparator_list": "dot", "mlp_layers": 0}
METRICS = {"loss", "bpr", "pairwise_accuracy"}


def films_of_one_kind():
    """Users who only watch films of even numbers, or only the others.

    Returns training, validation and test data.
    """
    pairs = [(u, f) for u in range(1, 13) for f in range(1 + u % 2, 15, 2)]
    pairs = np.random.default_rng(0).permutation(pairs)
    return [
        {"in0": rows[:, 0], "in1": rows[:, 1], "label": np.ones(len(rows))}
        for rows in np.split(pairs, [50, 66])
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bpr") / "model"
    config = make_config(
        **BPR, **DOT, enc0_max_seq_len=1, epochs=12, learning_rate=0.05
    )
    sources = films_of_one_kind()
    result = train(config, *sources, model_dir=folder, verbose=0)
    return folder, result, sources


def test_learns_what_belongs_together(trained):
    _, result, (training, _, test) = trained
    for split in ("train", "validation", "test"):
        metrics = result.report[split]
        assert metrics.keys() == METRICS
        assert metrics["loss"] == metrics["bpr"]
    assert result.report["test"]["pairwise_accuracy"] > 0.8
    rankings = [
        rank(result.model, test, training=training, score=score, at=[7])
        for score in ("dot", "head")
    ]
    by_dot, by_head = (ranking["metrics"] for ranking in rankings)
    assert by_dot["accuracy@7"] > 0.9
    assert by_head == by_dot


def test_evaluation_draws_the_same_negatives_again(trained):
    folder, result, (training, _, test) = trained
    scored = evaluate(load_model(folder), test, training)
    assert scored["metrics"] == pytest.approx(result.report["test"], rel=1e-5)
    assert scored["correlation"] == scored["cosine_correlation"] == {}
    assert "calibration" not in scored
    expected = result.report["baselines"]["test"]
    assert scored["baselines"] == expected
    assert expected["random"]["bpr"] == pytest.approx(np.log(2))
    # Chance, but for the films that training happens to hold more often.
    assert 0.3 < expected["popularity"]["pairwise_accuracy"] < 0.7


def test_the_loss_is_that_of_the_scores(trained):
    _, result, (training, _, test) = trained
    known, table = (
        PairTable.from_arrays(*source.values()) for source in (training, test)
    )
    batches = PairBatches(table, result.model.config, False, known=known)
    losses, right, weights = [], [], []
    for inputs, _, weight in batches.dataset().as_numpy_iterator():
        scores = predict_scores(result.model, inputs).reshape(-1, 3)
        margins = scores[:, :1] - scores[:, 1:]
        losses.append(np.log1p(np.exp(-margins)))
        right.append(margins > 0)
        weights.append(weight.reshape(-1, 3)[:, 1:])
    weights = np.concatenate(weights)
    found = result.report["test"]
    for name, values in (("bpr", losses), ("pairwise_accuracy", right)):
        expected = np.average(np.concatenate(values), weights=weights)
        assert found[name] == pytest.approx(expected, rel=1e-4), name


def test_the_card_tells_of_it(trained):
    folder, _, _ = trained
    text = write_card(folder).read_text()
    assert "gives pairs a score to rank them by" in text
    assert "| popularity (no model) | " in text
    assert "Not better than" not in text


def test_a_record_that_is_no_positive_is_refused(tmp_path):
    source = make_source(8)
    config = make_config(**BPR)
    message = "(?s)label: not 1.*label=0.*all records are positives"
    for training, validation in (
        (source, None),
        (make_source(9, 0, 1), source),
    ):
        with pytest.raises(DataError, match=message):
            train(config, training, validation, model_dir=tmp_path, verbose=0)
    with pytest.raises(DataError, match=message):
        evaluate(Object2Vec(config), source)


def test_popularity_is_weighted():
    config = make_config(**BPR).replace(negative_sampling_rate=1)
    scored = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 1])
    training = [[[7], [8]], [[3], [4]], [1, 1]]

    def accuracy(scored_weights, training_weights):
        baselines = pairwise_baselines(
            PairTable.from_arrays(
                [[1], [2]], [[3], [4]], [1, 1], scored_weights
            ),
            config,
            PairTable.from_arrays(*training, training_weights),
        )
        return baselines["popularity"]["pairwise_accuracy"]

    assert accuracy(None, None) == 0.5
    assert accuracy([3, 1], [2, 1]) == 0.75
    assert accuracy([3, 1], [1, 2]) == 0.25
    assert len(scored) == 2


SOURCES = {
    "train": make_source(23, label=1),
    "validation": make_source(13, 1, label=1),
    "test": make_source(9, 2, label=1),
}


def test_resumes_in_mid_epoch(tmp_path_factory):
    settings = {
        "changes": {"output_layer": "bpr", "epochs": 2},
        "sources": SOURCES,
    }
    folder, result, snapshots = run_with_snapshots(tmp_path_factory, **settings)
    killed = snapshots / "1-3"
    resumed = run(killed, resume=True, **settings)
    assert_same_training(killed, resumed, folder, result)


@pytest.mark.slow
def test_one_block_trains_as_memory_does(tmp_path):
    with open(tmp_path / "a.jsonl", "w") as file:
        for row in zip(*SOURCES["train"].values(), strict=True):
            record = dict(zip(("in0", "in1", "label"), row, strict=True))
            file.write(json.dumps(record, default=np.ndarray.tolist) + "\n")
    sources = {**SOURCES, "train": tmp_path / "a.jsonl"}
    results = []
    for rows in (None, 23):
        folder = tmp_path / f"model{rows}"
        changes = {"output_layer": "bpr", "bucket_width": 0}
        result = run(folder, changes, sources, stream_rows=rows)
        results.append((folder, result))
    assert_same_training(*results[0], *results[1])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_learns_in_half_precision(policy):
    config = make_config(**BPR, **DOT, dtype_policy=policy)
    table = PairTable.from_arrays(*films_of_one_kind()[0].values())
    model = Object2Vec(config)
    history = model.fit(
        PairBatches(table, config, True).dataset(advance=True),
        epochs=4,
        shuffle=False,
        verbose=0,
    ).history
    assert history["loss"][-1] < history["loss"][0]
