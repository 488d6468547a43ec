import copy

import keras
import numpy as np
import pytest
import tensorflow as tf

from export import export_saved_model
from o2v_keras.config import Object2VecConfig
from o2v_keras.encoders import HCNN
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.models.expand_vocabulary import with_larger_tables
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

IDS = np.array([[4, 4, 7, 0], [7, 0, 0, 0], [0, 0, 0, 0]])
SOURCE = make_source(64)


def weights_of(model, side=0):
    return model.token_weights[side].embeddings.numpy().ravel()


def test_the_mean_has_weighted_embeddings_and_counts_tokens():
    encoder = PooledEmbedding(9, 4, 6, token_weighting="learned")
    before = np.array(encoder(IDS))
    table = encoder.token_embedding.embeddings.numpy()
    np.testing.assert_allclose(before[0], (2 * table[4] + table[7]) / 3, 1e-6)
    encoder.token_weights.embeddings.assign(np.arange(9.0)[:, np.newaxis])
    expected = [(8 * table[4] + 7 * table[7]) / 3, 7 * table[7], np.zeros(6)]
    np.testing.assert_allclose(encoder(IDS), expected, rtol=1e-5)


def test_gradients_hold_the_rows_of_a_batch_alone():
    encoder = PooledEmbedding(9, 4, 6, token_weighting="learned")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(encoder(IDS))
    weights = [
        layer.embeddings.value
        for layer in (encoder.token_weights, encoder.token_embedding)
    ]
    for gradient in tape.gradient(loss, weights):
        assert sorted(gradient.indices.numpy()) == [4, 7]


def test_without_weighting_nothing_changes():
    config = make_config()
    model = Object2Vec(config)
    other = Object2Vec(config.replace(token_weighting="learned"))
    assert model.token_weights == (None, None)
    assert len(other.weights) == len(model.weights) + 2
    for weight, same in zip(model.weights, other.weights[:1], strict=False):
        np.testing.assert_array_equal(weight, same)
    np.testing.assert_array_equal(
        model({"in0": IDS, "in1": IDS}), other({"in0": IDS, "in1": IDS})
    )


@pytest.mark.parametrize(
    ("weighting", "storage"),
    [
        pytest.param("sif", "dense", marks=pytest.mark.slow),
        ("learned", "row_sparse"),
    ],
)
def test_trained_weights_are_saved_and_exported(tmp_path, weighting, storage):
    config = make_config(
        token_weighting=weighting, token_embedding_storage_type=storage
    )
    model = train(config, SOURCE, model_dir=tmp_path / "m", verbose=0).model
    weights = weights_of(model)
    if weighting == "sif":
        tokens = np.concatenate(SOURCE["in0"])
        share = np.bincount(tokens, minlength=30) / len(tokens)
        np.testing.assert_allclose(weights, 0.001 / (0.001 + share), 1e-6)
    else:
        assert weights[0] == 1  # padding
        assert np.ptp(weights) > 0.01
    again = load_model(tmp_path / "m")
    np.testing.assert_array_equal(weights_of(again), weights)
    assert again.config.token_weighting == weighting
    expected = model.encoder0.predict(IDS, verbose=0)
    np.testing.assert_array_equal(
        again.encoder0.predict(IDS, verbose=0), expected
    )
    export_saved_model(again, tmp_path / "export", mode="embedding")
    (version,) = (tmp_path / "export").iterdir()
    served = tf.saved_model.load(str(version))
    answer = served.signatures["encoder_embeddings"](
        in0=tf.constant(IDS), in1=tf.zeros([0, 0], tf.int64)
    )
    np.testing.assert_allclose(answer["embeddings"], expected, rtol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"shared_encoder": True}])
def test_sides_with_one_table_are_counted_together(changes):
    model = Object2Vec(
        make_config(
            **{"token_weighting": "sif", "tied_token_embedding_weight": True},
            **changes,
        )
    )
    counts = {name: np.zeros(30, int) for name in ("in0", "in1")}
    counts["in0"][4], counts["in1"][5] = 3, 1
    model.set_token_counts(counts)
    for side in (0, 1):
        weights = weights_of(model, side)
        expected = 0.001 / (0.001 + np.array([0.75, 0.25, 0]))
        np.testing.assert_allclose(weights[4:7], expected, rtol=1e-6)


