import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras import encoders
from o2v_keras.config import Object2VecConfig
from o2v_keras.config.object2vec_config import NETWORKS
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.encoders import TokenTableEncoder
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.registry import COMPARATORS
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from tests.checks import check_model
from tests.graphs import lengths
from tests.graphs import optimized_nodes

HCNN = {"enc0_network": "hcnn", "enc0_layers": 2}
BILSTM = {"enc0_network": "bilstm"}
TRANSFORMER = {"enc0_network": "transformer"}
POOLED = {"enc0_network": "pooled_embedding"}
TIED = {"tied_token_embedding_weight": True}
REGRESSION = {"output_layer": "mean_squared_error"}
RETRIEVAL = {"output_layer": "in_batch_softmax"}

rng = np.random.default_rng(0)
INPUTS = {
    "in0": rng.integers(1, 30, (6, 3)),
    "in1": rng.integers(1, 30, (6, 2)),
}
CLASSES = rng.integers(0, 3, 6)
VALUES = rng.normal(size=6).astype("float32")


def make_config(**changes):
    fields = {
        "enc0_max_seq_len": 6,
        "enc0_vocab_size": 30,
        "enc0_token_embedding_dim": 8,
        "enc_dim": 8,
        "mlp_dim": 12,
        "num_classes": 3,
        "seed": 4,
    }
    return Object2VecConfig(**{**fields, **changes})


def make_model(**changes):
    return Object2Vec(make_config(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({**HCNN}, id="hcnn"),
        pytest.param({**HCNN, **TIED, **REGRESSION}, id="hcnn_tied"),
        pytest.param({**BILSTM, **REGRESSION}, id="bilstm"),
        pytest.param({**BILSTM, **TIED}, id="bilstm_tied"),
        pytest.param({**TRANSFORMER, **REGRESSION}, id="transformer"),
        pytest.param({**TRANSFORMER, **TIED}, id="transformer_tied"),
        pytest.param(
            {**POOLED, "token_embedding_storage_type": "row_sparse"},
            id="pooled_row_sparse",
        ),
        pytest.param({**POOLED, **TIED, **REGRESSION}, id="pooled_tied"),
        # The contract's five rows are one group.
        pytest.param(
            {
                **POOLED,
                "output_layer": "bpr",
                "negative_sampling_rate": 4,
                "comparator_list": "hadamard",
                "mlp_layers": 0,
            },
            id="pooled_bpr",
        ),
        pytest.param(
            {**HCNN, **RETRIEVAL, "learn_temperature": True},
            id="hcnn_in_batch_softmax",
        ),
        pytest.param(
            {
                **POOLED,
                "enc0_max_seq_len": 4,
                "enc1_network": "hcnn",
                "enc1_max_seq_len": 7,
                "enc1_vocab_size": 50,
                "comparator_list": "abs_diff",
                "mlp_activation": "tanh",
                "mlp_layers": 1,
                "weight_decay": 0.01,
                "optimizer": "sgd",
            },
            id="unequal_sides",
        ),
    ],
)
def test_model_contract(changes, tmp_path):
    check_model(make_config(**changes), tmp_path)


BPR_GROUPS = {
    "output_layer": "bpr",
    "negative_sampling_rate": 4,
    "comparator_list": "hadamard",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "head", [{}, REGRESSION, RETRIEVAL, BPR_GROUPS], ids=str
)
@pytest.mark.parametrize("network", NETWORKS)
def test_model_contract_of_every_encoder_and_head(network, head, tmp_path):
    heads = {"enc0_heads": 2} if network == "transformer" else {}
    check_model(make_config(enc0_network=network, **heads, **head), tmp_path)


