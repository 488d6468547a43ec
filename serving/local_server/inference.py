"""Predict, classify and regress on a version of a model."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import input_pb2

from serving.errors import invalid_argument
from serving.local_server.served_version import ServedVersion
from serving.saved_model_session import SignatureNames
from serving.saved_model_session import example_count
from serving.saved_model_session import serialized_examples


def predict(
    model: ServedVersion,
    signature_name: str,
    inputs: Mapping[str, np.ndarray],
    output_filter: Iterable[str] = (),
    timeout: float | None = None,
) -> dict[str, np.ndarray]:
    """Runs a signature on named inputs.

    Args:
        model: The version to ask.
        signature_name: One of its signatures.
        inputs: Arrays by input name.
        output_filter: Names of the outputs wanted; none means all.
        timeout: Seconds after which the graph is stopped. Defaults to `None`:
            never.

    Returns:
        Arrays by output name.

    Raises:
        tf.errors.OpError: If the request does not fit the signature or the
            graph refuses it.
    """
    names = model.session.names[signature_name]
    check_input_count(names, inputs)
    rows = max((len(a) for a in inputs.values() if a.ndim), default=0)
    model.check_rows(rows)
    outputs = tuple(output_filter)
    for position, name in enumerate(outputs):
        if name not in names.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {name} Outputs "
                f"expected to be in the set {_set(names.outputs)}."
            )
        if name in outputs[:position]:
            raise invalid_argument(f"duplicate output tensor alias: {name}")
    return model.run(
        "Predict", signature_name, inputs, outputs or None, timeout
    )


def check_input_count(names: SignatureNames, inputs: Mapping[str, Any]):
    """Checks how many inputs there are, before any of them is read.

    Args:
        names: Those of the signature.
        inputs: Whatever is given, by input name.

    Raises:
        tf.errors.InvalidArgumentError: If there are too many, or too few.
    """
    if len(inputs) == len(names.inputs):
        return
    missing = names.inputs - inputs.keys() - names.defaults
    if missing or len(inputs) > len(names.inputs):
        raise invalid_argument(
            f"input size does not match signature: {len(inputs)}!="
            f"{len(names.inputs)} len({_set(inputs)}) != "
            f"len({_set(names.inputs)}). "
            f"Sent extra: {_set(inputs.keys() - names.inputs)}. "
            f"Missing but required: {_set(missing)}."
        )


def classify(
    model: ServedVersion,
    signature_name: str,
    examples: input_pb2.Input,
    timeout: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Runs a classification signature.

    Args:
        model: The version to ask.
        signature_name: One of its signatures.
        examples: Examples and, possibly, context.
        timeout: Seconds after which the graph is stopped. Defaults to `None`:
            never.

    Returns:
        Labels (`bytes`) and float32 scores, both of shape
        `[examples, classes]`. What the signature lacks is empty or 0.

    Raises:
        tf.errors.OpError: If it is no such signature, or the graph refuses
            the examples.
    """
    signature = _example_signature(model, signature_name)
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(
            "Expected one or two output Tensors, found "
            f"{len(signature.outputs)}"
        )
    _check_has_input(signature, "classification")
    wanted = [
        name for name in ("classes", "scores") if name in signature.outputs
    ]
    if not wanted:
        raise invalid_argument(
            "Expected classification signature outputs to contain at least "
            f'one of "classes" or "scores". Signature was: {signature}'
        )
    inputs = _example_inputs(model, examples)
    outputs = model.run("Classify", signature_name, inputs, wanted, timeout)
    for name, array in outputs.items():
        _check_classes(name, array, len(inputs["inputs"]))
    shapes = {array.shape for array in outputs.values()}
    if len(shapes) > 1:
        sizes = [outputs[name].shape[1] for name in ("classes", "scores")]
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{sizes[0]} vs. {sizes[1]}"
        )
    (shape,) = shapes
    return (
        outputs.get("classes", np.full(shape, b"", object)),
        outputs.get("scores", np.zeros(shape, np.float32)),
    )


def regress(
    model: ServedVersion,
    signature_name: str,
    examples: input_pb2.Input,
    timeout: float | None = None,
) -> np.ndarray:
    """Runs a regression signature.

    Args:
        model: The version to ask.
        signature_name: One of its signatures.
        examples: Examples and, possibly, context.
        timeout: Seconds after which the graph is stopped. Defaults to `None`:
            never.

    Returns:
        float32 array of shape `[examples]`.

    Raises:
        tf.errors.OpError: If it is no such signature, or the graph refuses
            the examples.
    """
    signature = _example_signature(model, signature_name)
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    _check_has_input(signature, "regression")
    if "outputs" not in signature.outputs:
        raise invalid_argument(
            f"No regression outputs found in SignatureDef: {signature}"
        )
    inputs = _example_inputs(model, examples)
    values = model.run("Regress", signature_name, inputs, timeout=timeout)[
        "outputs"
    ]
    count = len(inputs["inputs"])
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or "
            f"[batch_size, 1] but got {_shape_text(values)}"
        )
    if len(values) != count:
        raise invalid_argument(
            "Input batch size did not match output batch size: "
            f"{count} vs. {len(values)}"
        )
    if values.dtype != np.float32:
        raise invalid_argument(
            f"Expected output Tensor of DT_FLOAT.  Got: {_dtype_text(values)}"
        )
    return values.ravel()


def _example_signature(model, name):
    if name not in model.session.signature_defs:
        raise invalid_argument(f"No signature was found with the name: {name}")
    signature = model.session.signature_defs[name]
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    return signature


def _example_inputs(model, examples):
    model.check_rows(example_count(examples))
    texts = serialized_examples(examples)
    model.metrics.example_counts.observe(len(texts), model.model_name)
    return {"inputs": texts}


def _check_has_input(signature, kind):
    if "inputs" not in signature.inputs:
        raise invalid_argument(
            f"No {kind} inputs found in SignatureDef: {signature}"
        )


def _check_classes(name, array, count):
    if array.ndim != 2:
        raise invalid_argument(
            "Expected Tensor shape: [batch_size num_classes] but got "
            f"{_shape_text(array)}"
        )
    expected = {"classes": "DT_STRING", "scores": "DT_FLOAT"}[name]
    if _dtype_text(array) != expected:
        raise invalid_argument(
            f"Expected {name} Tensor of {expected}. Got: {_dtype_text(array)}"
        )
    if len(array) != count:
        raise invalid_argument(
            f"Expected {name} output batch size of {count}. Got: {len(array)}"
        )


def _set(names):
    return f"{{{','.join(sorted(names))}}}"


def _shape_text(array):
    return f"[{','.join(map(str, array.shape))}]"


def _dtype_text(array):
    return types_pb2.DataType.Name(tf.as_dtype(array.dtype).as_datatype_enum)
