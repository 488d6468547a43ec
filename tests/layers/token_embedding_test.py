import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.token_embedding import TokenEmbedding
from tests.checks import check_layer


@pytest.mark.parametrize("gated", [False, True])
def test_layer_contract(gated):
    check_layer(
        TokenEmbedding,
        init_kwargs={
            "vocab_size": 7,
            "output_dim": 4,
            "embeddings_initializer": "normal",
            "gated": gated,
        },
        inputs=np.array([[1, 2, 0], [6, 1, 1]]),
        expected_output_shape=(2, 3, 4),
        expected_weights={
            "embeddings": (7, 4),
            **({"gate": ()} if gated else {}),
        },
    )


@pytest.mark.parametrize("combiner", [None, "mean"])
@pytest.mark.parametrize("gate", [0.0, 1.0])
def test_a_closed_gate_stops_gradients_and_nothing_else(gate, combiner):
    embedding = TokenEmbedding(9, 2, gated=True)
    ids = tf.constant([[4, 7, 0]])
    call = {"mask": ids != 0, "combiner": combiner}
    expected = embedding(ids, **call)
    embedding.gate.assign(gate)
    with tf.GradientTape() as tape:
        outputs = embedding(ids, **call, training=True)
    np.testing.assert_array_equal(outputs, expected)
    gradient = tape.gradient(outputs, embedding.embeddings.value)
    assert gradient is not None
    assert bool(np.any(gradient.values)) == bool(gate)


def test_looks_up_rows():
    embedding = TokenEmbedding(5, 3)
    ids = np.array([[4, 0], [2, 2]])
    outputs = embedding(ids)
    table = embedding.embeddings.numpy()
    assert not (table == 0).all(axis=-1).any()
    np.testing.assert_array_equal(outputs, table[ids])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_pooled_rows_are_means_of_real_tokens(dtype):
    embedding = TokenEmbedding(9, 3, dtype=dtype)
    ids = np.array([[4, 4, 0, 7], [0, 0, 0, 0], [0, 5, 0, 0]])
    outputs = embedding(ids, mask=ids != 0, combiner="mean")
    assert outputs.dtype == embedding.compute_dtype
    table = embedding.embeddings.numpy()
    expected = [(2 * table[4] + table[7]) / 3, np.zeros(3), table[5]]
    np.testing.assert_allclose(
        tf.cast(outputs, "float32"), expected, rtol=1e-2, atol=1e-6
    )
    if dtype == "float32":
        np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_sqrtn_divides_by_the_root_of_the_number_of_tokens():
    embedding = TokenEmbedding(9, 3)
    ids = np.array([[4, 4, 0, 7], [0, 0, 0, 0], [0, 5, 0, 0]])
    outputs = embedding(ids, mask=ids != 0, combiner="sqrtn")
    table = embedding.embeddings.numpy()
    expected = [(2 * table[4] + table[7]) / 3**0.5, np.zeros(3), table[5]]
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_gradient_of_pooled_rows_holds_each_id_once():
    embedding = TokenEmbedding(9, 2)
    ids = tf.constant([[4, 4, 0, 7], [0, 7, 0, 0]])
    weights = tf.constant([[3.0, 6.0], [1.0, 2.0]])
    with tf.GradientTape() as tape:
        outputs = embedding(ids, mask=ids != 0, combiner="mean")
        loss = tf.reduce_sum(outputs * weights)
    gradient = tape.gradient(loss, embedding.embeddings.value)
    assert sorted(gradient.indices.numpy()) == [4, 7]
    dense = tf.convert_to_tensor(gradient).numpy()
    np.testing.assert_allclose(dense[4], [2.0, 4.0])
    np.testing.assert_allclose(dense[7], [1.0 + 1.0, 2.0 + 2.0])


def test_keeps_keras_from_choosing_xla():
    # On a GPU `jit_compile="auto"` compiles every model that allows it.
    model = _tied_model("float32")
    with pytest.warns(UserWarning, match="jit_compile"):
        model.jit_compile = True
    assert not model.jit_compile


def test_initializes_the_table():
    outputs = TokenEmbedding(5, 3, "ones")(np.array([[4, 0]]))
    np.testing.assert_array_equal(outputs, np.ones((1, 2, 3)))