def test_equals_the_formulas():
    model = make_model(**POOLED, mlp_activation="tanh")
    weights = {weight.path: np.asarray(weight) for weight in model.weights}
    e0, e1 = (
        weights[f"pooled_embedding{side}/token_embedding{side}/embeddings"]
        for side in (0, 1)
    )
    e0, e1 = (
        table[ids].mean(axis=1)
        for table, ids in zip((e0, e1), INPUTS.values(), strict=True)
    )
    hidden = np.concatenate([e0 * e1, e0, e1, np.abs(e0 - e1)], axis=1)
    for i in range(2):
        kernel, bias = (
            weights[f"mlp/dense_{i}/{name}"] for name in ("kernel", "bias")
        )
        hidden = np.tanh(hidden @ kernel + bias)
    logits = hidden @ weights["scores/kernel"] + weights["scores/bias"]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(INPUTS), expected, rtol=1e-5)


def test_only_a_tied_table_is_shared():
    def shared(**changes):
        model = make_model(**HCNN, **changes)
        theirs = {id(weight) for weight in model.encoder1.weights}
        ours = model.encoder0.weights
        return [weight.path for weight in ours if id(weight) in theirs]

    assert shared() == []
    (table,) = shared(**TIED)
    assert table.endswith("token_embedding/embeddings")


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_scores_for_retrieval_are_similarities(similarity):
    model = make_model(**POOLED, **RETRIEVAL, similarity=similarity)
    first, second = model.encoder0(INPUTS["in0"]), model.encoder1(INPUTS["in1"])
    expected = np.vecdot(first, second)
    if similarity == "cosine":
        expected /= np.linalg.norm(first, axis=1)
        expected /= np.linalg.norm(second, axis=1)
    names = [weight.path.split("/")[-2] for weight in model.weights]
    assert names == ["token_embedding0", "token_embedding1"]
    outputs = model(INPUTS)
    np.testing.assert_allclose(outputs["scores"][:, 0], expected, rtol=1e-5)
    # The same inside and outside of training.
    again = model(INPUTS, training=True)
    np.testing.assert_array_equal(again["encodings"], outputs["encodings"])
    pair = np.asarray(outputs["encodings"])
    logits = np.vecdot(pair[:, 0], pair[:, 1])
    np.testing.assert_allclose(logits * 0.05, expected, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_in_batch_softmax_stays_float32(policy):
    model = make_model(
        **POOLED, **RETRIEVAL, dtype_policy=policy, temperature=0.01
    )
    pairs = {name: INPUTS[name] for name in INPUTS} | {"label": np.ones(6)}
    dataset = load_dataset(pairs, model.config)
    start = model.get_weights()
    # Until the loss scale fits, steps are skipped.
    history = model.fit(dataset, epochs=20, shuffle=False, verbose=0)
    # Logits of 100 and their exponentials are beyond half precision.
    assert np.isfinite(history.history["loss"]).all()
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model(INPUTS)["encodings"].dtype == "float32"
    for before, after in zip(start, model.get_weights(), strict=True):
        assert not np.array_equal(before, after)


def test_regression_scores_are_unbounded():
    model = make_model(**POOLED, **REGRESSION)
    model.get_layer("scores").bias.assign([-7.0])
    assert np.asarray(model(INPUTS)).max() < -5


BPR = {"output_layer": "bpr", "negative_sampling_rate": 1, "mlp_layers": 0}


@pytest.mark.parametrize("seed", [1, 2])
def test_by_dot_alone_bpr_scores_are_dot_products(seed):
    model = make_model(**POOLED, **BPR, comparator_list="dot", seed=seed)
    e0, e1 = model.encoder0(INPUTS["in0"]), model.encoder1(INPUTS["in1"])
    for _ in range(2):
        expected = np.vecdot(e0, e1)[:, None]
        np.testing.assert_allclose(model(INPUTS), expected, rtol=1e-4)
        model.train_on_batch(INPUTS, np.arange(6) % 2)
        e0, e1 = model.encoder0(INPUTS["in0"]), model.encoder1(INPUTS["in1"])


def test_other_bpr_scores_learn_a_factor():
    model = make_model(**POOLED, **BPR, comparator_list="cosine")
    (kernel,) = model.get_layer("scores").trainable_weights
    before = np.asarray(kernel)
    model.train_on_batch(INPUTS, np.arange(6) % 2)
    assert not np.array_equal(kernel, before)


def test_weights_and_dropout_follow_from_the_seed_alone():
    def state(seed):
        model = make_model(**BILSTM, dropout=0.5, seed=seed)
        return [np.asarray(variable) for variable in model.variables]

    random.seed(1)
    first = state(seed=4)
    random.seed(2)
    for array, again in zip(first, state(seed=4), strict=True):
        np.testing.assert_array_equal(array, again)
    same = [np.array_equal(*pair) for pair in zip(first, state(5), strict=True)]
    # What starts at a constant: biases, and the count of random draws.
    constant = [len(np.unique(array)) <= 2 for array in first]
    assert all(c or not s for s, c in zip(same, constant, strict=True))
    assert not all(same)


def test_leaves_pythons_random_state_alone():
    random.seed(1)
    before = random.getstate()
    make_model(**POOLED)
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("adam", keras.optimizers.Adam),
        ("adagrad", keras.optimizers.Adagrad),
        ("adadelta", keras.optimizers.Adadelta),
        ("rmsprop", keras.optimizers.RMSprop),
        ("sgd", keras.optimizers.SGD),
    ],
)
def test_optimizer_steps(name, cls):
    model = make_model(**POOLED, optimizer=name, learning_rate=0.125)
    assert isinstance(model.optimizer, cls)
    assert float(model.optimizer.learning_rate) == 0.125
    before = model.get_weights()
    model.train_on_batch(INPUTS, CLASSES)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path


