"""Errors of answers: TensorFlow's own exceptions carry code and message."""

import tensorflow as tf
from tensorflow.core.protobuf import error_codes_pb2


def invalid_argument(message: str) -> tf.errors.InvalidArgumentError:
    """Makes the error of a request that is wrong in itself.

    Example:
    >>> code_name(invalid_argument("Missing ModelSpec"))
    'INVALID_ARGUMENT'
    """
    return tf.errors.InvalidArgumentError(None, None, message)


def unimplemented(message: str) -> tf.errors.UnimplementedError:
    """Makes the error of a request for what this server leaves out.

    Example:
    >>> unimplemented("MultiInference").message
    'MultiInference'
    """
    return tf.errors.UnimplementedError(None, None, message)


def code_name(error: tf.errors.OpError) -> str:
    """Returns the canonical name of an error's code."""
    return error_codes_pb2.Code.Name(error.error_code)
