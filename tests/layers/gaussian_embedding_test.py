import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.training.distribute.strategy import make_strategy

IDS = np.array([[4, 4, 0, 7], [0, 0, 0, 0], [0, 5, 0, 0]])


def make_embedding(stddev=0.5, **arguments):
    embedding = GaussianEmbedding(9, 3, "normal", **arguments)
    embedding.build((None, None))
    log_variances = np.full((9, 3), 2 * np.log(stddev))
    embedding.log_variances.embeddings.assign(log_variances)
    return embedding


@pytest.mark.parametrize("combiner", [None, "mean", "sqrtn"])
def test_predicts_with_the_means(combiner):
    embedding = make_embedding()
    outputs = embedding(IDS, mask=IDS != 0, combiner=combiner)
    rows = embedding.embeddings.numpy()[IDS]
    if combiner:
        real = (IDS != 0)[..., np.newaxis]
        power = 1.0 if combiner == "mean" else 0.5
        lengths = np.maximum(real.sum(axis=1), 1) ** power
        rows = (rows * real).sum(axis=1) / lengths
    np.testing.assert_allclose(outputs, rows, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("combiner", "expected"),
    [
        (None, None),
        # Two of the same token have one sample: 2 * x has 4 times the variance.
        ("mean", [(4 + 1) / 9, 0, 1]),
        ("sqrtn", [(4 + 1) / 3, 0, 1]),
    ],
)
def test_training_samples_with_the_variances_of_rows(combiner, expected):
    embedding = make_embedding(stddev=0.5)
    ids = np.tile(IDS, (4000, 1))
    outputs = embedding(ids, ids != 0, combiner=combiner, training=True)
    means = embedding(ids, ids != 0, combiner=combiner)
    noise = np.reshape(outputs - means, (4000, 3, -1, 3))
    if expected is None:
        np.testing.assert_allclose(noise.var(axis=0), 0.25, rtol=0.15)
    else:
        expected = 0.25 * np.array(expected)
        actual = noise.var(axis=(0, 2, 3))
        np.testing.assert_allclose(actual, expected, rtol=0.1, atol=1e-9)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.05)


def test_two_samples_differ():
    embedding = make_embedding()
    first, second = (embedding(IDS, training=True) for _ in range(2))
    assert np.all(first != second)


def test_replicas_have_samples_of_their_own():
    strategy = make_strategy(2, 8)
    with strategy.scope():
        embedding = make_embedding()
    outputs = strategy.run(tf.function(lambda: embedding(IDS, training=True)))
    first, second = strategy.experimental_local_results(outputs)
    assert np.all(np.asarray(first) != second)


@pytest.mark.parametrize("combiner", [None, "mean"])
def test_gradients_hold_only_the_rows_looked_up(combiner):
    embedding = make_embedding()
    tables = [embedding.embeddings, embedding.log_variances.embeddings]
    tables = [table.value for table in tables]
    with tf.GradientTape() as tape:
        outputs = embedding(IDS, IDS != 0, combiner=combiner, training=True)
        loss = tf.reduce_sum(outputs**2)
    for gradient in tape.gradient(loss, tables):
        assert isinstance(gradient, tf.IndexedSlices)
        assert set(gradient.indices.numpy()) <= {0, 4, 5, 7}
        assert np.all(np.isfinite(gradient.values))


def test_divergence_equals_the_formula():
    embedding = make_embedding(stddev=0.5)
    embedding.log_precisions.assign([0.0, 1.0, 2.0])
    counts = np.arange(9.0)[:, np.newaxis]
    embedding.counts.embeddings.assign(counts)
    weights = np.array([2.0], "float32")
    precisions = np.exp([0.0, 1.0, 2.0])
    means = embedding.embeddings.numpy()
    divergences = 0.5 * np.sum(
        precisions * (means**2 + 0.25) - np.log(precisions * 0.25) - 1, axis=1
    )
    expected = 2 * 2 * divergences[4] / 4 + 2 * divergences[7] / 7
    actual = embedding.kl_divergence(IDS[:1], weights)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_equal_rows_of_a_batch_add_up_and_have_samples_of_their_own():
    embedding = make_embedding()
    ids = IDS[[0, 2, 0]]
    weights = np.array([1.0, 2.0, 3.0], "float32")
    one_by_one = [
        embedding.kl_divergence(ids[row : row + 1], weights[row : row + 1])
        for row in range(3)
    ]
    actual = embedding.kl_divergence(ids, weights)
    np.testing.assert_allclose(actual, sum(one_by_one), rtol=1e-5)
    outputs = embedding(ids, ids != 0, combiner="sqrtn", training=True)
    assert np.all(np.asarray(outputs[0]) != outputs[2])


def test_a_closed_gate_stops_the_gradients_of_variances():
    embedding = make_embedding(gated=True)
    embedding.gate.assign(0.0)
    with tf.GradientTape() as tape:
        outputs = embedding(IDS, IDS != 0, combiner="mean", training=True)
    table = embedding.log_variances.embeddings.value
    assert not np.any(tape.gradient(outputs, table).values)


@pytest.mark.parametrize("combiner", [None, "sqrtn"])
@pytest.mark.parametrize("gated", [False, True])
def test_a_frozen_table_is_not_sampled(gated, combiner):
    embedding = make_embedding(gated=gated)
    if gated:
        embedding.gate.assign(0.0)
    else:
        embedding.trainable = False
    outputs = embedding(IDS, IDS != 0, combiner=combiner, training=True)
    means = embedding(IDS, IDS != 0, combiner=combiner)
    np.testing.assert_allclose(outputs, means, atol=1e-6)


@pytest.mark.parametrize("gated", [False, True])
def test_loads_means_variances_and_prior(gated, tmp_path):
    inputs = keras.Input((None,), dtype="int64")
    embedding = make_embedding(gated=gated)
    model = keras.Model(inputs, embedding(inputs))
    embedding.log_precisions.assign([0.0, 1.0, 2.0])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == embedding.get_config()
    for first, second in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(first, second)
