import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.optimizers import RowSparseAdadelta
from o2v_keras.optimizers import RowSparseAdagrad
from o2v_keras.optimizers import RowSparseAdam
from o2v_keras.optimizers import RowSparseLossScale
from o2v_keras.optimizers import RowSparseRMSprop
from o2v_keras.optimizers import RowSparseSGD
from o2v_keras.optimizers import RowSparseUpdates
from tests.graphs import lengths

optimizers = keras.optimizers
FORMS = {
    "adam": (RowSparseAdam, optimizers.Adam, {}),
    "amsgrad": (RowSparseAdam, optimizers.Adam, {"amsgrad": True}),
    "adagrad": (RowSparseAdagrad, optimizers.Adagrad, {}),
    "adadelta": (RowSparseAdadelta, optimizers.Adadelta, {}),
    "rmsprop": (RowSparseRMSprop, optimizers.RMSprop, {}),
    "rmsprop_centered": (
        RowSparseRMSprop,
        optimizers.RMSprop,
        {"centered": True, "momentum": 0.8},
    ),
    "sgd": (RowSparseSGD, optimizers.SGD, {}),
    "sgd_momentum": (
        RowSparseSGD,
        optimizers.SGD,
        {"momentum": 0.8, "nesterov": True},
    ),
}
ROWS, WIDTH = 7, 3
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def start(rows=ROWS):
    rng = np.random.default_rng(0)
    table = keras.Variable(rng.normal(size=(rows, WIDTH)).astype("float32"))
    kernel = keras.Variable(rng.normal(size=(WIDTH, 2)).astype("float32"))
    return table, kernel


def play(optimizer, variables, ids, steps=4, sparse=True):
    """Applies gradients of a table's rows and of a dense matrix."""
    table, kernel = variables
    rng = np.random.default_rng(1)
    for _ in range(steps):
        values = rng.normal(size=(len(ids), WIDTH)).astype("float32")
        gradient = tf.IndexedSlices(
            tf.constant(values), tf.constant(ids), table.shape
        )
        if not sparse:
            gradient = tf.convert_to_tensor(gradient)
        other = rng.normal(size=kernel.shape).astype("float32")
        optimizer.apply([gradient, tf.constant(other)], variables)


@each_form
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="plain"),
        pytest.param({"weight_decay": 0.1}, id="weight_decay"),
        pytest.param({"clipnorm": 0.5}, id="clipnorm"),
        pytest.param({"global_clipnorm": 0.5}, id="global_clipnorm"),
        pytest.param({"clipvalue": 0.3}, id="clipvalue"),
    ],
)
def test_is_the_dense_optimizer_where_every_row_is_touched(form, settings):
    sparse, dense, arguments = form
    ids = [*range(ROWS), 3, 3, 0]
    results = []
    for make in (sparse, dense):
        variables = start()
        optimizer = make(0.1, **arguments, **settings)
        play(optimizer, variables, ids, sparse=make is sparse)
        results.append([*variables, *optimizer.variables])
    assert len(results[0]) == len(results[1])
    for variable, expected in zip(*results, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=2e-5, atol=1e-6)
    assert not np.allclose(results[0][0], start()[0], atol=1e-4)


@each_form
def test_leaves_untouched_rows_and_their_slots_alone(form):
    sparse, _, arguments = form
    table, kernel = start()
    optimizer = sparse(0.1, weight_decay=0.1, row_l2=0.1, **arguments)
    optimizer.build([table, kernel])
    of_rows = [
        variable
        for variable in (table, *optimizer.variables)
        if tuple(variable.shape) == (ROWS, WIDTH)
    ]
    before = [np.array(variable) for variable in of_rows]
    play(optimizer, [table, kernel], ids=[2, 5, 2])
    for variable, old in zip(of_rows, before, strict=True):
        moved = (np.asarray(variable) != old).any(axis=1)
        assert moved.nonzero()[0].tolist() == [2, 5]


def test_l2_is_added_to_touched_rows_once():
    table, kernel = start()
    expected = np.array(table)
    gradient = tf.IndexedSlices(
        tf.ones((3, WIDTH)), tf.constant([4, 1, 4]), table.shape
    )
    RowSparseSGD(0.5, row_l2=0.2).apply([gradient], [table])
    expected[1] -= 0.5 * (1 + 0.2 * expected[1])
    expected[4] -= 0.5 * (2 + 0.2 * expected[4])
    np.testing.assert_allclose(table, expected, rtol=1e-6)


def test_mixin_makes_any_keras_optimizer_row_sparse():
    class RowSparseLion(RowSparseUpdates, optimizers.Lion):
        pass

    table, kernel = start()
    before = np.array(table)
    play(RowSparseLion(0.1), [table, kernel], ids=[6, 1])
    moved = (np.asarray(table) != before).any(axis=1)
    assert moved.nonzero()[0].tolist() == [1, 6]