def test_separate_tables_have_their_own_counts():
    model = Object2Vec(make_config(token_weighting="sif"))
    counts = {name: np.zeros(30, int) for name in ("in0", "in1")}
    counts["in0"][4] = counts["in1"][5] = 9
    model.set_token_counts(counts)
    assert weights_of(model, 0)[4] == weights_of(model, 1)[5] < 0.001
    assert weights_of(model, 0)[5] == weights_of(model, 1)[4] == 1


def test_fit_asks_for_the_counts():
    model = Object2Vec(make_config(token_weighting="sif", epochs=1))
    data = {"in0": IDS, "in1": IDS}, np.array([0, 1, 1])
    with pytest.raises(ValueError, match="set_token_counts"):
        model.fit(*data, verbose=0)
    with pytest.raises(ValueError, match="each of the 30 ids.*shape \\(4,\\)"):
        model.set_token_counts(dict.fromkeys(("in0", "in1"), np.zeros(4)))
    counts = dict.fromkeys(("in0", "in1"), np.ones(30))
    model.set_token_counts(counts)
    model.fit(*data, verbose=0)
    # Weights of a file are those that it was trained with.
    other = Object2Vec(model.config)
    other.set_weights(model.get_weights())
    other.fit(*data, verbose=0)


def test_frozen_tables_learn_weights(tmp_path):
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(30, 8)))
    config = make_config(
        token_weighting="learned", enc0_pretrained_embedding_file="v.npy"
    )
    train(
        config,
        SOURCE,
        model_dir=tmp_path / "m",
        auxiliary=tmp_path,
        verbose=0,
    )
    model = load_model(tmp_path / "m")
    table = model.token_embeddings[0].embeddings.numpy()
    np.testing.assert_allclose(table[1:], np.load(tmp_path / "v.npy")[1:], 1e-6)
    assert np.ptp(weights_of(model)) > 0.01


@pytest.mark.slow
def test_resuming_goes_on_with_the_weights(tmp_path):
    config = make_config(token_weighting="learned", epochs=1)
    train(config, SOURCE, model_dir=tmp_path / "m", verbose=0)
    two = config.replace(epochs=2)
    train(two, SOURCE, model_dir=tmp_path / "m", resume=True, verbose=0)
    train(two, SOURCE, model_dir=tmp_path / "whole", verbose=0)
    np.testing.assert_array_equal(
        weights_of(load_model(tmp_path / "m")),
        weights_of(load_model(tmp_path / "whole")),
    )


def test_weights_of_new_ids_start_at_the_mean():
    model = Object2Vec(make_config(token_weighting="learned"))
    model.token_weights[0].embeddings.assign(np.arange(30.0)[:, np.newaxis])
    larger = with_larger_tables(model, model.config.replace(enc0_vocab_size=32))
    np.testing.assert_allclose(weights_of(larger)[28:], [28, 29, 15, 15])
    np.testing.assert_array_equal(
        larger.encoder0.predict(IDS, verbose=0),
        model.encoder0.predict(IDS, verbose=0),
    )


def test_encoders_of_ones_own_name_their_weighting(tmp_path):
    encoders = [
        PooledEmbedding(30, 5, 8, token_weighting="learned") for _ in range(2)
    ]
    model = Object2Vec(*encoders, mlp_dim=8)
    assert model.config.token_weighting == "learned"
    assert model.config.enc0_network == "pooled_embedding"
    model.token_weights[1].embeddings.assign(np.arange(30.0)[:, np.newaxis])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert weights_of(again, 1)[29] == 29
    copied = copy.deepcopy(model)
    assert weights_of(copied, 1)[29] == 29
    with pytest.raises(ValueError, match="`token_weighting` must be that of"):
        Object2Vec(
            *(PooledEmbedding(30, 5, 8) for _ in range(2)),
            token_weighting="learned",
        )


def test_one_side_alone_may_have_weights():
    model = Object2Vec(
        PooledEmbedding(30, 5, 8, token_weighting="learned"), HCNN(30, 5, 8)
    )
    assert model.token_weights[1] is None
    assert model.config.token_weighting == "learned"


def test_other_networks_have_no_weights():
    sizes = {"enc0_max_seq_len": 3, "enc0_vocab_size": 9}
    with pytest.raises(ValueError, match='must be "none" with enc0_network='):
        Object2VecConfig(**sizes, token_weighting="sif")
    with pytest.raises(ValueError, match='"none", "sif" or "learned"'):
        PooledEmbedding(9, 3, 8, token_weighting="idf")
