import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.heads.similarity import PositiveSimilarity
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.models.graph import make_head
from o2v_keras.models.object2vec import Object2Vec

REGRESSION = {"output_layer": "mean_squared_error"}
BPR = {"output_layer": "bpr", "negative_sampling_rate": 1}


def make_config(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 1,
        "enc0_vocab_size": 9,
        "enc_dim": 4,
        "mlp_layers": 0,
        "comparator_list": "dot",
    }
    return Object2VecConfig(**{**fields, **changes})


def with_kernel(config, kernel):
    model = Object2Vec(config)
    head = model.get_layer("scores")
    head.set_weights([np.float32(kernel), *head.get_weights()[1:]])
    return model


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"comparator_list": "concat, cosine"},
        {**REGRESSION, "optimizer": "sgd", "learning_rate": 0.05},
        {**REGRESSION, "token_embedding_storage_type": "row_sparse"},
        {**BPR, "comparator_list": "cosine"},
        {"dtype_policy": "mixed_float16"},
    ],
    ids=["dot", "mixed", "sgd", "row_sparse", "bpr", "float16"],
)
def test_the_weight_of_a_similarity_stays_positive(changes):
    config = make_config(**{"learning_rate": 0.5, **changes})
    model = Object2Vec(config)
    assert similarity_sign(model) == 1
    # Rows that are alike, and yet labelled 0: the head wants a negative one.
    alike = np.ones((9, 4), "float32")
    for table in model.token_embeddings:
        table.embeddings.assign(alike)
        table.trainable = False
    model.compile()
    label = [1] * 8 if "negative_sampling_rate" in changes else [0] * 8
    rows = {"in0": np.arange(1, 9), "in1": np.arange(1, 9), "label": label}
    model.fit(load_dataset(rows, config), epochs=9, shuffle=False, verbose=0)
    assert similarity_sign(model) == 1


def test_a_weight_is_lifted_as_little_as_need_be():
    lift = PositiveSimilarity([1], least=1.0)
    kernel = np.array([[5.0, -5.0], [2.0, 0.0]], "float32")
    assert lift(kernel).numpy().tolist() == [[5.0, -5.0], [0.5, 1.5]]
    kernel[1] = 0.0, 3.0
    assert np.array_equal(lift(kernel), kernel)


@pytest.mark.parametrize(
    ("changes", "kernel", "sign"),
    [
        ({}, [[1.0, 0.5]], -1),
        (REGRESSION, [[-2.0]], -1),
        ({"comparator_list": "dot, cosine"}, [[1.0, 2.0], [2.0, 1.0]], 0),
        ({"comparator_list": "hadamard"}, -np.ones((4, 2)), 0),
        ({"num_classes": 3}, [[3.0, 2.0, 1.0]], 0),
    ],
)
def test_the_sign_of_a_head_is_known_where_it_has_one(changes, kernel, sign):
    assert similarity_sign(with_kernel(make_config(**changes), kernel)) == sign


@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_the_sign_goes_through_an_mlp(activation):
    layers = {"mlp_layers": 2, "mlp_dim": 3, "mlp_activation": activation}
    config = make_config(**layers)
    kernel = Object2Vec(config).get_layer("scores").get_weights()[0]
    signs = [similarity_sign(with_kernel(config, k)) for k in (kernel, -kernel)]
    assert signs == [1, -1]
    beside = make_config(**layers, comparator_list="dot, concat")
    known = activation == "linear"
    assert bool(similarity_sign(Object2Vec(beside))) == known


@pytest.mark.parametrize("name", ["hadamard", "concat", "abs_diff"])
def test_sagemakers_comparators_begin_and_learn_as_before(name):
    head = Object2Vec(make_config(comparator_list=name)).get_layer("scores")
    assert head.kernel_constraint is None
    assert type(head.kernel_initializer).__name__ == "GlorotUniform"


@pytest.mark.parametrize(
    ("changes", "labels", "weights", "expected"),
    [
        ({}, [1, 0, 0, 0], None, np.log([3, 1 / 3]) / 2),
        ({}, [1, 0, 0, 0], [3, 1, 0, 0], np.log([1 / 3, 3]) / 2),
        ({"negative_sampling_rate": 5}, [1, 1], None, np.log([5, 1 / 5]) / 2),
        ({}, [1, 1], None, np.log([1e-2, 1e2])),
        (REGRESSION, [3.0, 4.0], [1, 3], [3.75]),
        ({**REGRESSION, "negative_sampling_rate": 3}, [1, 1], None, [0.25]),
    ],
)
def test_the_bias_begins_where_it_is_right_on_average(
    changes, labels, weights, expected
):
    config = make_config(**changes)
    head, rate = make_head(config), config.negative_sampling_rate
    bias = head.first_bias(labels, weights, rate)
    np.testing.assert_allclose(bias, expected, rtol=1e-6)
    model = Object2Vec(config)
    assert not model.get_layer("scores").bias.numpy().any()
    model.initialize_bias(labels, weights)
    np.testing.assert_array_equal(model.get_layer("scores").bias, bias)


def test_heads_without_a_bias_have_none_to_begin():
    Object2Vec(make_config(**BPR)).initialize_bias([1, 1])
    model = Object2Vec(make_config(output_layer="in_batch_softmax"))
    model.initialize_bias([1, 1])