def test_xla_is_off(monkeypatch):
    # Keras's default would compile every batch shape anew on one GPU.
    compiled_with = {}
    monkeypatch.setattr(
        keras.Model,
        "compile",
        lambda self, **arguments: compiled_with.update(arguments),
    )
    make_model(**POOLED)
    assert compiled_with["jit_compile"] is False


def test_dropout_reaches_the_mlp():
    model = make_model(**HCNN, dropout=0.5)
    features = np.ones((2, 32), "float32")
    mlp = model.get_layer("mlp")
    assert not np.allclose(mlp(features, training=True), mlp(features))


@pytest.mark.parametrize("changes", [HCNN, POOLED], ids=["hcnn", "pooled"])
def test_weight_decay_is_added_to_the_gradients_of_matrices(changes):
    start, after, losses = [], [], []
    for weight_decay in (0.0, 0.5):
        model = make_model(
            **changes,
            **TIED,
            optimizer="sgd",
            learning_rate=0.1,
            weight_decay=weight_decay,
        )
        values = np.random.default_rng(1)
        for weight in model.weights:
            weight.assign(values.normal(0, 0.5, weight.shape))
        start = model.get_weights()
        fitted = model.fit(INPUTS, CLASSES, batch_size=6, verbose=0)
        after.append(model.get_weights())
        losses.append(fitted.history["loss"][0])
    # The penalty itself is no part of the loss that is reported.
    assert losses[0] == losses[1]
    for old, plain, decayed in zip(start, *after, strict=True):
        shrunk = 0.1 * 0.5 * old if old.ndim > 1 else 0
        np.testing.assert_allclose(decayed, plain - shrunk, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "labels", "names"),
    [
        pytest.param({}, CLASSES, ["accuracy", "cross_entropy"], id="softmax"),
        pytest.param(
            REGRESSION,
            VALUES,
            [
                "mean_squared_error",
                "root_mean_squared_error",
                "mean_absolute_error",
            ],
            id="regression",
        ),
    ],
)
def test_metrics_are_those_of_the_task(changes, labels, names):
    model = make_model(**POOLED, **changes)
    scores = np.asarray(model(INPUTS), "float64")
    if changes:
        errors = scores[:, 0] - labels
        squared = (errors**2).mean()
        expected = [squared, squared, squared**0.5, np.abs(errors).mean()]
    else:
        entropy = -np.log(scores[np.arange(6), labels]).mean()
        accuracy = (scores.argmax(axis=1) == labels).mean()
        expected = [entropy, accuracy, entropy]
    # An uneven last batch: rows count, not batches.
    metrics = model.evaluate(
        INPUTS, labels, batch_size=4, return_dict=True, verbose=0
    )
    assert sorted(metrics) == sorted(["loss", *names])
    for name, value in zip(["loss", *names], expected, strict=True):
        assert metrics[name] == pytest.approx(value, rel=1e-5), name


