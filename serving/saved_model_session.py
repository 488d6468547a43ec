"""A SavedModel behind TensorFlow's C++ session, which TF Serving runs."""

import contextlib
import functools
import importlib
import inspect
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow_serving.apis import input_pb2
from tensorflow_serving.apis import prediction_log_pb2

from o2v_keras.start_tensorflow import without_file_names
from serving.errors import invalid_argument
from serving.signature_step import SignatureStep

DEFAULT_SIGNATURE = "serving_default"

_WARMUP_REQUESTS = "assets.extra/tf_serving_warmup_requests"
_MAX_WARMUP_RECORDS = 1000
# What means something in a pattern of file names.
_PATTERN = re.compile(r"[*?\[\\]")
_MAX_CONTEXT_BYTES = 100_000_000

# Without the advice to use `tf.saved_model.load`, which does not make the
# C++ session that is wanted here.
_load_graph = inspect.unwrap(tf.compat.v1.saved_model.load)


class SignatureNames(NamedTuple):
    """Names of a signature's inputs, of those with defaults, and of outputs.

    As sets, since a message's map takes long to compare.
    """

    inputs: frozenset[str]
    defaults: frozenset[str]
    outputs: frozenset[str]


class SavedModelSession:
    """Runs the signatures of one SavedModel.

    The runtime is that of TF Serving, so shapes are not compared with the
    signature and errors read as the graph words them. Several threads may
    call `run` at once; it holds no lock while the graph runs.

    Args:
        path: Folder that holds `saved_model.pb`.

    Attributes:
        signature_defs: `SignatureDef` messages by signature name.
        names: `SignatureNames` by signature name.

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

    def __init__(self, path: str | os.PathLike[str]):
        self._path = pathlib.Path(path)
        self._session, graph = _load(os.fspath(path))
        self.signature_defs = dict(graph.signature_def)
        self.names = {
            name: SignatureNames(
                frozenset(signature.inputs),
                frozenset(signature.defaults),
                frozenset(signature.outputs),
            )
            for name, signature in self.signature_defs.items()
        }
        # An output filter makes a step of its own; only so many are kept.
        self._step = functools.lru_cache(maxsize=64)(self._make_step)

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Iterable[str] | None = None,
        timeout: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature_name: Name of the signature.
            inputs: Arrays by input name, of exactly the signature's dtypes;
                strings are object arrays of `bytes`. One that is left out
                takes the default that the export gave it.
            outputs: Names of the outputs to compute. Defaults to `None`: all.
            timeout: Seconds after which the graph is stopped, unless the
                request is small and its signature quick. Defaults to `None`:
                never.

        Returns:
            Arrays by output name.

        Raises:
            tf.errors.OpError: If a name or dtype is not the signature's, or
                the graph refuses the values or takes too long.
        """
        names = None if outputs is None else tuple(sorted(outputs))
        return self._step(signature_name, names).run(inputs, timeout)

    def text_inputs(self, signature_name: str) -> frozenset[str]:
        """Returns the names of a signature's inputs that are strings."""
        inputs = self._signature(signature_name).inputs.items()
        return frozenset(n for n, i in inputs if i.dtype == types_pb2.DT_STRING)

    def widest_vector(self) -> int:
        """Returns the last size of the widest output or variable, at least 1.

        One of a single dimension is no vector of a row, but a value for each.
        """
        shapes = [
            output.tensor_shape
            for signature in self.signature_defs.values()
            for output in signature.outputs.values()
        ]
        shapes += [
            operation.get_attr("shape")
            for operation in self._session.graph.get_operations()
            if operation.type == "VarHandleOp"
        ]
        sizes = [shape.dim[-1].size for shape in shapes if len(shape.dim) > 1]
        return max([1, *sizes])

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
                    raise invalid_argument(
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
        self._step.cache_clear()
        self._session.close()

    def _signature(self, name):
        if name not in self.signature_defs:
            raise tf.errors.FailedPreconditionError(
                None, None, f'Serving signature key "{name}" not found.'
            )
        return self.signature_defs[name]

    def _make_step(self, signature_name, outputs):
        signature = self._signature(signature_name)
        return SignatureStep(self._session, signature, outputs)

    def _replay(self, record):
        try:
            log = prediction_log_pb2.PredictionLog.FromString(record)
        except DecodeError:
            raise invalid_argument("Failed to parse warmup record") from None
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


def example_count(examples: input_pb2.Input) -> int:
    """Returns how many examples a classify or regress request has."""
    return len(_examples(examples))


def serialized_examples(examples: input_pb2.Input) -> np.ndarray:
    """Returns the examples of a classify or regress request.

    Args:
        examples: The request's `input`. Its context, if any, goes in front
            of every example.

    Returns:
        Object array of shape `[examples]` of serialized `tf.train.Example`s.

    Raises:
        tf.errors.InvalidArgumentError: If there is no example.
        tf.errors.ResourceExhaustedError: If the context is repeated to more
            than 100 MB.
    """
    found = _examples(examples)
    if not found:
        raise invalid_argument("Input is empty.")
    context = b""
    if examples.WhichOneof("kind") == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
    if len(context) * len(found) > _MAX_CONTEXT_BYTES:
        raise tf.errors.ResourceExhaustedError(
            None,
            None,
            f"The context of {len(context):,} bytes is too long to go in "
            f"front of each of {len(found):,} examples: at most "
            f"{_MAX_CONTEXT_BYTES:,} bytes in all",
        )
    # Two messages in a row read as their merger.
    texts = [context + example.SerializeToString() for example in found]
    return np.array(texts, object)


def _examples(examples):
    kind = examples.WhichOneof("kind")
    return getattr(examples, kind).examples if kind else ()


def _parse(name, proto):
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError):
        raise invalid_argument(f"tensor parsing error: {name}") from None


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
    with _plain_path(path) as plain:
        try:
            with session.graph.as_default(), without_file_names():
                graph = _load_graph(session, ["serve"], plain)
                _require_known_ops(graph.graph_def.library)
                return session, graph
        except Exception as error:
            session.close()
            reported = _runtime_error(error)
            message = reported.message.replace(plain, path)
            raise type(reported)(None, None, message) from None


def _require_known_ops(library):
    """Raises for ops within functions, which TensorFlow looks up as they run.

    An export of embeddings alone has the ops of its tokenizers there.
    """
    functions = {function.signature.name for function in library.function}
    for function in library.function:
        for node in function.node_def:
            known = node.op in functions or op_def_registry.get(node.op)
            if not known:
                raise tf.errors.NotFoundError(
                    None, None, f"Op type not registered '{node.op}'"
                )


@contextlib.contextmanager
def _plain_path(path):
    """A path that reads the same as a pattern, as TensorFlow takes it."""
    if not _PATTERN.search(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, "model")
        os.symlink(os.path.abspath(path), link)
        yield link


def _runtime_error(error) -> Any:
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