@pytest.mark.parametrize("name", ["Adafactor", "Ftrl", "Lamb", "Muon"])
def test_refuses_formulas_that_need_the_whole_table(name):
    base = getattr(optimizers, name)
    cls = type(f"RowSparse{name}", (RowSparseUpdates, base), {})
    with pytest.raises(TypeError, match=f"Received: RowSparse{name}"):
        cls(0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_ema": True}, "`use_ema` must not be set"),
        ({"gradient_accumulation_steps": 2}, "`gradient_accumulation_steps`"),
        ({"loss_scale_factor": 2.0}, "wrap .* in RowSparseLossScale"),
        ({"row_l2": -1.0}, "`row_l2` must be at least 0. Received"),
    ],
)
def test_refuses_what_would_touch_whole_tables(settings, message):
    with pytest.raises(ValueError, match=message):
        RowSparseAdam(0.1, **settings)


# Found in no other shape of the graphs below.
VOCABULARY = 977


def make_model(dtype):
    in0, in1 = (keras.Input((None,), dtype="int64") for _ in range(2))
    tokens = TokenEmbedding(VOCABULARY, 4, dtype=dtype, name="tokens")
    encodings = [tokens(ids)[:, 0] for ids in (in0, in1)]
    scores = keras.layers.Dense(1, dtype="float32")(
        keras.layers.Concatenate()(encodings)
    )
    return keras.Model([in0, in1], scores)


def make_optimizer(settings, scaled):
    optimizer = RowSparseAdam(0.1, row_l2=0.1, **settings)
    return RowSparseLossScale(optimizer) if scaled else optimizer


@pytest.fixture(params=["one_device", "two_replicas"])
def strategy(request):
    if request.param == "one_device":
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.mark.parametrize(
    ("settings", "dtype"),
    [
        pytest.param({}, "float32", id="plain"),
        pytest.param({"weight_decay": 0.0}, "float32", id="no_decay"),
        pytest.param({"weight_decay": 0.1}, "float32", id="decay"),
        pytest.param({"clipnorm": 1.0}, "float32", id="clipnorm"),
        pytest.param({"global_clipnorm": 1.0}, "float32", id="global"),
        pytest.param({"clipvalue": 1.0}, "float32", id="clipvalue"),
        pytest.param({}, "mixed_bfloat16", id="bfloat16"),
        pytest.param({}, "mixed_float16", id="float16"),
    ],
)
def test_no_tensor_of_a_step_is_as_long_as_the_table(strategy, settings, dtype):
    with strategy.scope():
        model = make_model(dtype)
        optimizer = make_optimizer(settings, scaled=dtype == "mixed_float16")
        model.compile(optimizer, "mse", jit_compile=False)
        optimizer.build(model.trainable_variables)
    ids = tf.constant([[1, 2], [3, 1]], "int64")

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model([ids, ids]) ** 2)
            loss = optimizer.scale_loss(loss)
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    traced = tf.function(lambda: strategy.run(step)).get_concrete_function()
    assert VOCABULARY not in lengths(traced.graph)
    operations = [op.type for op in traced.graph.get_operations()]
    if dtype == "float32" and not settings.get("weight_decay"):
        assert operations.count("ResourceScatterUpdate") == (
            3 * strategy.num_replicas_in_sync
        )


@pytest.mark.parametrize("cls", [RowSparseAdam, RowSparseSGD])
def test_saved_model_goes_on_as_the_original(cls, tmp_path):
    model = make_model("float32")
    model.compile(cls(0.1, row_l2=0.3, global_clipnorm=2.0), "mse")
    ids = np.array([[1, 2], [3, 1]])
    labels = np.array([0.0, 1.0])
    model.train_on_batch([ids, ids], labels)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    assert revived.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, revived):
        each.train_on_batch([ids, ids], labels)
    for one, other in zip(model.weights, revived.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_loss_scaling_skips_gradients_that_are_not_finite():
    table, _ = start()
    optimizer = RowSparseLossScale(RowSparseSGD(1.0), initial_scale=8.0)
    before = np.array(table)
    for value in (np.inf, np.nan):
        gradient = tf.IndexedSlices(
            tf.fill((1, WIDTH), value), tf.constant([2]), table.shape
        )
        optimizer.apply([gradient], [table])
    np.testing.assert_array_equal(table, before)
    assert float(optimizer.dynamic_scale) == 2.0
    gradient = tf.IndexedSlices(
        tf.fill((1, WIDTH), 2.0), tf.constant([2]), table.shape
    )
    optimizer.apply([gradient], [table])
    np.testing.assert_allclose(table[2], before[2] - 1.0, rtol=1e-6)
