"""What an export must answer: requests with the model's own outputs."""

from collections.abc import Collection

import numpy as np
import tensorflow as tf

from export.cpu_path import cpu_path
from export.request_checks import GIVE_ONE_SIDE
from o2v_keras.models.object2vec import Object2Vec
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import SCORES
from serving.signatures import SCORES_SIGNATURE

# Parts of the largest value by which an output may differ from the model's:
# graphs are rewritten for speed, and half precision rounds at other places.
_TOLERANCE = 1e-4
_HALF_TOLERANCE = 0.05


def acceptance_cases(
    model: Object2Vec, signatures: Collection[str]
) -> list[dict]:
    """Returns requests to an export and what must come back.

    The requests differ in rows and lengths: nothing at all, one id, more than
    `max_seq_len`; with padding within and rows of nothing else. Then there
    are requests that must be refused.

    Args:
        model: Computes the expected outputs, in eager mode.
        signatures: Names of the export's signatures.

    Returns:
        JSON values, one dict a request: `signature`, `inputs` (name to nested
        list of ids) and either `outputs` (name to nested list) with
        `tolerance`, absolute, or `error`, the sentence to be answered.
    """
    cases = []
    if SCORES_SIGNATURE in signatures:
        cases += _within_tolerance(_score_cases(model), SCORES, model)
        cases += _refused_score_cases(model.config)
    if EMBEDDINGS_SIGNATURE in signatures:
        cases += _within_tolerance(_embedding_cases(model), EMBEDDINGS, model)
        cases += _refused_embedding_cases(model.config)
    return cases


def _score_cases(model):
    rng = np.random.default_rng(0)
    config = model.config
    longest0 = config.encoder0.max_seq_len + 2
    longest1 = config.encoder1.max_seq_len + 2
    for rows, length0, length1 in (
        (1, 1, longest1),
        (1, longest0, 1),
        (2, 0, 3),
        (3, 7, 0),
        (5, 4, 6),
    ):
        in0 = _random_ids(rng, rows, length0, config.encoder0.vocab_size)
        in1 = _random_ids(rng, rows, length1, config.encoder1.vocab_size)
        scores = _run(model, model, {IN0: in0, IN1: in1})
        yield _case(SCORES_SIGNATURE, {IN0: in0, IN1: in1}, {SCORES: scores})


def _embedding_cases(model):
    rng = np.random.default_rng(1)
    for side, other, encoder, config in (
        (IN0, IN1, model.encoder0, model.config.encoder0),
        (IN1, IN0, model.encoder1, model.config.encoder1),
    ):
        for rows, length in ((1, config.max_seq_len + 2), (3, 1), (5, 4)):
            ids = _random_ids(rng, rows, length, config.vocab_size)
            outputs = {EMBEDDINGS: _run(model, encoder, ids)}
            # Left out as over gRPC, and empty rows as over REST.
            yield _case(EMBEDDINGS_SIGNATURE, {side: ids}, outputs)
            inputs = {side: ids, other: _no_ids(rows)}
            yield _case(EMBEDDINGS_SIGNATURE, inputs, outputs)


def _refused_score_cases(config):
    one, two = np.ones((1, 2), np.int64), np.ones((2, 2), np.int64)
    for ids, sentence in _unknown_ids(config.encoder0, IN0):
        yield _refused(SCORES_SIGNATURE, {IN0: ids, IN1: one}, sentence)
    for ids, sentence in _unknown_ids(config.encoder1, IN1):
        yield _refused(SCORES_SIGNATURE, {IN0: one, IN1: ids}, sentence)
    sentence = (
        "in0 and in1 must have the same number of rows, but in0 has 2 and in1 "
        "has 1."
    )
    yield _refused(SCORES_SIGNATURE, {IN0: two, IN1: one}, sentence)


def _refused_embedding_cases(config):
    one = np.ones((1, 2), np.int64)
    for ids, sentence in _unknown_ids(config.encoder0, IN0):
        yield _refused(EMBEDDINGS_SIGNATURE, {IN0: ids}, sentence)
    for ids, sentence in _unknown_ids(config.encoder1, IN1):
        yield _refused(EMBEDDINGS_SIGNATURE, {IN1: ids}, sentence)
    both = {IN0: one, IN1: one}
    yield _refused(EMBEDDINGS_SIGNATURE, both, GIVE_ONE_SIDE)
    empty_rows = {IN0: _no_ids(2), IN1: _no_ids(2)}
    yield _refused(EMBEDDINGS_SIGNATURE, empty_rows, GIVE_ONE_SIDE)
    yield _refused(EMBEDDINGS_SIGNATURE, {}, GIVE_ONE_SIDE)


def _unknown_ids(encoder, side):
    """Rows with one id too high or too low, and what is said of it."""
    size = encoder.vocab_size
    for unknown in (size, -1):
        ids = np.array([[1, unknown]], np.int64)
        yield (
            ids,
            f"{side} holds id {unknown}, but ids must be from 0 to {size - 1}.",
        )


def _random_ids(rng, rows, length, vocab_size):
    ids = rng.integers(1, vocab_size, (rows, length))
    ids[rng.random(ids.shape) < 0.25] = 0
    if rows > 1:
        ids[-1] = 0
    return ids


def _no_ids(rows):
    return np.zeros((rows, 0), np.int64)


def _run(model, function, inputs):
    with cpu_path(model), tf.device("CPU:0"):
        return tf.cast(function(inputs, training=False), tf.float32).numpy()


def _within_tolerance(cases, output, model):
    """Adds the tolerance, which the largest value of all cases sets."""
    cases = list(cases)
    largest = max(np.abs(case["outputs"][output]).max() for case in cases)
    encodings = model.encoder0.outputs + model.encoder1.outputs
    is_full = all(encoding.dtype == "float32" for encoding in encodings)
    part = _TOLERANCE if is_full else _HALF_TOLERANCE
    return [{**case, "tolerance": float(part * largest)} for case in cases]


def _case(signature, inputs, outputs):
    return {
        "signature": signature,
        "inputs": _lists(inputs),
        "outputs": _lists(outputs),
    }


def _refused(signature, inputs, sentence):
    return {
        "signature": signature,
        "inputs": _lists(inputs),
        "error": sentence,
    }


def _lists(arrays):
    return {name: array.tolist() for name, array in arrays.items()}