def test_rows_of_weight_0_are_not_reported():
    model = make_model(**POOLED, weight_decay=0.1)
    weights = np.array([1, 1, 1, 1, 0, 0], "float32")
    real = {name: ids[:4] for name, ids in INPUTS.items()}
    expected = model.evaluate(real, CLASSES[:4], return_dict=True, verbose=0)
    metrics = model.evaluate(
        INPUTS, CLASSES, sample_weight=weights, return_dict=True, verbose=0
    )
    assert metrics == pytest.approx(expected, rel=1e-5)


def test_can_be_compiled_anew():
    model = make_model(**POOLED)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
    metrics = model.evaluate(INPUTS, CLASSES, return_dict=True, verbose=0)
    assert sorted(metrics) == ["acc", "loss"]


@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
@pytest.mark.parametrize(
    ("policy", "changes"),
    [("mixed_float16", HCNN), ("mixed_bfloat16", BILSTM)],
    ids=["float16_hcnn", "bfloat16_bilstm"],
)
def test_mixed_precision_gives_float32_scores(policy, changes, storage):
    model = make_model(
        **changes,
        learning_rate=0.01,
        dtype_policy=policy,
        token_embedding_storage_type=storage,
    )
    assert model.encoder0(INPUTS["in0"]).dtype == policy.split("_")[1]
    assert all(weight.dtype == "float32" for weight in model.weights)
    before = np.asarray(model(INPUTS))
    assert before.dtype == np.float32
    padded = {
        name: np.pad(ids, ((0, 0), (0, 3))) for name, ids in INPUTS.items()
    }
    np.testing.assert_allclose(model(padded), before, atol=1e-3)
    history = model.fit(INPUTS, CLASSES, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
@pytest.mark.parametrize("changes", [POOLED, {**HCNN, **TIED}])
def test_a_row_sparse_step_holds_no_tensor_of_table_size(changes, storage):
    model = make_model(
        **changes,
        enc0_vocab_size=977,
        weight_decay=0.1,
        token_embedding_storage_type=storage,
    )
    model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda: model.train_step((INPUTS, CLASSES)))
    found = 977 in lengths(step.get_concrete_function().graph)
    assert found == (storage == "dense")


@pytest.mark.parametrize("changes", [POOLED, {**HCNN, **TIED}])
def test_nor_does_one_that_tensorflow_has_optimized(changes):
    model = make_model(**changes, token_embedding_storage_type="row_sparse")
    nodes = optimized_nodes(lambda: model.fit(INPUTS, CLASSES, verbose=0))
    reads = [node.name for node in nodes if node.op == "ReadVariableOp"]
    assert any("dense" in name for name in reads)
    assert not [name for name in reads if "token_embedding" in name]


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_steps_taken_at_once_are_the_same_steps(steps):
    expected, model = (make_model(**POOLED, dropout=0.3) for _ in range(2))
    for each in (expected, model):
        # Keras keeps what it has made for another number of steps.
        each.evaluate(INPUTS, CLASSES, batch_size=1, verbose=0)
    expected.steps_per_execution = 1
    model.steps_per_execution = steps
    arguments = {"batch_size": 1, "shuffle": False, "verbose": 0}
    histories = [
        each.fit(INPUTS, CLASSES, epochs=2, **arguments).history
        for each in (expected, model)
    ]
    for name, values in histories[0].items():
        assert histories[1][name] == pytest.approx(values, rel=1e-5)
    for weight, other in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-7)
    scores = [
        each.evaluate(INPUTS, CLASSES, batch_size=1, verbose=0)
        for each in (expected, model)
    ]
    assert scores[1] == pytest.approx(scores[0], rel=1e-5)


