import dataclasses
import functools

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from o2v_keras import heads
from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.prefixes import by_width
from o2v_keras.models.prefixes import check_dim
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.train import train
from o2v_keras.tuning.objective import parse_objective

DIMS = (3, 5)
rng = np.random.default_rng(0)
INPUTS = {
    "in0": rng.integers(1, 30, (24, 3)),
    "in1": rng.integers(1, 30, (24, 2)),
}
LABELS = {
    "softmax": rng.integers(0, 2, 24),
    "mean_squared_error": rng.normal(size=24),
    "in_batch_softmax": np.ones(24, int),
    "bpr": np.ones(24, int),
}
RETRIEVAL = {"output_layer": "in_batch_softmax"}
HEADS = {
    "softmax": {"output_layer": "softmax", "mlp_layers": 1},
    "regression": {"output_layer": "mean_squared_error"},
    "cosine": {
        **RETRIEVAL,
        "hard_negatives": 4,
        "negative_sampling_side": "both",
        "learn_temperature": True,
    },
    "dot": {**RETRIEVAL, "similarity": "dot", "temperature": 1.0},
    "bpr": {
        "output_layer": "bpr",
        "negative_sampling_rate": 1,
        "comparator_list": "dot",
        "mlp_layers": 0,
    },
}
all_heads = pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)


def make_config(head, **changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 30,
        "enc_dim": 8,
        "mlp_dim": 6,
        "mini_batch_size": 12,
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "matryoshka_dims": DIMS,
    }
    return Object2VecConfig(**{**fields, **head, **changes})


def source(config):
    return {**INPUTS, "label": LABELS[config.output_layer]}


def make_model(config):
    """Returns a model whose encodings are far from zero."""
    model = Object2Vec(config)
    draws = np.random.default_rng(1)
    for table in model.token_embeddings:
        table.embeddings.assign(draws.normal(size=table.embeddings.shape))
    return model


def cut(model, dim):
    """Returns a copy of the model whose tables are zero after `dim`."""
    copy = Object2Vec(model.config.replace(matryoshka_dims=()))
    copy.set_weights(model.get_weights())
    for table in copy.token_embeddings:
        values = table.embeddings.numpy()
        values[:, dim:] = 0
        table.embeddings.assign(values)
    return copy


def first_batch(config):
    return next(iter(load_dataset(source(config), config)))


@all_heads
def test_training_minimizes_the_mean_of_the_losses_of_all_widths(head):
    config = make_config(head)
    model = make_model(config)
    x, y, *weights = first_batch(config)
    whole = model(x, training=True)
    expected = [model.compute_loss(x, y, whole, *weights)]
    for dim in DIMS:
        smaller = cut(model, dim)
        outputs = smaller(x, training=True)
        if config.output_layer == "in_batch_softmax":
            scales = config.similarity, config.temperature
            expected.append(learned_similarities(x, model, smaller, *scales))
        else:
            expected.append(smaller.compute_loss(x, y, outputs, *weights))
    marked, *_ = model.prefixes.marked((x, y, *weights))
    outputs = model(marked, training=True)
    actual = model.compute_loss(marked, y, outputs, *weights)
    np.testing.assert_allclose(actual, np.mean(expected), rtol=1e-5)


def logits_of(encodings):
    return keras.ops.sum(encodings[:, 0] * encodings[:, 1], axis=1)


def learned_similarities(x, model, smaller, similarity, temperature):
    """Cross-entropy of softmaxes over all objects of a batch but oneself."""

    def logits(model):
        pair = model.encoder0(x["in0"]), model.encoder1(x["in1"])
        vectors = np.concatenate(pair)
        if similarity == "cosine":
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        products = vectors @ vectors.T / temperature
        others = ~np.eye(len(products), dtype=bool)
        return products[others].reshape(len(products), -1)

    targets, predicted = scipy.special.log_softmax(
        [logits(model), logits(smaller)], axis=2
    )
    return -np.sum(np.exp(targets) * predicted, axis=1).mean()


@pytest.mark.parametrize("head", [HEADS["cosine"], HEADS["dot"]], ids=str)
def test_whole_encodings_and_fill_rows_are_nothing_prefixes_teach(head):
    loss = make_model(make_config(head)).loss
    draws = np.random.default_rng(2)
    vectors = tf.Variable(draws.normal(size=(4, 2, 2, 8)), dtype="float32")
    targets = np.zeros((4, 6), "int64")
    targets[:, 0], targets[:, 1] = 1, range(4)
    weights = np.array([1.0, 1.0, 1.0, 0.0], "float32")

    def gradient(vectors):
        with tf.GradientTape() as tape:
            value = loss(targets, vectors, weights)
        return value, tf.convert_to_tensor(tape.gradient(value, vectors))

    value, gradients = gradient(vectors)
    assert not np.any(gradients[:, 0])
    assert np.all(np.any(gradients[:3, 1], axis=(1, 2)))
    assert not np.any(gradients[3])
    vectors[3].assign(draws.normal(size=(2, 2, 8)))
    np.testing.assert_array_equal(gradient(vectors)[0], value)


