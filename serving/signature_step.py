"""One signature of a loaded SavedModel, ready to run again and again."""

import math
import time
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.client import pywrap_tf_session

from serving.errors import invalid_argument

# A request of so few bytes to a signature that took less than this the last
# time is over before any deadline.
_SMALL_BYTES = 16_384
_QUICK_SECONDS = 0.05

_IN_CALLERS_THREAD = config_pb2.RunOptions(inter_op_thread_pool=-1)


class SignatureStep:
    """Feeds and fetches of a signature, looked up once.

    A small request to a quick signature runs in the thread that asks, which
    saves the handing over to TensorFlow's threads: half of the time that such
    a request takes. All others run in TensorFlow's threads and are stopped at
    their deadline.

    Args:
        session: The session that holds the graph.
        signature: The signature.
        outputs: Names of the outputs to compute; `None` means all. A choice
            of outputs is not stopped at its deadline: the session keeps what
            it compiles for a deadline until it is closed, and strangers could
            ask for every choice there is.

    Raises:
        tf.errors.OpError: If the graph lacks what the signature names.
    """

    def __init__(
        self,
        session: tf.compat.v1.Session,
        signature: meta_graph_pb2.SignatureDef,
        outputs: tuple[str, ...] | None = None,
    ):
        self._session = session
        self._inputs = {
            name: _Input(signature, name) for name in sorted(signature.inputs)
        }
        self._names = tuple(sorted(signature.outputs))
        self._has_all = outputs is None or set(outputs) == set(self._names)
        if outputs is not None and not self._has_all:
            self._names = outputs
        self._dtypes = [
            object
            if signature.outputs[n].dtype == types_pb2.DT_STRING
            else None
            for n in self._names
        ]
        # `Session.run` would compare shapes, cast int64 to int32 in silence
        # and reword errors. The methods are private: TensorFlow is pinned.
        fetches = [signature.outputs[name].name for name in self._names]
        self._callable = session._make_callable_from_options(
            config_pb2.CallableOptions(
                feed=[each.feed for each in self._inputs.values()],
                fetch=fetches,
                run_options=_IN_CALLERS_THREAD if self._has_all else None,
            )
        )
        self._feeds = self._ends(each.feed for each in self._inputs.values())
        self._fetches = self._ends(fetches)
        self._last_seconds = math.inf

    def run(
        self, inputs: Mapping[str, np.ndarray], timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Runs the signature; see `SavedModelSession.run`."""
        values = self._values(inputs)
        is_small = _is_small(values)
        start = time.monotonic()
        if not self._has_all or (
            is_small and self._last_seconds < _QUICK_SECONDS
        ):
            results = self._callable(*values)
        else:
            results = self._run_until(values, timeout)
        if is_small:
            self._last_seconds = time.monotonic() - start
        # A string of rank 0 comes as `bytes`, whose trailing zeros NumPy
        # would drop.
        return {
            name: np.asarray(result, dtype)
            for name, result, dtype in zip(
                self._names, results, self._dtypes, strict=True
            )
        }

    def _run_until(self, values, timeout):
        feeds = dict(zip(self._feeds, values, strict=True))
        if timeout is None:
            return self._session._call_tf_sessionrun(
                None, feeds, self._fetches, [], None
            )
        options = config_pb2.RunOptions(
            timeout_in_ms=max(1, math.ceil(timeout * 1e3))
        )
        buffer = pywrap_tf_session.TF_NewBufferFromString(
            options.SerializeToString()
        )
        try:
            return self._session._call_tf_sessionrun(
                buffer, feeds, self._fetches, [], None
            )
        finally:
            pywrap_tf_session.TF_DeleteBuffer(buffer)

    def _ends(self, names):
        graph = self._session.graph
        return [graph.get_tensor_by_name(n)._as_tf_output() for n in names]

    def _values(self, inputs):
        """Arrays in the order of the sorted names, defaults filled in."""
        values = []
        used = 0
        for position, (name, each) in enumerate(self._inputs.items()):
            if name in inputs:
                value = np.asarray(inputs[name])
                used += 1
            elif each.default is not None:
                value = each.default
            else:
                raise invalid_argument(
                    f"Signature input alias: {name}(feed name: {each.feed}) "
                    "not found in request and no default value provided. "
                    "Inputs expected to be in the request "
                    f"{{{','.join(sorted(inputs))}}}, or default input alias "
                    f"set: {','.join(self._defaults())}"
                )
            if value.dtype != each.array_dtype:
                _check_dtype(position, value, each.dtype)
            values.append(value)
        if used != len(inputs):
            given = sorted(inputs)
            known = [name for name in given if name in self._inputs]
            raise invalid_argument(
                "Inputs contains invalid name. Used request inputs: "
                f"{','.join(known)}, request input: {','.join(given)}"
            )
        return values

    def _defaults(self):
        return [n for n, i in self._inputs.items() if i.default is not None]


class _Input:
    """What a signature says of one of its inputs."""

    def __init__(self, signature, name):
        info = signature.inputs[name]
        self.feed = info.name
        self.dtype = info.dtype
        self.array_dtype = np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype)
        self.default = None
        if name in signature.defaults:
            self.default = tf.make_ndarray(signature.defaults[name])


def dtype_name(dtype: int) -> str:
    """Returns TensorFlow's name of a `DataType` value.

    Example:
    >>> dtype_name(tf.float32.as_datatype_enum)
    'float'
    """
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def _is_small(values):
    size = 0
    for value in values:
        size += value.nbytes
        if value.dtype == object and size <= _SMALL_BYTES:
            size += sum(map(len, value.flat))
    return size <= _SMALL_BYTES


def _check_dtype(position, value, expected):
    actual = tf.as_dtype(value.dtype).as_datatype_enum
    if actual != expected:
        raise invalid_argument(
            f"Expects arg[{position}] to be {dtype_name(expected)} but "
            f"{dtype_name(actual)} is provided"
        )
