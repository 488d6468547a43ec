import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras import optimizers

CLIPPING = [{"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 0.5}]


@pytest.mark.parametrize("clipping", CLIPPING, ids=lambda c: next(iter(c)))
@pytest.mark.parametrize(
    "name", ["DenseSGD", "DenseAdam", "RowSparseSGD", "RowSparseAdam"]
)
def test_occurrences_of_a_row_are_clipped_as_their_sum(name, clipping):
    sparse = tf.IndexedSlices(
        tf.constant([[3.0, 0.0], [-3.0, 4.0]]), tf.constant([1, 1]), (3, 2)
    )
    after = []
    for gradient in (sparse, tf.convert_to_tensor(sparse)):
        table = keras.Variable(np.ones((3, 2), "float32"))
        kernel = keras.Variable(np.ones(2, "float32"))
        optimizer = getattr(optimizers, name)(0.1, **clipping)
        optimizer.apply([gradient, tf.constant([2.0, 1.0])], [table, kernel])
        after.append((table.numpy()[1], kernel.numpy()))
    np.testing.assert_allclose(after[0][0], after[1][0], rtol=1e-5)
    np.testing.assert_allclose(after[0][1], after[1][1], rtol=1e-5)
