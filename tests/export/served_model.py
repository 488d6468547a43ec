"""An export behind the kind of session in which TF Serving runs it."""

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

ABSENT = np.zeros((0, 0), np.int64)


class ServedModel:
    """Answers requests from a SavedModel as the model server does.

    Unlike `session.run`, the callables compare no shape with the signature,
    exactly as the server.

    Args:
        folder: The export.
    """

    def __init__(self, folder):
        with tf.Graph().as_default():
            self._session = tf.compat.v1.Session()
            graph = tf.compat.v1.saved_model.load(
                self._session, ["serve"], str(folder)
            )
        self.signatures = dict(graph.signature_def)

    def __call__(self, signature, **inputs):
        """Returns the one output of a signature."""
        definition = self.signatures[signature]
        (output,) = definition.outputs.values()
        options = config_pb2.CallableOptions(
            feed=[definition.inputs[name].name for name in inputs],
            fetch=[output.name],
        )
        run = self._session._make_callable_from_options(options)
        return run(*(np.asarray(ids, np.int64) for ids in inputs.values()))[0]

    def embed(self, side, ids):
        """Returns embeddings of one side, the other being absent."""
        other = {"in0": "in1", "in1": "in0"}[side]
        inputs = {side: ids, other: ABSENT}
        return self("encoder_embeddings", **inputs)
