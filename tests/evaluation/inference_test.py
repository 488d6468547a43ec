import numpy as np
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import embed
from o2v_keras import evaluate
from o2v_keras import predict_scores
from o2v_keras.data.data_error import DataError
from o2v_keras.training.distribute.strategy import make_strategy

PAIRS = {
    "in0": [[1], [2, 3, 4, 5, 6], [7, 8], [1, 1, 1]],
    "in1": [[3, 4], [5], [6, 7, 8], [2]],
    "label": [0, 1, 2, 1],
}


pytestmark = pytest.mark.filterwarnings("ignore:in0. longer than")


@pytest.fixture(scope="module")
def model():
    return Object2Vec(
        Object2VecConfig(
            enc0_network="hcnn",
            enc0_layers=2,
            enc0_max_seq_len=4,
            enc0_vocab_size=9,
            enc0_token_embedding_dim=5,
            enc_dim=6,
            mlp_dim=7,
            num_classes=3,
        )
    )


def padded(rows, length):
    return np.array([row[:length] + [0] * (length - len(row)) for row in rows])


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_scores_keep_the_order_of_rows(model, batch_size):
    inputs = {name: padded(PAIRS[name], 4) for name in ("in0", "in1")}
    expected = model(inputs, training=False)
    scores = predict_scores(model, PAIRS, batch_size)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", ["in0", "in1"])
def test_embeddings_come_from_that_sides_encoder(model, side):
    encoder = {"in0": model.encoder0, "in1": model.encoder1}[side]
    expected = encoder(padded(PAIRS[side], 4))
    embeddings = embed(model, side, {side: PAIRS[side]}, batch_size=3)
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


def test_embeddings_of_a_file_need_only_their_side(model, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"in1": [3, 4]}\n{"in1": [5], "other": 1}\n')
    embeddings = embed(model, "in1", path)
    expected = model.encoder1(padded(PAIRS["in1"][:2], 4))
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


def test_an_id_out_of_range_names_file_and_line(model, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"in0": [3]}\n{"in0": [9]}\n')
    with pytest.raises(DataError, match=r"rows.jsonl:2: in0\[0\]=9"):
        embed(model, "in0", path)


def test_cut_sequences_are_warned_about(model):
    with pytest.warns(UserWarning, match="in0: longer than max_seq_len"):
        embed(model, "in0", {"in0": PAIRS["in0"]})


def test_no_rows_give_no_embeddings(model):
    width = embed(model, "in0", {"in0": [[1]]}).shape[1]
    assert embed(model, "in0", {"in0": []}).shape == (0, width)


def test_rejects_another_side(model):
    with pytest.raises(ValueError, match='`side` must be "in0" or "in1"'):
        embed(model, "encoder0", {"in0": [[1]]})


def test_a_model_of_two_replicas_is_evaluated_alike(model):
    strategy = make_strategy(2, mini_batch_size=32)
    with strategy.scope():
        mirrored = Object2Vec(model.config)
    mirrored.set_weights(model.get_weights())
    uneven = {name: values[:3] for name, values in PAIRS.items()}
    expected = evaluate(model, uneven)["metrics"]
    assert evaluate(mirrored, uneven)["metrics"] == pytest.approx(
        expected, rel=1e-5
    )


def test_evaluation_counts_every_row_once(model):
    inputs = {name: padded(PAIRS[name], 4) for name in ("in0", "in1")}
    scores = np.asarray(model(inputs, training=False))
    labels = np.array(PAIRS["label"])
    result = evaluate(model, PAIRS)
    assert result["rows"] == 4
    metrics = result["metrics"]
    assert metrics["accuracy"] == (scores.argmax(axis=1) == labels).mean()
    cross_entropy = -np.log(scores[np.arange(4), labels]).mean()
    assert metrics["loss"] == pytest.approx(cross_entropy, rel=1e-5)
    assert result["baselines"]["majority_class"]["accuracy"] == 0.5
