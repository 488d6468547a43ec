import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras import optimizers


@pytest.mark.parametrize(
    "name", ["Adam", "Adagrad", "Adadelta", "RMSprop", "SGD"]
)
def test_occurrences_of_a_row_are_summed_first(name):
    tables = []
    for sparse in (True, False):
        table = keras.Variable(np.ones((3, 2), "float32"))
        optimizer = getattr(optimizers, f"Dense{name}")(0.1)
        for values in ([[1.0, 2.0], [2.0, 1.0]], [[0.5, -1.0], [2.0, 1.0]]):
            gradient = tf.IndexedSlices(
                tf.constant(values), tf.constant([1, 1]), table.shape
            )
            if not sparse:
                gradient = tf.convert_to_tensor(gradient)
            optimizer.apply([gradient], [table])
        tables.append(table.numpy())
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5)
    assert (tables[0][1] != 1).all()


def test_is_serializable():
    optimizer = optimizers.DenseRMSprop(0.25, rho=0.75)
    config = keras.optimizers.serialize(optimizer)
    revived = keras.optimizers.deserialize(config)
    assert type(revived) is optimizers.DenseRMSprop
    assert revived.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    "cls", [optimizers.DenseAdam, optimizers.RowSparseAdam]
)
def test_whole_variables_are_updated_by_one_operation(cls):
    kernel = keras.Variable(np.ones((3, 2), "float32"))
    optimizer = cls(0.1)
    optimizer.build([kernel])
    step = tf.function(lambda: optimizer.apply([tf.ones((3, 2))], [kernel]))
    operations = [
        operation.type
        for operation in step.get_concrete_function().graph.get_operations()
    ]
    assert operations.count("ResourceApplyAdam") == 1
    assert "Sqrt" not in operations