def test_warns_of_a_global_policy_that_does_not_hold():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with pytest.warns(UserWarning, match="global policy 'mixed_bfloat16'"):
            model = make_model(**POOLED)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
    assert model.encoder0.compute_dtype == "float32"


@keras.saving.register_keras_serializable(package="tests")
class _Maximum(TokenTableEncoder):
    """An encoder of a user's own, with a token table."""

    def __init__(self, *args, low=-9.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.low = low
        self.network = keras.layers.Dense(self.output_dim, name="dense")

    def encode(self, ids, mask, training=None):
        hidden = self.network(self.token_embedding(ids))
        hidden = keras.ops.where(mask[..., None], hidden, self.low)
        return keras.ops.max(hidden, axis=1)

    def get_config(self):
        return {**super().get_config(), "low": self.low}


OWN = {
    "enc0_network": f"{__name__}:_Maximum",
    "enc0_options": '{"low": -3}',
}


def test_takes_own_encoders_and_comparators(monkeypatch, tmp_path):
    builders = {**COMPARATORS._builders}
    monkeypatch.setattr(COMPARATORS, "_builders", builders)
    COMPARATORS.register("difference")(lambda first, second: first - second)
    config = make_config(
        **{**OWN, "enc0_options": {"low": -3}},
        comparator_list="difference, hadamard",
    )
    check_model(config, tmp_path)
    model = Object2Vec(config)
    (encoder,) = model.encoder1.layers[1:]
    assert (type(encoder), encoder.low) == (_Maximum, -3)
    assert model.get_layer("comparator").output.shape == (None, 16)


def test_options_are_the_classs_own(monkeypatch):
    with pytest.raises(ValueError, match="must not hold `vocab_size`"):
        make_config(**{**OWN, "enc0_options": {"vocab_size": 5}})
    wrong = make_config(**{**OWN, "enc0_options": {"lowest": 5}})
    with pytest.raises(ValueError, match="`enc0_options` must make an encod"):
        Object2Vec(wrong)


def test_a_config_describes_the_encoders_that_were_given():
    own = _Maximum(30, 6, 8, low=-2.0, token_embedding_dim=4)
    first = encoders.Transformer(
        30, 6, 8, heads=2, pooling="first", token_embedding_dim=4
    )
    model = Object2Vec(own, first, mlp_dim=8, dropout=0.5)
    again = Object2Vec(model.config)
    copies = [each.layers[-1] for each in (again.encoder0, again.encoder1)]
    assert copies[0].low == -2.0
    assert (copies[1].pooling, copies[1].dropout) == ("first", 0.0)
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


@keras.saving.register_keras_serializable(package="tests")
class _Wide(_Maximum):
    """Its encodings are wider than it says."""

    def encode(self, ids, mask, training=None):
        return keras.ops.tile(super().encode(ids, mask, training), (1, 2))


def test_encodings_have_the_size_that_was_asked_for():
    network = f"{__name__}:_Wide"
    with pytest.raises(ValueError, match="enc_dim=8, .* of 16 and .* of 16"):
        make_model(enc0_network=network)
    with pytest.raises(ValueError, match="of 8 and .* of 4 numbers"):
        Object2Vec(
            encoders.PooledEmbedding(30, 6, 8),
            encoders.PooledEmbedding(30, 6, 4),
        )


def test_what_is_frozen_stays_frozen(tmp_path):
    model = make_model(**HCNN)
    model.get_layer("mlp").trainable = False
    model.encoder0.layers[-1].network.trainable = False
    model.compile()
    model.fit(INPUTS, CLASSES, verbose=0)
    frozen = len(model.trainable_weights)
    assert frozen < len(model.weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.trainable_weights) == frozen
    loaded.encoder0.layers[-1].network.trainable = True
    assert len(loaded.trainable_weights) > frozen


def test_one_models_weight_decay_is_not_another_ones():
    encoder = encoders.PooledEmbedding(30, 6, 8)
    other = encoders.PooledEmbedding(30, 6, 8)
    Object2Vec(encoder, other, mlp_dim=8, weight_decay=0.5)
    with pytest.raises(ValueError, match="perhaps from another model"):
        Object2Vec(encoder, encoders.PooledEmbedding(30, 6, 8), mlp_dim=8)


def test_an_unregistered_encoder_is_warned_of():
    class Mine(encoders.PooledEmbedding):
        pass

    with pytest.warns(UserWarning, match="Mine is not registered with Keras"):
        Object2Vec(Mine(30, 6, 8), encoders.PooledEmbedding(30, 6, 8))


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"comparators": ["dot"], "comparator_list": ["dot"]}, "are the same"),
        ({"dtype_policy": "mixed_bfloat16"}, "must be that of the encoders"),
        ({"enc0_options": {"low": 1}}, "`enc0_options` must be left out"),
    ],
)
def test_hyperparameters_beside_encoders_are_not_ignored(
    hyperparameters, message
):
    pair = [encoders.PooledEmbedding(30, 6, 8) for _ in range(2)]
    with pytest.raises(ValueError, match=message):
        Object2Vec(*pair, **hyperparameters)


