"""A SavedModel behind TensorFlow's C++ session, which TF Serving runs."""

import contextlib
import functools
import importlib
import inspect
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow_serving.apis import input_pb2
from tensorflow_serving.apis import prediction_log_pb2

DEFAULT_SIGNATURE = "serving_default"

_WARMUP_REQUESTS = "assets.extra/tf_serving_warmup_requests"
_MAX_WARMUP_RECORDS = 1000

# Without the advice to use `tf.saved_model.load`, which does not make the
# C++ session that is wanted here.
_load_graph = inspect.unwrap(tf.compat.v1.saved_model.load)


class SavedModelSession:
    """Runs the signatures of one SavedModel.

    The runtime is that of TF Serving, so shapes are not compared with the
    signature and errors read as the graph words them. Several threads may
    call `run` at once; it holds no lock while the graph runs.

    Args:
        path: Folder that holds `saved_model.pb`.

    Attributes:
        signature_defs: `SignatureDef` messages by signature name.

    Raises:
        tf.errors.OpError: If there is no such model, or it cannot be loaded.

    Example:
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> spec = tf.TensorSpec([None], tf.int64, name="x")
    >>> double = tf.function(lambda x: {"y": 2 * x}, input_signature=[spec])
    >>> tf.saved_model.save(
    ...     tf.Module(), folder, signatures={"serving_default": double}
    ... )
    >>> session = SavedModelSession(folder)
    >>> session.run("serving_default", {"x": np.array([1, 2])})["y"].tolist()
    [2, 4]
    >>> session.close()
    """

    def __init__(self, path: str | os.PathLike):
        self._path = pathlib.Path(path)
        self._session, graph = _load(os.fspath(path))
        self.signature_defs = dict(graph.signature_def)
        # An output filter makes callables of its own; only so many are kept.
        self._callable = functools.lru_cache(maxsize=64)(self._make_callable)

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Iterable[str] | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature_name: Name of the signature.
            inputs: Arrays by input name, of exactly the signature's dtypes;
                strings are object arrays of `bytes`. One that is left out
                takes the default that the export gave it.
            outputs: Names of the outputs to compute. Defaults to `None`: all.

        Returns:
            Arrays by output name.

        Raises:
            tf.errors.OpError: If a name or dtype is not the signature's, or
                the graph refuses the values.
        """
        signature = self._signature(signature_name)
        values = _input_values(signature, inputs)
        names = tuple(sorted(signature.outputs if outputs is None else outputs))
        results = self._callable(signature_name, names)(*values)
        return {
            name: _as_array(result, signature.outputs[name].dtype)
            for name, result in zip(names, results, strict=True)
        }

    def text_inputs(self, signature_name: str) -> frozenset[str]:
        """Returns the names of a signature's inputs that are strings."""
        inputs = self._signature(signature_name).inputs.items()
        return frozenset(n for n, i in inputs if i.dtype == types_pb2.DT_STRING)

    def replay_warmup(self) -> int:
        """Runs the export's warm-up requests; returns how many there are.

        Raises:
            tf.errors.OpError: If a record is not a request to this model or
                fails, or there are more than 1,000; as in TF Serving, which
                then does not serve the model.
        """
        file = self._path / _WARMUP_REQUESTS
        if not file.exists():
            return 0
        count = 0
        try:
            for record in tf.data.TFRecordDataset(os.fspath(file)):
                self._replay(record.numpy())
                count += 1
                if count > _MAX_WARMUP_RECORDS:
                    raise _invalid(
                        "Number of warmup records exceeds the maximum "
                        f"({_MAX_WARMUP_RECORDS}) at {file}"
                    )
        except tf.errors.DataLossError as error:
            message = (
                f"{error.message}. Please verify your warmup data is in "
                "TFRecord format."
            )
            raise tf.errors.DataLossError(None, None, message) from None
        return count

    def close(self):
        """Frees the model; `run` must not be called any more."""
        self._callable.cache_clear()
        self._session.close()

    def _signature(self, name):
        if name not in self.signature_defs:
            raise tf.errors.FailedPreconditionError(
                None, None, f'Serving signature key "{name}" not found.'
            )
        return self.signature_defs[name]

    def _make_callable(self, signature_name, outputs):
        # `Session.run` would compare shapes, cast int64 to int32 in silence
        # and reword errors. The method is private: TensorFlow is pinned.
        signature = self.signature_defs[signature_name]
        return self._session._make_callable_from_options(
            config_pb2.CallableOptions(
                feed=[
                    signature.inputs[k].name for k in sorted(signature.inputs)
                ],
                fetch=[signature.outputs[name].name for name in outputs],
            )
        )

    def _replay(self, record):
        try:
            log = prediction_log_pb2.PredictionLog.FromString(record)
        except DecodeError:
            raise _invalid("Failed to parse warmup record") from None
        kind = log.WhichOneof("log_type")
        if kind not in ("predict_log", "classify_log", "regress_log"):
            raise tf.errors.UnimplementedError(
                None, None, f"Unsupported log_type for warmup: {kind}"
            )
        request = getattr(log, kind).request
        if kind == "predict_log":
            inputs = {k: _parse(k, v) for k, v in request.inputs.items()}
        else:
            inputs = {"inputs": serialized_examples(request.input)}
        # The model's name is whatever the exporter called it.
        self.run(request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs)


