"""Acceptance cases of an export: requests with the model's outputs."""

import base64
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from export.int8_tables import Tables
from export.int8_tables import looked_up_in
from export.request_checks import GIVE_ONE_SIDE
from export.serving_module import cpu_path
from export.serving_module import encoder_of
from export.serving_module import scorer_of
from export.serving_side import ServingSide
from export.serving_side import serving_side
from export.serving_side import serving_sides
from o2v_keras.models.object2vec import Object2Vec
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import SCORES
from serving.signatures import SCORES_SIGNATURE

# Tolerances relative to the largest output: TensorFlow rewrites graphs for
# speed, and half precision rounds at other places.
_TOLERANCE = 1e-4
_HALF_TOLERANCE = 0.05
# Rows of each side, and their longest length, that `least_cosine` embeds.
_COMPARED_ROWS = 200
_COMPARED_LENGTH = 32
_NO_TABLES: Tables = {}

# Each of them has an answer: no words, unknown words, other scripts, invalid
# UTF-8, and more bytes than a tokenizer reads.
_ODD_TEXTS = (
    b"",
    b" \t\n",
    b"\0",
    "\N{DOG FACE}\N{ZERO WIDTH JOINER}\N{PAW PRINTS}".encode(),
    "\u05db\u05dc\u05d1 \u202e\u0643\u0644\u0628".encode(),
    "\u72ac\u3068\u732b".encode(),
    b"qzxv " * 3,
    b"caf\xe9 \xff\xfe",
    b"a" * 2**20,
    b"a b " * 2**18,
)


def acceptance_cases(
    model: Object2Vec,
    signatures: Collection[str],
    dim: int | None = None,
    tables: Tables = _NO_TABLES,
    tower: str | None = None,
) -> list[dict[str, Any]]:
    """Returns requests to an export and the expected answers.

    The requests differ in rows and lengths: no ids, one id, more than
    `max_seq_len`, padding between ids, and rows of padding only. Texts hold
    words of the vocabulary, or are odd. Further requests must be refused.

    Args:
        model: Computes the expected outputs, in eager mode.
        signatures: Names of the export's signatures.
        dim: Width of the export's embeddings. Defaults to `None`: `enc_dim`.
        tables: The export's int8 tables, which the expected outputs are
            computed with. Defaults to none.
        tower: The only side of the export. Defaults to `None`: it has both.

    Returns:
        JSON values, one dict a request: `signature`, `inputs` (name to nested
        list of ids, or list of `{"b64": text}`) and either `outputs` (name to
        nested list) with `tolerance`, absolute, or `error`, the expected
        message.
    """
    if tower is not None:
        side = serving_side(model, tower)
        with looked_up_in(tables):
            embedded = list(_embedding_cases(model, dim, side))
        answered = _within_tolerance(embedded, EMBEDDINGS, model)
        refused = _refused_id_cases(side)
        return [
            {**case, "signature": signature}
            for signature in signatures
            for case in (*answered, *refused)
        ]
    sides = serving_sides(model)
    cases = []
    with looked_up_in(tables):
        if SCORES_SIGNATURE in signatures:
            cases += _within_tolerance(
                _score_cases(model, dim, *sides), SCORES, model
            )
            cases += _refused_score_cases(*sides)
        if EMBEDDINGS_SIGNATURE in signatures:
            cases += _within_tolerance(
                _embedding_cases(model, dim, *sides), EMBEDDINGS, model
            )
            cases += _refused_embedding_cases(*sides)
    return cases


def least_cosine(
    model: Object2Vec,
    dim: int | None,
    tables: Tables,
    names: Sequence[str] = (IN0, IN1),
) -> float:
    """Returns the least cosine of embeddings by int8 tables with the model's.

    Args:
        model: `Object2Vec`.
        dim: Width of the embeddings. `None`: `enc_dim`.
        tables: The int8 tables.
        names: The sides of the export. Defaults to both.

    Returns:
        The least of random rows of these sides; embeddings of zeros are left
        out.
    """
    rng = np.random.default_rng(2)
    least = 1.0
    for name in names:
        side, encoder = serving_side(model, name), encoder_of(model, name)
        length = min(side.max_seq_len, _COMPARED_LENGTH)
        ids = side.ids(_random_rows(rng, side, _COMPARED_ROWS, length))
        expected = _run(model, encoder, ids)[:, :dim]
        with looked_up_in(tables):
            actual = _run(model, encoder, ids)[:, :dim]
        norms = [np.linalg.norm(each, axis=1) for each in (actual, expected)]
        lengths = norms[0] * norms[1]
        products = np.sum(actual * expected, axis=1)
        cosines = products[lengths > 0] / lengths[lengths > 0]
        least = min(least, cosines.min(initial=1.0))
    return float(least)


def _score_cases(model, dim, side0, side1):
    scorer = scorer_of(model, dim)
    rng = np.random.default_rng(0)
    longest0, longest1 = side0.max_seq_len + 2, side1.max_seq_len + 2
    requests = [
        (
            _random_rows(rng, side0, rows, length0),
            _random_rows(rng, side1, rows, length1),
        )
        for rows, length0, length1 in (
            (1, 1, longest1),
            (1, longest0, 1),
            (2, 0, 3),
            (3, 7, 0),
            (5, 4, 6),
        )
    ]
    if side0.takes_text or side1.takes_text:
        requests.append((_odd_rows(rng, side0), _odd_rows(rng, side1)[::-1]))
    for in0, in1 in requests:
        ids = {IN0: side0.ids(in0), IN1: side1.ids(in1)}
        outputs = {SCORES: _run(model, scorer, ids)}
        yield _case(SCORES_SIGNATURE, {IN0: in0, IN1: in1}, outputs)