@all_heads
def test_a_call_returns_what_it_returns_without_prefixes(head):
    config = make_config(head)
    model, plain = (
        Object2Vec(c) for c in (config, config.replace(matryoshka_dims=()))
    )
    for training in (False, True):
        outputs = model(INPUTS, training=training)
        expected = plain(INPUTS, training=training)
        if isinstance(outputs, dict):
            # The temperature divides both sides, not one: see `PairVectors`.
            outputs, expected = (
                (each["scores"], logits_of(each["encodings"]))
                for each in (outputs, expected)
            )
        keras.tree.map_structure(
            functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5),
            outputs,
            expected,
        )
    np.testing.assert_array_equal(
        model.predict(INPUTS, verbose=0), plain.predict(INPUTS, verbose=0)
    )


@all_heads
def test_metrics_of_a_prefix_are_those_of_cut_encodings(head):
    config = make_config(head)
    model = make_model(config)
    batches = PairBatches(load_pairs(source(config), config), config, False)
    if config.output_layer == "bpr":
        batches = PairBatches(load_pairs(source(config), config), config, True)

    def scored(each):
        batches.epoch = 0
        return each.evaluate(batches.dataset(), return_dict=True, verbose=0)

    whole, widths = by_width(scored(model), DIMS)
    assert whole == pytest.approx(scored(cut(model, 8)), rel=1e-5)
    for dim in DIMS:
        expected = scored(cut(model, dim))
        del expected["loss"]
        assert widths[str(dim)] == pytest.approx(expected, rel=1e-5)


def test_the_reported_loss_is_that_of_whole_encodings():
    config = make_config(HEADS["softmax"])
    history = make_model(config).fit(
        load_dataset(source(config), config), shuffle=False, verbose=0
    )
    names = {"loss", "accuracy", "cross_entropy"}
    assert {*history.history} == names | {
        f"{name}_dim_{dim}" for name in names - {"loss"} for dim in DIMS
    }
    assert history.history["loss"] == history.history["cross_entropy"]


@pytest.mark.parametrize(
    "head", [HEADS["softmax"], HEADS["cosine"], HEADS["bpr"]], ids=str
)
def test_replicas_train_what_one_does(head):
    config = make_config(head, epochs=2)

    def trained(replicas):
        with make_strategy(replicas, config.mini_batch_size).scope():
            model = Object2Vec(config)
        batches = PairBatches(
            load_pairs(source(config), config), config, True, replicas
        )
        history = model.fit(
            batches.dataset(), epochs=2, shuffle=False, verbose=0
        )
        return model.get_weights(), history.history

    (one, first), (two, second) = trained(1), trained(2)
    for weights in zip(one, two, strict=True):
        np.testing.assert_allclose(*weights, rtol=1e-4, atol=1e-6)
    for name, values in first.items():
        np.testing.assert_allclose(values, second[name], rtol=1e-4)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_saved_model_trains_on(policy, tmp_path):
    config = make_config(HEADS["softmax"], dtype_policy=policy, dropout=0.2)
    model = Object2Vec(config)
    dataset = load_dataset(source(config), config)
    model.fit(dataset, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.config.matryoshka_dims == DIMS
    results = [
        each.evaluate(dataset, return_dict=True, verbose=0)
        for each in (model, loaded)
    ]
    assert results[0] == pytest.approx(results[1])
    assert "accuracy_dim_3" in results[0]
    history = loaded.fit(dataset, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_resumed_training_is_that_without_a_break(tmp_path):
    config = make_config(HEADS["softmax"], epochs=3, dropout=0.3)
    data = source(config)

    def run(config, folder, **options):
        return train(config, data, model_dir=folder, verbose=0, **options)

    whole = run(config, tmp_path / "whole")
    run(config.replace(epochs=1), tmp_path / "broken")
    resumed = run(config, tmp_path / "broken", resume=True)
    for weights in zip(
        whole.model.get_weights(), resumed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(*weights)


@keras.saving.register_keras_serializable(package="tests")
@dataclasses.dataclass(frozen=True)
class _Absolute(heads.Regression):
    """A head of a user's own with a loss of Keras."""

    def loss(self):
        return keras.losses.MeanAbsoluteError()

    def metrics(self):
        return [keras.metrics.MeanAbsoluteError(name="mae")]


def test_a_head_of_ones_own_is_trained_at_all_widths():
    pair = (PooledEmbedding(30, 3, 8) for _ in range(2))
    model = Object2Vec(*pair, head=_Absolute(), matryoshka_dims=DIMS)
    history = model.fit(
        INPUTS, LABELS["mean_squared_error"], shuffle=False, verbose=0
    )
    mean = np.mean(
        [history.history[n][0] for n in ("mae", "mae_dim_3", "mae_dim_5")]
    )
    # The loss that Keras tracks is what training minimizes.
    np.testing.assert_allclose(history.history["loss"][0], mean, rtol=1e-4)


def test_a_prefix_can_be_monitored():
    objective = parse_objective("val_accuracy_dim_64")
    assert objective.direction == "max"
    assert parse_objective("val_cross_entropy_dim_64").direction == "min"


def test_a_prefix_without_training_is_warned_of():
    config = make_config(HEADS["softmax"])
    for dim in (3, 5, 8):
        check_dim(dim, config)
    with pytest.warns(UserWarning, match="not trained for prefixes of 4 num"):
        check_dim(4, config)
    for dim in (0, 9, True, 3.0):
        with pytest.raises(ValueError, match="`dim` must be an integer from 1"):
            check_dim(dim, config)