def serialized_examples(examples: input_pb2.Input) -> np.ndarray:
    """Returns the examples of a classify or regress request.

    Args:
        examples: The request's `input`. Its context, if any, goes in front
            of every example.

    Returns:
        Object array of shape `[examples]` of serialized `tf.train.Example`s.

    Raises:
        tf.errors.InvalidArgumentError: If there is no example.
    """
    kind = examples.WhichOneof("kind")
    found = list(getattr(examples, kind).examples) if kind else []
    if not found:
        raise _invalid("Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
    # Two messages in a row read as their merger.
    texts = [context + example.SerializeToString() for example in found]
    return np.array(texts, object)


def dtype_name(dtype: int) -> str:
    """Returns TensorFlow's name of a `DataType` value.

    Example:
    >>> dtype_name(tf.float32.as_datatype_enum)
    'float'
    """
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def _parse(name, proto):
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError):
        raise _invalid(f"tensor parsing error: {name}") from None


def _load(path):
    try:
        return _load_session(path)
    except tf.errors.NotFoundError as error:
        if "Op type not registered" not in error.message:
            raise
        # The model server carries the ops of TF Text; here they come with
        # the package, which takes a second to import.
        try:
            importlib.import_module("tensorflow_text")
        except ImportError:
            message = (
                f"{error.message}\nIf it is an op of TensorFlow Text, as "
                "exports that take texts have, install the package "
                "tensorflow-text. Programs of your own import tensorflow_text "
                "before they call tf.saved_model.load."
            )
            raise tf.errors.NotFoundError(None, None, message) from None
        return _load_session(path)


def _load_session(path):
    if not tf.saved_model.contains_saved_model(path):
        raise tf.errors.NotFoundError(
            None,
            None,
            "Could not find SavedModel .pb or .pbtxt at supplied export "
            f"directory path: {path}. Check that the directory exists and "
            "that you have the right permissions for accessing it.",
        )
    session = tf.compat.v1.Session(graph=tf.Graph())
    try:
        with session.graph.as_default(), _without_remarks():
            return session, _load_graph(session, ["serve"], path)
    except Exception as error:
        session.close()
        raise _runtime_error(error) from None


@contextlib.contextmanager
def _without_remarks():
    """Keeps TensorFlow from naming the files that it restores."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        yield
    finally:
        logger.setLevel(level)


def _runtime_error(error):
    """What TensorFlow's C++ loader would have reported."""
    # The Python session words errors anew and keeps the original beneath.
    for candidate in (error.__context__, error):
        if isinstance(candidate, tf.errors.OpError):
            return candidate
    if isinstance(error, RuntimeError):
        return tf.errors.NotFoundError(
            None,
            None,
            "Could not find meta graph def matching supplied tags: { serve }.",
        )
    return tf.errors.DataLossError(None, None, str(error))


def _input_values(signature, inputs):
    """Arrays in the order of the sorted names, defaults filled in."""
    given, defaults = sorted(inputs), signature.defaults
    values = []
    for position, name in enumerate(sorted(signature.inputs)):
        info = signature.inputs[name]
        if name in inputs:
            value = np.asarray(inputs[name])
        elif name in defaults:
            value = tf.make_ndarray(defaults[name])
        else:
            raise _invalid(
                f"Signature input alias: {name}(feed name: {info.name}) not "
                "found in request and no default value provided. Inputs "
                f"expected to be in the request {{{','.join(given)}}}, or "
                f"default input alias set: {','.join(sorted(defaults))}"
            )
        _check_dtype(position, value, info.dtype)
        values.append(value)
    used = [name for name in given if name in signature.inputs]
    if used != given:
        raise _invalid(
            "Inputs contains invalid name. Used request inputs: "
            f"{','.join(used)}, request input: {','.join(given)}"
        )
    return values


def _check_dtype(position, value, expected):
    actual = tf.as_dtype(value.dtype).as_datatype_enum
    if actual != expected:
        raise _invalid(
            f"Expects arg[{position}] to be {dtype_name(expected)} but "
            f"{dtype_name(actual)} is provided"
        )


def _as_array(result, dtype):
    # A string of rank 0 comes as `bytes`, whose trailing zeros NumPy drops.
    return np.asarray(result, object if dtype == types_pb2.DT_STRING else None)


def _invalid(message):
    return tf.errors.InvalidArgumentError(None, None, message)