@pytest.mark.parametrize(
    ("changes", "labels", "weights", "message"),
    [
        (
            {},
            [0.5, 1],
            None,
            "whole numbers from 0 to 2. Received: 0.5 in",
        ),
        ({}, [0, 3], None, "Received: 3 in row 1"),
        ({}, [], None, "at least one row"),
        ({}, [[0], [1]], None, r"labels of shape \(2, 1\)"),
        ({}, ["a"], None, "must be numbers"),
        ({}, [0, 1], [0, 0], "one of them above 0"),
        ({}, [0, 1], [1], "a number of at least 0 for each label"),
        (REGRESSION, [np.nan, 1], None, "finite numbers. Received: nan in row"),
    ],
)
def test_a_first_bias_needs_labels(changes, labels, weights, message):
    with pytest.raises(ValueError, match=message):
        make_model(**POOLED, **changes).initialize_bias(labels, weights)


def test_an_own_encoder_of_sagemakers_strings():
    config = Object2VecConfig.from_hyperparameters(
        {"enc0_max_seq_len": "6", "enc0_vocab_size": "30", **OWN}
    )
    assert config.encoder1.options == {"low": -3}


def test_needs_encoders_or_a_config():
    with pytest.raises(TypeError, match="`encoder0` must be a Keras layer or"):
        Object2Vec({"enc0_max_seq_len": 3})
    encoder = encoders.PooledEmbedding(30, 6, 8)
    with pytest.raises(TypeError, match="`encoder1` must be a Keras layer or"):
        Object2Vec(encoder)
    with pytest.raises(TypeError, match="nothing but `name` beside it"):
        Object2Vec(make_config(), seed=3)


def two_encoders(shared=None):
    """Two encoders that share nothing, a table, or all."""
    first = encoders.HCNN(30, 6, 8, layers=2, token_embedding_dim=4)
    if shared == "all":
        return first, first
    table = first.token_embedding if shared == "table" else None
    second = encoders.BiLSTM(
        30, 3, 8, token_embedding_dim=4, token_embedding=table
    )
    return first, second


