import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras import encoders
from o2v_keras import heads
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.models.graph import make_head
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.optimizers import DenseAdam

rng = np.random.default_rng(0)
INPUTS = {
    "in0": rng.integers(1, 30, (8, 3)),
    "in1": rng.integers(1, 30, (8, 2)),
}

HEADS = [
    heads.Classification(num_classes=3),
    heads.Regression(),
    heads.InBatchSoftmax(
        similarity="dot",
        temperature=0.5,
        learn_temperature=True,
        negative_sampling_side="both",
        sampling_bias_correction=False,
        hard_negatives=2,
        same_side_negatives=True,
        hardness_strength=2.0,
    ),
    heads.BPR(negative_sampling_rate=2),
    heads.CoSENT(similarity_scale=5.0),
]


def make(head, **hyperparameters):
    pair = (encoders.PooledEmbedding(30, 3, 8) for _ in range(2))
    sizes = {"mlp_dim": 8, "mini_batch_size": 4, **hyperparameters}
    return Object2Vec(*pair, head=head, **sizes)


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.output_layer)
def test_a_head_and_its_hyperparameters_are_one(head, tmp_path):
    model = make(head)
    assert make_head(model.config) == head
    made = Object2Vec(model.config.replace(seed=3))
    assert [w.shape for w in made.weights] == [w.shape for w in model.weights]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.head == head


def test_a_head_that_contradicts_hyperparameters_is_refused():
    with pytest.raises(ValueError, match="`num_classes` must be that of the h"):
        make(heads.Classification(num_classes=3), num_classes=4)
    with pytest.raises(TypeError, match="`head` must be one of"):
        make("softmax")


@keras.saving.register_keras_serializable(package="tests")
@dataclasses.dataclass(frozen=True)
class _Bounded(heads.Regression):
    """A regression of a user's own: scores in (0, high), absolute errors."""

    high: float = 5.0

    def scores(self, config):
        return keras.Sequential(
            [
                keras.layers.Dense(1, activation="sigmoid"),
                keras.layers.Rescaling(self.high),
            ],
            name="scores",
        )

    def loss(self):
        return keras.losses.MeanAbsoluteError()

    def metrics(self):
        return [keras.metrics.MeanAbsoluteError(name="mae")]

    def first_bias(self, labels, weights=None, negatives=0):
        return None


def test_a_head_of_ones_own(tmp_path):
    model = make(_Bounded(high=2.0))
    dataset = load_dataset({**INPUTS, "label": np.full(8, 9.0)}, model.config)
    history = model.fit(dataset, epochs=3, shuffle=False, verbose=0).history
    assert set(history) == {"loss", "mae"}
    scores = model.predict(INPUTS, verbose=0)
    assert 0 < scores.min() and scores.max() < 2
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.head == _Bounded(high=2.0)
    np.testing.assert_array_equal(loaded.predict(INPUTS, verbose=0), scores)


def test_compile_fills_in_what_is_left_to_it():
    model = make(heads.Regression())
    labels = np.arange(8.0)
    model.compile(loss="mae", metrics=["mse"])
    assert isinstance(model.optimizer, DenseAdam)
    results = model.evaluate(INPUTS, labels, return_dict=True, verbose=0)
    assert set(results) == {"loss", "mse"}
    errors = model.predict(INPUTS, verbose=0)[:, 0] - labels
    assert results["loss"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    results = model.evaluate(INPUTS, labels, return_dict=True, verbose=0)
    assert "root_mean_squared_error" in results


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.output_layer)
def test_a_tape_does_what_fit_does(head):
    """A training loop of one's own: `model(x)`, `compute_loss`, gradients."""
    model = make(head, optimizer="sgd", learning_rate=0.1)
    rows = {**INPUTS, "label": np.ones(8, "int64")}
    # The first batch of the epoch, whatever its order.
    dataset = load_dataset(rows, model.config).take(1).cache()
    start = model.get_weights()
    model.fit(dataset, shuffle=False, verbose=0)
    expected = model.get_weights()
    model.set_weights(start)
    model.compile()
    (batch,) = dataset
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    with tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        loss = model.compute_loss(x, y, y_pred, sample_weight)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    model.optimizer.apply(gradients, model.trainable_weights)
    for after, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(after, wanted, rtol=1e-5, atol=1e-7)
