import json

import numpy as np
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import embed
from o2v_keras import evaluate
from o2v_keras import predict_scores
from o2v_keras.data.data_error import DataError
from o2v_keras.evaluation.label_metrics import calibration
from o2v_keras.evaluation.label_metrics import correlation
from o2v_keras.training.distribute.strategy import make_strategy

PAIRS = {
    "in0": [[1], [2, 3], [7, 8], [1, 1, 1], [4]],
    "in1": [[3, 4], [5], [6, 7, 8], [2], [2]],
    "label": [0, 1, 2, 1, 0],
}
TRAINING = {"in0": [[1], [2]], "in1": [[5], [6]], "label": [1, 0]}


def make_model(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 9,
        "enc_dim": 6,
        "mlp_dim": 5,
        "num_classes": 3,
    }
    return Object2Vec(Object2VecConfig(**{**fields, **changes}))


def cosines(model):
    first = embed(model, "in0", PAIRS)
    second = embed(model, "in1", PAIRS)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / lengths


@pytest.mark.parametrize(
    "replicas", [1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_classes_are_correlated_and_calibrated(replicas):
    with make_strategy(replicas, mini_batch_size=32).scope():
        model = make_model()
    result = evaluate(model, PAIRS)
    labels, scores = np.array(PAIRS["label"]), predict_scores(model, PAIRS)
    expected = {
        "correlation": correlation(labels, scores @ np.arange(3)),
        "cosine_correlation": correlation(labels, cosines(model)),
        "calibration": calibration(labels, scores),
    }
    for name, metrics in expected.items():
        assert result[name] == pytest.approx(metrics, rel=1e-4), name
    json.dumps(result)


def test_values_are_correlated():
    model = make_model(output_layer="mean_squared_error")
    result = evaluate(model, PAIRS)
    values = predict_scores(model, PAIRS)[:, 0]
    expected = correlation(np.array(PAIRS["label"]), values)
    assert result["correlation"] == pytest.approx(expected, rel=1e-4)
    assert "calibration" not in result


def test_training_data_give_the_baselines():
    model = make_model()
    alone = evaluate(model, PAIRS)
    assert alone["baselines"].keys() == {"majority_class"}
    result = evaluate(model, PAIRS, TRAINING)
    assert "in0_majority" in result["baselines"]
    assert result["metrics"] == alone["metrics"]
    assert (result["rows"], result["leaked"]) == (5, 0)


def test_pairs_of_the_training_data_are_refused_or_scored(tmp_path):
    model, path = make_model(), tmp_path / "test.jsonl"
    lines = [
        '{"in0": [4], "in1": [4], "label": 1}',
        '{"in0": [2], "in1": [6], "label": 2}',
    ]
    path.write_text("\n".join(lines))
    message = r"same pair is in the training data \(1 row\)\n    .*test.jsonl:2"
    with pytest.raises(DataError, match=message):
        evaluate(model, path, TRAINING)
    assert evaluate(model, path, TRAINING, allow_leaks=True)["leaked"] == 1


@pytest.mark.parametrize("output_layer", ["softmax", "mean_squared_error"])
def test_positives_alone_get_drawn_negatives(output_layer):
    model = make_model(
        num_classes=2, negative_sampling_rate=2, output_layer=output_layer
    )
    positives = {**PAIRS, "label": [1] * 5}
    training = {"in0": [[1], [1]], "in1": [[3, 4], [2]], "label": [1, 1]}
    result = evaluate(model, positives, training, allow_leaks=True)
    assert (result["rows"], result["negatives"]) == (5, 10)
    assert result["correlation"]
    if output_layer == "softmax":
        baseline = result["baselines"]["majority_class"]["accuracy"]
        assert baseline == pytest.approx(2 / 3)
    assert evaluate(model, positives, training, allow_leaks=True) == result
    own = {**PAIRS, "label": [1, 0, 1, 1, 1]}
    assert evaluate(model, own)["negatives"] == 0


def test_quality_is_given_by_width():
    model = make_model(
        output_layer="mean_squared_error", matryoshka_dims=(2, 4), mlp_layers=0
    )
    result = evaluate(model, PAIRS)
    assert "mean_squared_error_dim_2" not in result["metrics"]
    assert [*result["widths"]] == ["2", "4"]
    for table in model.token_embeddings:
        values = table.embeddings.numpy()
        values[:, 2:] = 0
        table.embeddings.assign(values)
    cut = evaluate(model, PAIRS)
    expected = {k: v for k, v in cut["metrics"].items() if k != "loss"}
    width = result["widths"]["2"]
    assert width["metrics"] == pytest.approx(expected, rel=1e-5)
    for group in ("correlation", "cosine_correlation"):
        assert width[group] == pytest.approx(cut[group], rel=1e-4)
