"""An export behind the kind of session in which TF Serving runs it."""

import functools

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
        self._callable = functools.cache(self._make_callable)

    def __call__(self, signature, **inputs):
        """Returns the one output of a signature."""
        definition = self.signatures[signature]
        (output,) = definition.outputs.values()
        run = self._callable(
            tuple(definition.inputs[name].name for name in inputs), output.name
        )
        return run(
            *(
                _array(definition.inputs[name], values)
                for name, values in inputs.items()
            )
        )[0]

    def _make_callable(self, feed, fetch):
        options = config_pb2.CallableOptions(feed=feed, fetch=[fetch])
        return self._session._make_callable_from_options(options)

    def embed(self, side, rows):
        """Returns embeddings of one side, the other being absent."""
        other = {"in0": "in1", "in1": "in0"}[side]
        info = self.signatures["encoder_embeddings"].inputs[other]
        absent = [] if info.dtype == tf.string.as_datatype_enum else ABSENT
        return self("encoder_embeddings", **{side: rows, other: absent})


def _array(info, values):
    is_text = info.dtype == tf.string.as_datatype_enum
    return np.asarray(values, object if is_text else np.int64)
