import keras
import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.token_tables import row_penalty
from o2v_keras.models.token_weighting import TokenCounts
from o2v_keras.training.distribute.strategy import make_strategy

rng = np.random.default_rng(0)
SOURCE = {
    "in0": [rng.integers(1, 12, rng.integers(1, 6)) for _ in range(13)],
    "in1": [rng.integers(1, 12, rng.integers(1, 6)) for _ in range(13)],
    "label": rng.normal(size=13),
}


def make_config(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 5,
        "enc0_vocab_size": 12,
        "enc_dim": 6,
        "comparator_list": "dot,concat",
        "mlp_layers": 0,
        "output_layer": "mean_squared_error",
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "token_embedding_l2": 0.3,
        "mini_batch_size": 8,
        "epochs": 3,
    }
    return Object2VecConfig(**{**fields, **changes})


def fit(config, replicas=1, source=SOURCE):
    strategy = make_strategy(replicas, config.mini_batch_size)
    with strategy.scope():
        model = Object2Vec(config)
        counts = TokenCounts(config)
        table = load_pairs(source, config)
        counts.add(table)
        model.set_token_counts(counts.sides)
    batches = PairBatches(table, config, True, replicas)
    history = model.fit(
        batches.dataset(), epochs=config.epochs, shuffle=False, verbose=0
    )
    return model, history.history


def test_equals_the_formula():
    config = make_config(enc0_max_seq_len=4)
    model = Object2Vec(config)
    in0, in1 = (
        np.array([[3, 3, 5, 7, 9], [4, 0, 0, 0, 0]]),
        np.array([[1], [2]]),
    )
    tables = [table.embeddings.numpy() for table in model.token_embeddings]
    weights = np.array([2.0, 1.0], "float32")
    # The fifth id is beyond max_seq_len, id 0 is padding.
    squares = [(tables[0] ** 2).sum(1), (tables[1] ** 2).sum(1)]
    rows = [
        2 * squares[0][3] + squares[0][5] + squares[0][7] + squares[1][1],
        squares[0][4] + squares[1][2],
    ]
    expected = 0.3 * (2 * rows[0] + rows[1]) / 3
    actual = row_penalty(
        config, model.token_embeddings, {"in0": in0, "in1": in1}, weights
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_is_minimized_but_no_part_of_the_loss_told():
    shrunk, history = fit(make_config())
    free, free_history = fit(make_config(token_embedding_l2=0.0))
    norms = [
        np.linalg.norm(model.token_embeddings[0].embeddings[1:])
        for model in (shrunk, free)
    ]
    assert norms[0] < 0.9 * norms[1]
    assert history["loss"] == history["mean_squared_error"]
    np.testing.assert_allclose(history["loss"][0], free_history["loss"][0], 0.2)


@pytest.mark.parametrize(
    ("storage", "tied"),
    [
        ("row_sparse", True),
        pytest.param("row_sparse", False, marks=pytest.mark.slow),
        pytest.param("dense", True, marks=pytest.mark.slow),
        pytest.param("dense", False, marks=pytest.mark.slow),
    ],
)
def test_replicas_change_nothing(storage, tied):
    changes = {
        "token_embedding_storage_type": storage,
        "tied_token_embedding_weight": tied,
    }
    one, two = (fit(make_config(**changes), n)[0] for n in (1, 2))
    for first, second in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_frozen_table_is_left_out():
    config = make_config()
    model = Object2Vec(config)
    inputs = {"in0": np.array([[3]]), "in1": np.array([[4]])}
    model.token_embeddings[0].trainable = False
    penalty = row_penalty(config, model.token_embeddings, inputs, None)
    row = model.token_embeddings[1].embeddings[4]
    np.testing.assert_allclose(penalty, 0.3 * np.sum(row**2), rtol=1e-5)


KL = {"token_embedding_l2": 0.0, "token_embedding_kl": 0.5}


@pytest.mark.parametrize("case", ["plain", "weights", "negatives"])
def test_adds_the_divergence_of_every_row_once_an_epoch(case):
    source, config, columns = SOURCE, make_config(**KL), DEFAULT_COLUMNS
    if case == "weights":
        source = {**SOURCE, "weight": rng.uniform(0.1, 3, 13)}
        columns = PairColumns(weight="weight")
    elif case == "negatives":
        source = {**SOURCE, "label": np.ones(13)}
        config = config.replace(negative_sampling_rate=3)
    model = Object2Vec(config)
    # Which tokens of in1 are drawn is left to chance.
    model.token_embeddings[1].trainable = False
    table = load_pairs(source, config, columns=columns)
    counts = TokenCounts(config)
    counts.add(table)
    model.set_token_counts(counts.sides)
    batches = PairBatches(table, config, case == "negatives", 1).dataset()
    total = 0.0
    for batch in batches:
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
        rows = float(len(labels) if weights is None else sum(weights))
        total += rows * float(
            row_penalty(config, model.token_embeddings, inputs, weights)
        )
    layer = model.token_embeddings[0]
    ids = np.flatnonzero(counts.sides["in0"])[np.newaxis]
    layer.counts.embeddings.assign(np.ones((12, 1)))
    expected = 0.5 * float(layer.kl_divergence(ids, np.ones(1, "float32")))
    np.testing.assert_allclose(total, expected, rtol=1e-5)


def test_gaussian_tables_need_counts():
    config = make_config(**KL)
    batches = PairBatches(load_pairs(SOURCE, config), config, True, 1)
    with pytest.raises(ValueError, match="set_token_counts"):
        Object2Vec(config).fit(batches.dataset(), shuffle=False, verbose=0)


@pytest.mark.slow
def test_rows_of_many_examples_become_certain():
    frequent, rare = np.ones(60), np.arange(2, 12)
    source = {
        "in0": np.concatenate([frequent, rare]).astype(int)[:, np.newaxis],
        "in1": rng.integers(1, 12, (70, 1)),
        "label": rng.normal(size=70),
    }
    config = make_config(**KL, epochs=60, optimizer="adam", learning_rate=0.05)
    model, _ = fit(config, source=source)
    variances = model.token_embeddings[0].log_variances.embeddings.numpy()
    variances = np.exp(variances).sum(axis=1)
    assert variances[1] < 0.95 * variances[2:].min()


@pytest.mark.parametrize(
    ("name", "value"), [("token_embedding_l2", 0.1), ("weight_decay", 0.1)]
)
def test_gaussian_tables_refuse_other_penalties(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be 0 with"):
        make_config(**{**KL, name: value})


def test_a_table_of_ones_own_must_be_gaussian():
    encoder = PooledEmbedding(9, 4, 6)
    with pytest.raises(ValueError, match="GaussianEmbedding"):
        Object2Vec(encoder, PooledEmbedding(9, 4, 6), token_embedding_kl=1.0)
    tables = [GaussianEmbedding(9, 6) for _ in range(2)]
    own = [PooledEmbedding(9, 4, 6, token_embedding=t) for t in tables]
    assert Object2Vec(*own, token_embedding_kl=1.0).needs_counts
