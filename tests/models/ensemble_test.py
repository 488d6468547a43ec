import keras
import numpy as np
import pytest

from o2v_keras import heads
from o2v_keras.encoders import Encoder
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.models.ensemble import make_ensemble
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trainable_model import scores_of
from o2v_keras.models.trained_ids import TrainedIds
from tests.training.small_training import make_config

RNG = np.random.default_rng(0)
IDS = {
    "in0": RNG.integers(1, 30, (9, 4)) * (RNG.random((9, 4)) < 0.8),
    "in1": RNG.integers(1, 30, (9, 3)),
}
IDS["in0"][:, 0] = 5  # No row is padding alone.
REGRESSION = {"output_layer": "mean_squared_error"}
RETRIEVAL = {"output_layer": "in_batch_softmax"}
BPR = {"output_layer": "bpr", "negative_sampling_rate": 1}
ALL = "hadamard,dot,abs_diff,concat"


def make_model(seed, **changes):
    """A model with weights far from their initial values."""
    model = Object2Vec(make_config(seed=seed, mlp_layers=0, **changes))
    rng = np.random.default_rng(seed)
    weighs = {"dot", "cosine"} & {*model.config.comparator_list}
    for weight in model.trainable_weights:
        value = rng.normal(scale=0.4, size=weight.shape)
        if weight.path == "scores/kernel" and weighs:
            # The weight of the similarity must be positive.
            value = np.sort(np.abs(value))
        weight.assign(value)
    return model


def scores(model):
    return keras.ops.convert_to_numpy(scores_of(model(IDS)))


def mean_scores(models):
    values = [scores(model).astype(float) for model in models]
    if models[0].config.output_layer != "softmax":
        return np.mean(values, axis=0)
    logits = np.mean([np.log(value) for value in values], axis=0)
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


KINDS = [
    {**RETRIEVAL, "similarity": "cosine"},
    {**RETRIEVAL, "similarity": "dot"},
    {**RETRIEVAL, "similarity": "dot", "learn_temperature": True},
    {**REGRESSION, "comparator_list": "dot"},
    {**REGRESSION, "comparator_list": "cosine"},
    {**REGRESSION, "comparator_list": "hadamard"},
    {**REGRESSION, "comparator_list": ALL},
    {**BPR, "comparator_list": "dot"},
    {**BPR, "comparator_list": "cosine"},
    {**BPR, "comparator_list": ALL},
    {"comparator_list": "dot"},
    {"comparator_list": "cosine"},
    {"comparator_list": ALL},
    {"comparator_list": "hadamard,concat,abs_diff", "num_classes": 4},
]


@pytest.mark.parametrize(
    "kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values()))
)
def test_scores_are_the_mean_of_the_models_scores(kind, tmp_path):
    models = [
        make_model(0, **kind),
        make_model(1, **kind),
        make_model(
            2, **kind, enc0_network="hcnn", enc0_max_seq_len=3, enc_dim=6
        ),
    ]
    expected = mean_scores(models)
    made = make_ensemble(models)
    np.testing.assert_allclose(scores(made), expected, rtol=1e-5, atol=1e-5)
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(scores(loaded), scores(made))
    assert loaded.config == made.config


@pytest.mark.parametrize(
    "sharing",
    [
        {"shared_encoder": True},
        {"tied_token_embedding_weight": True},
        {},
    ],
    ids=str,
)
def test_an_encoder_of_both_sides_is_one(sharing):
    models = [make_model(seed, **RETRIEVAL, **sharing) for seed in (0, 1)]
    made = make_ensemble(models)
    np.testing.assert_allclose(scores(made), mean_scores(models), atol=1e-5)
    assert made.config.shared_encoder == bool(sharing)
    tables = 1 if sharing else 2
    assert made.count_params() == tables * 2 * 30 * 8