@pytest.mark.parametrize(
    ("shared", "head"),
    [
        (None, {}),
        ("table", RETRIEVAL),
        ("all", REGRESSION),
        pytest.param(None, RETRIEVAL, marks=pytest.mark.slow),
        pytest.param("table", {}, marks=pytest.mark.slow),
        pytest.param("table", REGRESSION, marks=pytest.mark.slow),
    ],
)
def test_encoders_are_saved_with_what_they_share(shared, head, tmp_path):
    sizes = {"mlp_dim": 8, "mini_batch_size": 3}
    model = Object2Vec(*two_encoders(shared), seed=3, **sizes, **head)
    pairs = {**INPUTS, "label": np.ones(6)}
    dataset = load_dataset(pairs, model.config)
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.config == model.config
    assert loaded.config.shared_encoder == (shared == "all")
    assert loaded.config.tied_token_embedding_weight == (shared is not None)
    assert (loaded.encoder0 is loaded.encoder1) == (shared == "all")
    tables = loaded.token_embeddings
    assert (tables[0] is tables[1]) == (shared is not None)
    assert len(loaded.weights) == len(model.weights)
    np.testing.assert_array_equal(
        loaded.predict(INPUTS, verbose=0), model.predict(INPUTS, verbose=0)
    )
    again = Object2Vec.from_config(model.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


def test_encoders_of_the_same_hyperparameters_are_the_same_model():
    config = make_config(**HCNN, mlp_layers=1)
    named = Object2Vec(config)
    sizes = {"layers": 2, "token_embedding_dim": 8}
    own = Object2Vec(
        encoders.HCNN(30, 6, 8, **sizes),
        encoders.HCNN(30, 6, 8, **sizes),
        mlp_layers=1,
        mlp_dim=12,
        num_classes=3,
        seed=4,
    )
    own.set_weights(named.get_weights())
    np.testing.assert_array_equal(own(INPUTS), named(INPUTS))
    expected = config.replace(enc1_network="hcnn", **enc1_sizes(config))
    assert own.config == expected


def enc1_sizes(config):
    return {
        "enc1_max_seq_len": config.enc0_max_seq_len,
        "enc1_vocab_size": config.enc0_vocab_size,
        "enc1_layers": config.enc0_layers,
        "enc1_token_embedding_dim": config.enc0_token_embedding_dim,
    }


def test_a_siamese_model_of_a_config_has_one_encoder():
    model = make_model(**HCNN, shared_encoder=True)
    assert model.encoder0 is model.encoder1
    two = make_model(**HCNN)
    assert len(model.weights) < len(two.weights)
    with pytest.raises(ValueError, match="enc1_layers` must be equal with sh"):
        make_config(
            **HCNN,
            shared_encoder=True,
            enc1_network="hcnn",
            enc1_max_seq_len=6,
            enc1_vocab_size=30,
            enc1_layers=3,
            enc1_token_embedding_dim=8,
        )


def test_other_shared_layers_are_refused():
    dense = keras.layers.Dense(8, name="shared_dense")

    def make():
        ids = keras.Input((None,), dtype="int64")
        hot = keras.ops.one_hot(ids, 30)
        return keras.Model(ids, dense(keras.ops.max(hot, axis=1)))

    sizes = {
        f"{side}_{name}": 30
        for side in ("enc0", "enc1")
        for name in ("vocab_size", "max_seq_len")
    }
    with pytest.raises(ValueError, match="both hold `shared_dense`"):
        Object2Vec(make(), make(), **sizes)


def test_a_frozen_encoder_trained_elsewhere(tmp_path):
    first = make_model(**HCNN)
    first.encoder0.trainable = False
    pooled = encoders.PooledEmbedding(30, 6, 8)
    model = Object2Vec(first.encoder0, pooled, mlp_dim=8)
    before = model.encoder0.predict(INPUTS["in0"], verbose=0)
    model.fit(INPUTS, CLASSES % 2, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        after = each.encoder0.predict(INPUTS["in0"], verbose=0)
        np.testing.assert_array_equal(after, before)
    other = keras.Sequential(
        [keras.layers.Embedding(30, 8), keras.layers.GlobalAveragePooling1D()]
    )
    with pytest.raises(ValueError, match="`enc0_vocab_size` must be given"):
        Object2Vec(other, pooled, enc0_max_seq_len=6)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"enc0_layers": 3}, "`enc0_layers` must be that of the encoder"),
        ({"token_embedding_l2": 0.1}, "`token_embedding_l2` must be left out"),
        (
            {"enc1_pretrained_embedding_file": "x.txt"},
            "`enc1_pretrained_embedding_file` must be left out",
        ),
    ],
)
def test_hyperparameters_that_do_not_fit_encoders(hyperparameters, message):
    ids = keras.Input((None,), dtype="int64")
    hot = keras.ops.max(keras.ops.one_hot(ids, 30), axis=1)
    own = keras.Model(ids, keras.layers.Dense(8)(hot))
    sizes = {"enc1_vocab_size": 30, "enc1_max_seq_len": 6}
    with pytest.raises(ValueError, match=message):
        Object2Vec(
            encoders.HCNN(30, 6, 8, layers=2), own, **sizes, **hyperparameters
        )


