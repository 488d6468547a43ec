"""JSON text of answers."""

import base64
import itertools
import json
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import model_pb2

from serving.errors import invalid_argument
from serving.signature_step import dtype_name

# Scalars whose texts are kept one by one, which takes 100 bytes each.
_SCALARS_AT_A_TIME = 1 << 16

# Beyond the six digits of "%g": all that the numbers need.
_PRECISE = {np.dtype(np.float32): ".9g", np.dtype(np.float64): ".17g"}
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}

_INTEGERS = "int8 int16 int32 int64 uint8 uint32 uint64".split()


def rows_text(
    outputs: Mapping[str, np.ndarray], check: Callable[[], None] = lambda: None
) -> str:
    """Writes the answer to a predict request in row format.

    Args:
        outputs: Arrays by output name, all with the rows as first dimension.
        check: Called again and again during a long writing; may raise.

    Raises:
        tf.errors.InvalidArgumentError: If they have not, or JSON has no form
            for one.

    Example:
    >>> json.loads(rows_text({"scores": np.array([[0.25], [1]])}))
    {'predictions': [[0.25], [1.0]]}
    """
    batch_size = None
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid_argument(
                f"Tensor name: {name} has no shape information "
            )
        if batch_size not in (None, len(array)):
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: "
                f"{len(array)} expecting: {batch_size}"
            )
        batch_size = len(array)
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        rows = map(", ".join, _parts(name, array, check))
    else:
        names = [_string(name) for name in outputs]
        columns = [
            itertools.chain.from_iterable(_parts(name, array, check))
            for name, array in outputs.items()
        ]
        rows = (
            _object(dict(zip(names, row, strict=True)), 8)
            for row in zip(*columns, strict=True)
        )
    return _object({'"predictions"': _list(rows)})


def columns_text(
    outputs: Mapping[str, np.ndarray], check: Callable[[], None] = lambda: None
) -> str:
    """Writes the answer to a predict request in column format.

    Args:
        outputs: Arrays of any shapes by output name.
        check: Called again and again during a long writing; may raise.

    Raises:
        tf.errors.InvalidArgumentError: If JSON has no form for one.

    Example:
    >>> json.loads(columns_text({"n": np.array(3), "ok": np.array([True])}))
    {'outputs': {'n': 3, 'ok': [True]}}
    """
    texts = {
        _string(name): _text(name, array, check)
        for name, array in outputs.items()
    }
    text = _object(texts, 4) if len(texts) > 1 else next(iter(texts.values()))
    return _object({'"outputs"': text})


def classes_text(labels: np.ndarray, scores: np.ndarray) -> str:
    """Writes the answer to a classify request.

    Args:
        labels: Object array of shape `[examples, classes]` of `bytes`.
        scores: float32 array of the same shape.

    Example:
    >>> labels = np.array([[b"no", b"yes"]], object)
    >>> json.loads(classes_text(labels, np.array([[0.5, 0.25]], np.float32)))
    {'results': [[['no', 0.5], ['yes', 0.25]]]}
    """
    pairs = zip(map(_string, labels.flat), number_texts(scores), strict=True)
    texts = [f"[{label}, {score}]" for label, score in pairs]
    rows = _nest(texts, labels.shape, 1)
    return _object({'"results"': _list(rows)})


def regressions_text(values: np.ndarray) -> str:
    """Writes the answer to a regress request.

    Args:
        values: float32 array of shape `[examples]`.

    Example:
    >>> json.loads(regressions_text(np.array([0.5, 2], np.float32)))
    {'results': [0.5, 2.0]}
    """
    return _object({'"results"': _list(number_texts(values))})


def message_text(message: Message) -> str:
    """Writes a message, its unset fields included.

    Example:
    >>> json.loads(message_text(tf.train.Int64List(value=[5])))
    {'value': ['5']}
    """
    return json_format.MessageToJson(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        ensure_ascii=False,
        indent=4,
    )