def test_the_embeddings_dot_products_are_the_scores():
    models = [
        make_model(seed, **REGRESSION, comparator_list="dot") for seed in (0, 1)
    ]
    made = make_ensemble(models)
    pair = [made.encoder0(IDS["in0"]), made.encoder1(IDS["in1"])]
    products = keras.ops.sum(pair[0] * pair[1], axis=1, keepdims=True)
    bias = made.get_layer("scores").bias
    np.testing.assert_allclose(products + bias, scores(made), atol=1e-5)


@keras.saving.register_keras_serializable(package="ensemble_test")
class FirstId(Encoder):
    def build(self, input_shape):
        self.table = self.add_weight((self.vocab_size, self.output_dim))

    def encode(self, ids, mask, training=None):
        return keras.ops.take(self.table, ids[:, 0], axis=0)


def test_encoders_of_ones_own_and_keras_models_are_joined(tmp_path):
    inputs = keras.Input((None,), dtype="int64")
    embedded = keras.layers.Embedding(30, 4)(inputs)
    plain = keras.Model(inputs, keras.ops.mean(embedded, axis=1))
    sizes = {"enc0_vocab_size": 30, "enc0_max_seq_len": 4}
    models = [
        Object2Vec(
            encoder,
            PooledEmbedding(30, 4, 4),
            head=heads.InBatchSoftmax(),
            **size,
        )
        for encoder, size in ((plain, sizes), (FirstId(30, 4, 4), {}))
    ]
    made = make_ensemble(models)
    np.testing.assert_allclose(scores(made), mean_scores(models), atol=1e-5)
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(scores(loaded), scores(made))


def test_an_id_is_trained_if_all_models_have_trained_it():
    models = [make_model(seed, **RETRIEVAL) for seed in (0, 1)]
    assert make_ensemble(models).trained_ids is None
    for model, ids in zip(models, ([3, 4], [4, 5]), strict=True):
        model.trained_ids = TrainedIds(model.config)
        model.trained_ids.sides["in0"][ids] = True
    # The vectors of in1 are pretrained in one of them.
    del models[1].trained_ids.sides["in1"]
    trained = make_ensemble(models).trained_ids.sides
    assert np.flatnonzero(trained["in0"]).tolist() == [4]
    assert not trained["in1"].any()


def negated(**changes):
    model = make_model(0, **changes)
    kernel = model.get_layer("scores").kernel
    kernel.assign(-kernel)
    return model


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (lambda: [make_model(0)], "two or more. Received: 1"),
        (
            lambda: [make_model(0), make_model(1, **REGRESSION)],
            "the same head.* 'Classification', 'Regression'",
        ),
        (
            lambda: [make_model(n, num_classes=n) for n in (2, 3)],
            "the same num_classes.*2, 3",
        ),
        (
            lambda: [
                make_model(0, **RETRIEVAL, similarity=s)
                for s in ("dot", "cosine")
            ],
            "the same similarity",
        ),
        (
            lambda: [
                make_model(0, comparator_list=c) for c in ("dot", "cosine")
            ],
            "the same comparator_list",
        ),
        (
            lambda: [make_model(0, enc0_vocab_size=n) for n in (30, 31)],
            "the same enc0_vocab_size",
        ),
        (
            lambda: [Object2Vec(make_config(seed=seed)) for seed in (0, 1)],
            r"without an MLP.*mlp_layers=1",
        ),
        (
            lambda: [make_model(0, comparator_list="dot,cosine")] * 2,
            "cosine alone.*comparator_list=dot,cosine",
        ),
        (
            lambda: [make_model(0, comparator_list="dot", num_classes=3)] * 2,
            "two classes.*num_classes=3",
        ),
        (
            lambda: [negated(comparator_list="dot", **REGRESSION)] * 2,
            "a model whose weight is -",
        ),
    ],
)
def test_models_that_cannot_be_joined_are_named(models, message):
    with pytest.raises(ValueError, match=message):
        make_ensemble(models())