def test_tokenizers_are_held_and_saved(tmp_path):
    config = Object2VecConfig(
        enc0_max_seq_len=2, enc0_vocab_size=3, enc_dim=4, mlp_dim=4, **POOLED
    )
    model = Object2Vec(config)
    assert model.tokenizers.sides == {}
    weights = len(model.variables)
    tokenizer = WordTokenizer(Vocabulary(["a"]))
    model.tokenizers = PairTokenizers(tokenizer, tokenizer)
    assert model.tokenizers.in1 is tokenizer
    assert len(model.variables) == weights
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.tokenizers.in0 is loaded.tokenizers.in1
    assert loaded.tokenizers.fingerprint() == model.tokenizers.fingerprint()


def test_tokenizers_that_do_not_fit_are_refused():
    config = Object2VecConfig(
        enc0_max_seq_len=2, enc0_vocab_size=9, enc_dim=4, mlp_dim=4, **POOLED
    )
    model = Object2Vec(config)
    with pytest.raises(TypeError, match="`tokenizers` must be PairTokenizers"):
        model.tokenizers = None
    tokenizer = WordTokenizer(Vocabulary(["a"]))
    message = "enc1_vocab_size=9 and a tokenizer of 3 ids"
    with pytest.raises(ValueError, match=message):
        model.tokenizers = PairTokenizers(in1=tokenizer)


class _CountsBatches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"callbacks": [keras.callbacks.EarlyStopping("loss")]}, 10),
        ({"callbacks": keras.callbacks.History()}, 10),
        ({"callbacks": [[_CountsBatches()]]}, 1),
        (
            {
                "callbacks": keras.callbacks.LambdaCallback(
                    on_test_batch_end=lambda batch, logs: None
                )
            },
            1,
        ),
        ({"callbacks": [keras.callbacks.TerminateOnNaN()]}, 1),
        ({"steps_per_epoch": 1}, 1),
    ],
)
def test_fit_takes_steps_at_once_where_nobody_sees_it(arguments, expected):
    model = make_model(**POOLED)
    arguments = {"batch_size": 1, "verbose": 0, **arguments}
    model.fit(INPUTS, CLASSES, **arguments)
    assert model.steps_per_execution == expected
    steps = int(arguments.get("steps_per_epoch", len(CLASSES)))
    assert int(model.optimizer.iterations) == steps
    # Chosen again, and without tracing again if it is the same.
    traced = model.train_function
    model.fit(INPUTS, CLASSES, **arguments)
    assert model.train_function is traced
    model.fit(INPUTS, CLASSES, verbose=0)
    assert model.steps_per_execution == 10


def test_fit_leaves_steps_per_execution_that_are_set():
    model = make_model(**POOLED)
    model.steps_per_execution = 1
    model.fit(INPUTS, CLASSES, verbose=0)
    assert model.steps_per_execution == 1
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(INPUTS, CLASSES, verbose=0)
    assert model.steps_per_execution == 10
    model.compile(
        "sgd", "sparse_categorical_crossentropy", steps_per_execution=3
    )
    model.fit(INPUTS, CLASSES, verbose=0)
    assert model.steps_per_execution == 3