def metadata_text(
    spec: model_pb2.ModelSpec,
    signatures: get_model_metadata_pb2.SignatureDefMap,
) -> str:
    """Writes what is known of a version.

    Args:
        spec: Its name and number.
        signatures: Its signatures by name.
    """
    inner = _object({'"signature_def"': message_text(signatures)}, 4)
    return _object({'"model_spec"': message_text(spec), '"metadata"': inner})


def error_text(message: str) -> str:
    """Writes an error.

    Example:
    >>> json.loads(error_text("no"))
    {'error': 'no'}
    """
    return _object({'"error"': _string(message)})


def number_texts(array: np.ndarray) -> list[str]:
    """Writes numbers with six digits, or with all that they need.

    Args:
        array: float32 or float64 array of any shape.

    Returns:
        JSON tokens, which `NaN` and `Infinity` are to TF Serving, in the
        array's order.

    Example:
    >>> number_texts(np.array([1, 0.1, 1e6, 1 / 3, np.inf], np.float32))
    ['1.0', '0.1', '1e+06', '0.333333343', 'Infinity']
    """
    array = array.ravel()
    values = array.tolist()
    texts = [f"{value:g}" for value in values]
    with np.errstate(over="ignore"):
        read_back = np.array(texts, np.float64).astype(array.dtype)
    precise = _PRECISE[array.dtype]
    for index in np.flatnonzero(read_back != array).tolist():
        texts[index] = format(values[index], precise)
    return [_as_decimal(text) for text in texts]


def _object(members, indent=0):
    """Joins names and values that are JSON text already."""
    start = "\n" + (indent + 4) * " "
    lines = [f"{start}{name}: {value}" for name, value in members.items()]
    end = "\n" + indent * " "
    return f"{{{','.join(lines)}{end}}}"


def _list(texts):
    return f"[{', '.join(texts)}]"


def _text(name, array, check):
    """Returns the JSON of an array."""
    if array.size <= _SCALARS_AT_A_TIME:
        check()
        return _texts(name, array, 0)[0]
    return _list(map(", ".join, _parts(name, array, check)))


def _parts(name, array, check) -> Iterator[list[str]]:
    """Yields the JSON of some items along the first dimension at a time."""
    step = _SCALARS_AT_A_TIME // max(1, math.prod(array.shape[1:]))
    for start in range(0, len(array), max(1, step)):
        check()
        if step:
            yield _texts(name, array[start : start + step], 1)
        else:
            yield [_text(name, array[start], check)]


def _texts(name, array, axis):
    """Returns the JSON of every item along the dimensions before `axis`."""
    texts = _scalar_texts(name, array) if array.size else []
    return _nest(texts, array.shape, axis)


def _nest(texts, shape, axis):
    for level in reversed(range(axis, len(shape))):
        size = shape[level]
        texts = [
            _list(texts[row * size : (row + 1) * size])
            for row in range(math.prod(shape[:level]))
        ]
    return texts


def _scalar_texts(name, array):
    if array.dtype in (np.float32, np.float64):
        return number_texts(array)
    if array.dtype.name in _INTEGERS:
        return list(map(str, array.ravel().tolist()))
    if array.dtype == bool:
        return ["true" if value else "false" for value in array.ravel()]
    if array.dtype == object:
        write = _base64 if name.endswith("_bytes") else _string
        return [write(value) for value in array.ravel()]
    dtype = tf.as_dtype(array.dtype).as_datatype_enum
    raise invalid_argument(
        f"Failed to write JSON value for tensor type: {dtype_name(dtype)}"
    )


def _base64(value):
    return f'{{"b64": "{base64.b64encode(value).decode()}"}}'


def _string(value):
    # Bytes that are no UTF-8 are sent as they are.
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    return json.dumps(value, ensure_ascii=False)


def _as_decimal(text):
    if "." in text or "e" in text:
        return text
    return _NOT_FINITE.get(text) or text + ".0"
