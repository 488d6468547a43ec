"""Warm-up requests that a server replays when it loads a version."""

import os
import pathlib
from collections.abc import Collection
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2

from export.serving_side import ServingSide
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import SCORES_SIGNATURE

_FILE = "tf_serving_warmup_requests"

# Longer than most sequences and quick to answer; the graph is the same for
# every length.
_LENGTH = 32


def write_warmup_requests(
    folder: str | os.PathLike[str],
    sides: Sequence[ServingSide],
    signatures: Collection[str],
):
    """Writes one request per signature, for `encoder_embeddings` per side.

    TF Serving sets the file's name and format: a TFRecord file of
    `PredictionLog`. A failing record keeps the server from loading the
    version. So each record has both inputs: servers before 2.14 know no
    defaults. A tower has no other side.

    Args:
        folder: The export's `assets.extra`; must exist.
        sides: `ServingSide` of `in0` and of `in1`, or of a tower alone. A
            request has at most 32 ids or words.
        signatures: Names of the export's signatures.

    Example:
    >>> import tempfile
    >>> from o2v_keras import Object2VecConfig
    >>> config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=50)
    >>> sides = ServingSide("in0", config.encoder0), ServingSide(
    ...     "in1", config.encoder1
    ... )
    >>> folder = tempfile.mkdtemp()
    >>> write_warmup_requests(folder, sides, ["serving_default"])
    >>> os.listdir(folder)
    ['tf_serving_warmup_requests']
    """
    rows = {side.name: _usual_row(side) for side in sides}
    empty = {side.name: side.empty_rows(1) for side in sides}
    requests = [(SCORES_SIGNATURE, rows)]
    for name, row in rows.items():
        requests.append((EMBEDDINGS_SIGNATURE, {**empty, name: row}))
    file = pathlib.Path(folder) / _FILE
    with tf.io.TFRecordWriter(os.fspath(file)) as writer:
        for signature, inputs in requests:
            if signature in signatures:
                log = _prediction_log(signature, inputs)
                writer.write(log.SerializeToString())


def _usual_row(side):
    length = min(side.max_seq_len, _LENGTH)
    if side.takes_text:
        return np.array([" ".join(side.words[:length]).encode()], object)
    return np.arange(length)[None] % (side.vocab_size - 1) + 1


def _prediction_log(signature, inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
