import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras import optimizers
from o2v_keras.layers import table_rows
from o2v_keras.optimizers import WeightAverage

ROWS, WIDTH, STEPS = 7, 3, 40
AVERAGES = {
    "ema": WeightAverage("ema", decay=0.8),
    "ema_warming_up": WeightAverage("ema"),
    "tail": WeightAverage("tail", start_step=25),
}
each_average = pytest.mark.parametrize(
    "average", AVERAGES.values(), ids=AVERAGES
)


def shares(average):
    """The share of the average that each step keeps."""
    steps = np.arange(1, STEPS + 1)
    if average.kind == "ema":
        return np.minimum(average.decay, (1 - 1 / steps) ** 10)
    counts = np.maximum(steps - average.start_step, 1)
    return 1 - 1 / counts


@each_average
def test_many_steps_keep_what_each_keeps_of_the_other(average):
    share = shares(average)
    steps = np.arange(STEPS + 1)
    if average.kind == "ema":
        # The step in which the warmup ends does both.
        found = average.kept(steps[:-1], steps[1:]).numpy()
        ends = np.argmax(share == average.decay) if share[-1] < 1 else STEPS
        np.testing.assert_allclose(
            np.delete(found, ends), np.delete(share, ends)
        )
        share = found
    for first, last in [(0, 1), (0, 40), (3, 30), (26, 40), (30, 30)]:
        assert float(average.kept(first, last)) == pytest.approx(
            np.prod(share[first:last])
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "swa"}, "`kind` must be .*kind='swa'"),
        ({"kind": "ema", "decay": 1}, "`decay` must be .* below 1.*decay=1"),
    ],
    ids=["kind", "decay"],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightAverage(**arguments)


def test_a_tail_needs_its_start():
    with pytest.raises(ValueError, match="`start_step` must be set"):
        WeightAverage("tail").kept(0, 1)


def play(optimizer, variables, steps):
    """Updates some rows of a table and a matrix; yields the weights."""
    table, kernel = variables
    rng = np.random.default_rng(1)
    for _ in range(steps):
        ids = rng.integers(0, ROWS - 1, 2)  # the last row never
        values = rng.normal(size=(2, WIDTH)).astype("float32")
        gradient = tf.IndexedSlices(
            tf.constant(values), tf.constant(ids), table.shape
        )
        other = rng.normal(size=kernel.shape).astype("float32")
        optimizer.apply([gradient, tf.constant(other)], variables)
        yield [v.numpy() for v in variables]


def start():
    rng = np.random.default_rng(0)
    return [
        keras.Variable(rng.normal(size=size).astype("float32"))
        for size in ((ROWS, WIDTH), (WIDTH, 2))
    ]


@each_average
@pytest.mark.parametrize("storage", ["Dense", "RowSparse"])
@pytest.mark.parametrize(
    "name", ["Adam", "Adagrad", "Adadelta", "RMSprop", "SGD"]
)
def test_averages_are_those_of_the_weights_after_each_step(
    name, storage, average
):
    make = getattr(optimizers, f"{storage}{name}")
    variables = start()
    optimizer = make(0.1, average=average)
    averages = [0, 0]
    for share, weights in zip(
        average.kept(np.arange(STEPS), np.arange(1, STEPS + 1)).numpy(),
        play(optimizer, variables, STEPS),
        strict=True,
    ):
        pairs = zip(averages, weights, strict=True)
        averages = [share * a + (1 - share) * w for a, w in pairs]
    optimizer.settle_averages()
    optimizer.swap_averages()
    for variable, expected in zip(variables, averages, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(variables[0], weights[0])
    optimizer.swap_averages()
    for variable, last in zip(variables, weights, strict=True):
        np.testing.assert_array_equal(variable, last)


@pytest.mark.parametrize("storage", ["Dense", "RowSparse"])
def test_training_does_not_depend_on_averages(storage):
    make = getattr(optimizers, f"{storage}Adam")
    plain, averaged = start(), start()
    *_, expected = play(make(0.1), plain, 5)
    optimizer = make(0.1, average=AVERAGES["ema"])
    *_, first = play(optimizer, averaged, 5)
    for values, others in zip(first, expected, strict=True):
        np.testing.assert_array_equal(values, others)


@pytest.mark.parametrize("storage", ["Dense", "RowSparse"])
def test_large_tables_are_averaged_in_parts(storage, monkeypatch):
    def run():
        variables = start()
        make = getattr(optimizers, f"{storage}SGD")
        optimizer = make(0.1, average=AVERAGES["ema"])
        list(play(optimizer, variables, 9))
        optimizer.settle_averages()
        optimizer.swap_averages()
        return [v.numpy() for v in variables]

    expected = run()
    monkeypatch.setattr(table_rows, "_PART_BYTES", 2 * WIDTH * 4)
    for values, others in zip(run(), expected, strict=True):
        np.testing.assert_array_equal(values, others)


def test_averages_meet_constraints():
    variable = keras.Variable([1.0, 1.0])
    variable.constraint = keras.constraints.NonNeg()
    optimizer = optimizers.DenseSGD(1.0, average=WeightAverage("tail", 0.5, 0))
    optimizer.apply([tf.constant([3.0, 0.5])], [variable])
    optimizer.settle_averages()
    optimizer.swap_averages()
    np.testing.assert_array_equal(variable, [0.0, 0.5])


def test_a_step_reads_no_whole_table():
    """Its time does not depend on the table's size."""
    optimizer = optimizers.RowSparseAdam(0.1, average=AVERAGES["ema"])
    table = keras.Variable(np.ones((1000, 4), "float32"))

    @tf.function
    def step(values, ids):
        gradient = tf.IndexedSlices(values, ids, table.shape)
        optimizer.apply([gradient], [table])

    optimizer.build([table])
    graph = step.get_concrete_function(
        tf.TensorSpec((3, 4)), tf.TensorSpec((3,), tf.int32)
    ).graph
    operations = [
        op for g in (graph, *_functions(graph)) for op in g.get_operations()
    ]
    read = [
        op
        for op in operations
        if op.type == "ReadVariableOp" and op.outputs[0].shape[:1] == [1000]
    ]
    assert not read
    assert any(op.type == "ResourceScatterUpdate" for op in operations)


def _functions(graph):
    return [f.graph for f in graph._functions.values() if hasattr(f, "graph")]
