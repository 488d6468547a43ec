"""Models that servers under test load from folders of their own."""

import tensorflow as tf

from tests.serving.tfs_cases.models import write_model


def write_adder(folder, offset):
    """Writes a model that adds a number, by which versions are told apart."""
    expr = {"op": "affine", "of": "x", "scale": 1.0, "offset": offset}
    signature = {
        "inputs": [{"name": "x", "dtype": "float", "shape": [-1]}],
        "outputs": [{"name": "y", "expr": expr}],
    }
    write_model(folder, {"serving_default": signature})


def write_gate(folder):
    """Writes a model whose `wait` ends only when somebody calls `open`.

    So a test decides how long a request takes, whatever the machine's speed.
    """
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        queue = tf.compat.v1.FIFOQueue(100, [tf.float32], [[]])
        waiting = tf.compat.v1.placeholder(tf.float32, [None], "waiting")
        opening = tf.compat.v1.placeholder(tf.float32, [None], "opening")
        waited = waiting + queue.dequeue()
        with tf.control_dependencies([queue.enqueue(tf.reduce_sum(opening))]):
            opened = tf.identity(opening)
        builder = tf.compat.v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                "serving_default": _signature(waiting, waited),
                "open": _signature(opening, opened),
            },
        )
        builder.save()


def write_spin(folder):
    """Writes a model that takes about a millisecond for every round asked."""
    spec = tf.TensorSpec([None], tf.float32, name="x")

    @tf.function(input_signature=[spec], autograph=False)
    def spin(x):
        def turn(count, matrix):
            return count + 1, tf.linalg.matmul(matrix, matrix) / 300

        count, matrix = tf.while_loop(
            lambda count, _: count < tf.reduce_max(x),
            turn,
            (tf.constant(0.0), tf.ones([300, 300])),
        )
        # The matrix stays one; unused, it would not be computed.
        return {"y": tf.fill(tf.shape(x), count * matrix[0, 0])}

    tf.saved_model.save(
        tf.Module(), str(folder), signatures={"serving_default": spin}
    )


def _signature(x, y):
    def info(tensor):
        return tf.compat.v1.saved_model.utils.build_tensor_info(tensor)

    return tf.compat.v1.saved_model.build_signature_def(
        {"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict"
    )