def test_attaches_no_mask():
    outputs = TokenEmbedding(5, 3)(np.array([[4, 0]]))
    assert getattr(outputs, "_keras_mask", None) is None


@pytest.mark.parametrize("bad_id", [5, -1])
def test_rejects_ids_outside_the_vocabulary(bad_id):
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in"):
        TokenEmbedding(5, 3)(np.array([[bad_id]]))


@pytest.mark.parametrize("argument", ["vocab_size", "output_dim"])
def test_rejects_invalid_size(argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer"):
        TokenEmbedding(**{"vocab_size": 5, "output_dim": 3, argument: 0})


@pytest.fixture(params=["one_device", "two_replicas"])
def strategy(request):
    if request.param == "one_device":
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def _tied_model(dtype):
    in0 = keras.Input((None,), dtype="int64", name="in0")
    in1 = keras.Input((None,), dtype="int64", name="in1")
    embedding = TokenEmbedding(50, 4, dtype=dtype, name="tokens")
    scores = keras.layers.Dot(axes=-1)(
        [embedding(in0)[:, 0], embedding(in1)[:, 0]]
    )
    return keras.Model([in0, in1], scores)


def _trace_training(model, strategy):
    """Returns the gradients and operations of a traced training step."""
    gradients = []
    ids = tf.constant([[1, 2], [3, 4]], "int64")

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.cast(model([ids, ids]), "float32") ** 2)
        gradients.extend(tape.gradient(loss, model.trainable_variables))

    traced = tf.function(lambda: strategy.run(step))
    graph = traced.get_concrete_function().graph
    return gradients, [op.type for op in graph.get_operations()]


@pytest.mark.parametrize("source", ["built", "loaded"])
@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_float16", "mixed_bfloat16"]
)
def test_training_gathers_and_never_reads_the_table(
    strategy, dtype, source, tmp_path
):
    with strategy.scope():
        model = _tied_model(dtype)
        if source == "loaded":
            model.save(tmp_path / "model.keras")
            model = keras.saving.load_model(tmp_path / "model.keras")
    gradients, operations = _trace_training(model, strategy)
    assert operations.count("ResourceGather") == (
        2 * strategy.num_replicas_in_sync
    )
    assert "ReadVariableOp" not in operations
    assert len(gradients) == strategy.num_replicas_in_sync
    for gradient in gradients:
        assert isinstance(gradient, tf.IndexedSlices)
        assert gradient.dtype == "float32"


def test_replicas_train_the_table_like_one_device():
    ids = np.arange(16).reshape(8, 2)
    tables = []
    for strategy in (
        tf.distribute.get_strategy(),
        tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]),
    ):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            model = _tied_model("float32")
            model.compile(keras.optimizers.SGD(1.0), loss="mse")
        before = model.get_weights()[0]
        dataset = tf.data.Dataset.from_tensor_slices(
            ((ids, ids[::-1]), np.ones(8, "float32"))
        )
        model.fit(dataset.batch(4), epochs=2, shuffle=False, verbose=0)
        tables.append(model.get_weights()[0])
        assert not np.allclose(tables[-1], before)
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-6, atol=1e-7)


def test_each_replica_gathers_from_its_own_copy():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        embedding = TokenEmbedding(2, 1)
        embedding.build((None, None))
    for number, copy in enumerate(embedding.embeddings.value.values):
        copy.assign(tf.fill(copy.shape, float(number)))

    @tf.function
    def lookup():
        return strategy.run(embedding, args=(tf.constant([[1]]),))

    outputs = strategy.experimental_local_results(lookup())
    np.testing.assert_array_equal(tf.concat(outputs, axis=0), [[[0]], [[1]]])


def test_model_of_a_strategy_answers_outside_of_it():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = _tied_model("float32")
    ids = np.array([[1, 2]])
    row = model.get_weights()[0][1]
    np.testing.assert_allclose(model([ids, ids]), [[row @ row]], rtol=1e-6)
    gradients, operations = _trace_training(model, tf.distribute.get_strategy())
    assert "ReadVariableOp" not in operations


def test_a_fixed_table_stays_so_when_layers_above_are_unfrozen():
    embedding = TokenEmbedding(5, 3, fixed=True)
    model = keras.Sequential([keras.Input((None,), dtype="int64"), embedding])
    model.trainable = False
    model.trainable = True
    assert not model.trainable_weights
    assert len(model.non_trainable_weights) == 1
