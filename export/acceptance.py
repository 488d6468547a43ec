"""The acceptance test of an export, a script that runs without this project.

    python -P acceptance.py FOLDER CASES.json

Exits with status 0 if the export gives the expected answer to every case, in
a C++ session like TF Serving's and by `tf.saved_model.load`; otherwise prints
the first difference. The script blocks imports of this project, because an
export must work without it.
"""

import base64
import contextlib
import importlib
import importlib.abc
import json
import os
import pathlib
import sys
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

_INIT_OP = "__saved_model_init_op"

Run = Callable[[str, dict[str, np.ndarray]], dict[str, np.ndarray]]


class Refusal(Exception):
    """The reason why an export is not accepted."""


class AbsentPackages(importlib.abc.MetaPathFinder):
    """Blocks imports of packages that a model server does not have.

    Args:
        *names: Names of the packages.

    Example:
    >>> AbsentPackages("o2v_keras").find_spec("o2v_keras.layers")
    Traceback (most recent call last):
    ModuleNotFoundError: a server has no o2v_keras.layers
    """

    def __init__(self, *names: str):
        self.names = names

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"a server has no {fullname}")


def main(arguments: list[str]) -> int:
    """Checks the export of a command line; returns the exit status."""
    sys.meta_path.insert(0, AbsentPackages("o2v_keras", "export"))
    tf.get_logger().setLevel("ERROR")
    folder, file = arguments
    cases = json.loads(pathlib.Path(file).read_text())
    # TensorFlow's session treats a path to variables as a glob pattern; inside
    # the folder the path has no special characters.
    os.chdir(folder)
    try:
        check_export(".", cases)
    except Refusal as refusal:
        print(refusal)
        return 1
    return 0


def check_export(folder: str | os.PathLike[str], cases: list[dict[str, Any]]):
    """Runs all cases and warm-up requests in both runtimes.

    Args:
        folder: The export.
        cases: Result of `acceptance_cases`.

    Raises:
        Refusal: If the signatures are not those of the cases, or an answer
            differs from the expected one.
    """
    folder = os.fspath(folder)
    signatures = read_signatures(folder)
    if any(map(_takes_text, signatures.values())):
        # Model servers have these ops built in; Python needs a package.
        importlib.import_module("tensorflow_text")
    expected = {case["signature"] for case in cases}
    if signatures.keys() != expected:
        raise Refusal(
            f"signatures are {sorted(signatures)}, not {sorted(expected)}"
        )
    warmup = list(_warmup_requests(folder))
    # One after the other: each holds all variables of the model.
    for way, load in (("C++ session", _session), ("Python", _python)):
        with load(folder, signatures) as run:
            for case in cases:
                _check_case(run, case, signatures[case["signature"]], way)
            for signature, inputs in warmup:
                _answer(run, signature, inputs, f"{way}, warm-up")


def read_signatures(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns an export's `SignatureDef` messages by name."""
    file = pathlib.Path(folder) / "saved_model.pb"
    graphs = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    signatures = dict(graphs.meta_graphs[0].signature_def)
    signatures.pop(_INIT_OP, None)
    return signatures


@contextlib.contextmanager
def _session(folder, signatures) -> Iterator[Run]:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.saved_model.load(session, ["serve"], folder)

        def run(name, inputs):
            signature = signatures[name]
            fetches = {k: info.name for k, info in signature.outputs.items()}
            inputs = _with_defaults(inputs, signature)
            feeds = {signature.inputs[k].name: v for k, v in inputs.items()}
            return session.run(fetches, feeds)

        yield run


@contextlib.contextmanager
def _python(folder, signatures) -> Iterator[Run]:
    loaded = tf.saved_model.load(folder)

    def run(name, inputs):
        inputs = _with_defaults(inputs, signatures[name])
        tensors = {k: tf.constant(v) for k, v in inputs.items()}
        outputs = loaded.signatures[name](**tensors)
        return {k: v.numpy() for k, v in outputs.items()}

    yield run


def _with_defaults(inputs, signature):
    """Adds a signature's defaults to a request, like the server."""
    defaults = signature.defaults.items()
    return {**{k: tf.make_ndarray(v) for k, v in defaults}, **inputs}


def _warmup_requests(folder):
    file = os.path.join(folder, "assets.extra", "tf_serving_warmup_requests")
    for record in tf.data.TFRecordDataset(file).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        request = log.predict_log.request
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        yield request.model_spec.signature_name, inputs


def _takes_text(signature):
    inputs = signature.inputs.values()
    return any(info.dtype == tf.string.as_datatype_enum for info in inputs)


def _check_case(run, case, signature, way):
    inputs = {
        name: _array(values, signature.inputs[name].dtype)
        for name, values in case["inputs"].items()
    }
    shapes = ", ".join(f"{k} {list(v.shape)}" for k, v in inputs.items())
    where = f"{way}, {case['signature']} of {shapes or 'nothing'}"
    if "error" in case:
        _check_error(run, case, inputs, where)
        return
    outputs = _answer(run, case["signature"], inputs, where)
    if outputs.keys() != case["outputs"].keys():
        raise Refusal(f"{where}: outputs are {sorted(outputs)}")
    for name, expected in case["outputs"].items():
        _check_output(outputs[name], expected, case["tolerance"], where, name)


def _array(values, dtype):
    if dtype == tf.string.as_datatype_enum:
        return np.array([base64.b64decode(v["b64"]) for v in values], object)
    return np.array(values, np.int64)


def _check_output(actual, expected, tolerance, where, name):
    expected = np.array(expected, np.float32)
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        raise Refusal(
            f"{where}: {name} is {actual.dtype} {list(actual.shape)}, not "
            f"{expected.dtype} {list(expected.shape)}"
        )
    if not np.isfinite(actual).all():
        raise Refusal(f"{where}: {name} holds NaN or infinity")
    if not np.allclose(actual, expected, 0, tolerance):
        difference = np.max(np.abs(actual - expected))
        raise Refusal(
            f"{where}: {name} differs from the Keras model's by "
            f"{difference:.3g}, more than {tolerance:.3g}"
        )


def _check_error(run, case, inputs, where):
    try:
        run(case["signature"], inputs)
    except tf.errors.InvalidArgumentError as error:
        if f"assertion failed: [{case['error']}]" not in error.message:
            raise Refusal(f"{where}: refused with {error.message}") from None
        return
    raise Refusal(f"{where}: answered, instead of: {case['error']}")


def _answer(run, signature, inputs, where):
    try:
        return run(signature, inputs)
    except tf.errors.OpError as error:
        raise Refusal(f"{where}: failed with {error.message}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