def _embedding_cases(model, dim, *sides):
    rng = np.random.default_rng(1)
    for side in sides:
        encoder = encoder_of(model, side.name)
        requests = [
            _random_rows(rng, side, rows, length)
            for rows, length in ((1, side.max_seq_len + 2), (3, 1), (5, 4))
        ]
        if side.takes_text:
            requests.append(_odd_rows(rng, side))
        for values in requests:
            encodings = _run(model, encoder, side.ids(values))
            outputs = {EMBEDDINGS: encodings[:, :dim]}
            # gRPC leaves the other side out, REST sends empty rows.
            yield _case(EMBEDDINGS_SIGNATURE, {side.name: values}, outputs)
            if len(sides) > 1:
                empty = {s.name: s.empty_rows(len(values)) for s in sides}
                inputs = {**empty, side.name: values}
                yield _case(EMBEDDINGS_SIGNATURE, inputs, outputs)


def _refused_score_cases(side0, side1):
    one0, one1 = _some_rows(side0, 1), _some_rows(side1, 1)
    for ids, sentence in _unknown_ids(side0):
        yield _refused(SCORES_SIGNATURE, {IN0: ids, IN1: one1}, sentence)
    for ids, sentence in _unknown_ids(side1):
        yield _refused(SCORES_SIGNATURE, {IN0: one0, IN1: ids}, sentence)
    sentence = (
        "in0 and in1 must have the same number of rows, but in0 has 2 and in1 "
        "has 1."
    )
    two0 = _some_rows(side0, 2)
    yield _refused(SCORES_SIGNATURE, {IN0: two0, IN1: one1}, sentence)


def _refused_embedding_cases(side0, side1):
    for side in (side0, side1):
        yield from _refused_id_cases(side)
    both = {IN0: _some_rows(side0, 1), IN1: _some_rows(side1, 1)}
    yield _refused(EMBEDDINGS_SIGNATURE, both, GIVE_ONE_SIDE)
    # An empty text beside no ids is a text.
    if side0.takes_text == side1.takes_text:
        empty_rows = {IN0: side0.empty_rows(2), IN1: side1.empty_rows(2)}
        yield _refused(EMBEDDINGS_SIGNATURE, empty_rows, GIVE_ONE_SIDE)
    yield _refused(EMBEDDINGS_SIGNATURE, {}, GIVE_ONE_SIDE)


def _refused_id_cases(side):
    for ids, sentence in _unknown_ids(side):
        yield _refused(EMBEDDINGS_SIGNATURE, {side.name: ids}, sentence)


def _unknown_ids(side):
    """Yields rows with one id too high or too low, and the error."""
    if side.takes_text:
        return
    size = side.vocab_size
    for unknown in (size, -1):
        ids = np.array([[1, unknown]], np.int64)
        yield (
            ids,
            f"{side.name} holds id {unknown}, but ids must be from 0 to "
            f"{size - 1}.",
        )


def _random_rows(rng: np.random.Generator, side: ServingSide, rows, length):
    if side.takes_text:
        words = rng.choice(side.words, (rows, length))
        if rows > 1:
            words[-1] = ""
        texts = [" ".join(row).strip().encode() for row in words]
        return np.array(texts, object)
    ids = rng.integers(1, side.vocab_size, (rows, length))
    ids[rng.random(ids.shape) < 0.25] = 0
    if rows > 1:
        ids[-1] = 0
    return ids


def _odd_rows(rng, side):
    if side.takes_text:
        return np.array(_ODD_TEXTS, object)
    return _random_rows(rng, side, len(_ODD_TEXTS), 3)


def _some_rows(side, rows):
    if side.takes_text:
        return np.full(rows, b"a", object)
    return np.ones((rows, 2), np.int64)


def _run(model, function, ids):
    with cpu_path(model), tf.device("CPU:0"):
        outputs = function(ids, training=False)
        return tf.cast(outputs, tf.float32).numpy()


def _within_tolerance(cases, output, model):
    """Adds the tolerance, which the largest value of all cases sets."""
    cases = list(cases)
    largest = max(np.abs(case["outputs"][output]).max() for case in cases)
    encodings = model.encoder0.outputs + model.encoder1.outputs
    is_full = all(encoding.dtype == "float32" for encoding in encodings)
    part = _TOLERANCE if is_full else _HALF_TOLERANCE
    return [{**case, "tolerance": float(part * largest)} for case in cases]


def _case(signature, inputs, outputs):
    outputs = {name: values.tolist() for name, values in outputs.items()}
    return {**_request(signature, inputs), "outputs": outputs}


def _refused(signature, inputs, sentence):
    return {**_request(signature, inputs), "error": sentence}


def _request(signature, inputs):
    lists = {
        name: [{"b64": base64.b64encode(text).decode()} for text in array]
        if array.dtype == object
        else array.tolist()
        for name, array in inputs.items()
    }
    return {"signature": signature, "inputs": lists}
