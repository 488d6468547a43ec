import base64
import itertools
import json

import numpy as np
import pytest

from export.acceptance_cases import acceptance_cases
from tests.export.exports import make_model

BOTH = ("serving_default", "encoder_embeddings")


@pytest.fixture(scope="module")
def cases(unequal_sides):
    return acceptance_cases(unequal_sides.model, BOTH)


def _sides(cases, signature, side):
    return [
        np.array(case["inputs"][side])
        for case in cases
        if case["signature"] == signature
        and "outputs" in case
        and side in case["inputs"]
    ]


@pytest.mark.parametrize("signature", BOTH)
@pytest.mark.parametrize(("side", "longest"), [("in0", 4), ("in1", 6)])
def test_requests_differ_in_rows_lengths_and_padding(
    cases, signature, side, longest
):
    requests = _sides(cases, signature, side)
    lengths = {ids.shape[1] for ids in requests}
    assert {0, 1} <= lengths
    assert max(lengths) > longest
    assert len({len(ids) for ids in requests}) >= 3
    rows = [row for ids in requests for row in ids if len(row)]
    assert any(not row.any() for row in rows if len(row) > 1)
    assert any((row[:-1] == 0)[row[1:] != 0].any() for row in rows)
    assert any((row != 0).all() for row in rows)


def test_a_side_is_omitted_and_empty_in_turn(cases):
    embeddings = [
        case["inputs"]
        for case in cases
        if case["signature"] == "encoder_embeddings" and "outputs" in case
    ]
    assert {"in0"} in [set(inputs) for inputs in embeddings]
    assert {"in1"} in [set(inputs) for inputs in embeddings]
    assert [[]] in [inputs.get("in0") for inputs in embeddings]
    assert [[]] in [inputs.get("in1") for inputs in embeddings]


def test_outputs_are_those_of_the_model(unequal_sides, cases):
    case = cases[4]
    inputs = {k: np.array(v) for k, v in case["inputs"].items()}
    np.testing.assert_allclose(
        case["outputs"]["scores"], unequal_sides.model(inputs), rtol=1e-6
    )


def test_refusals_name_side_and_limit(cases):
    sentences = {c["error"] for c in cases if "error" in c}
    assert sentences == {
        "in0 holds id 30, but ids must be from 0 to 29.",
        "in0 holds id -1, but ids must be from 0 to 29.",
        "in1 holds id 50, but ids must be from 0 to 49.",
        "in1 holds id -1, but ids must be from 0 to 49.",
        "in0 and in1 must have the same number of rows, but in0 has 2 and in1 "
        "has 1.",
        "Give exactly one of in0 and in1, and leave the other empty.",
    }


def test_tolerance_follows_precision_and_largest_value(cases):
    scores = [c for c in cases if "scores" in c.get("outputs", {})]
    largest = max(np.max(c["outputs"]["scores"]) for c in scores)
    for case in scores:
        np.testing.assert_allclose(case["tolerance"], 1e-4 * largest)
    half = make_model({"enc0_network": "pooled_embedding"}, "mixed_float16")
    half_cases = acceptance_cases(half, ["serving_default"])
    assert half_cases[0]["tolerance"] > 100 * cases[0]["tolerance"]


@pytest.mark.parametrize("signature", BOTH)
def test_cases_are_of_the_signatures_asked_for(unequal_sides, signature):
    cases = acceptance_cases(unequal_sides.model, [signature])
    assert {case["signature"] for case in cases} == {signature}


def test_cases_go_through_json(cases):
    assert json.loads(json.dumps(cases)) == cases


def test_texts_are_known_odd_and_empty(text_sides):
    cases = acceptance_cases(text_sides.model, BOTH)
    for signature, side in itertools.product(BOTH, ("in0", "in1")):
        texts = {
            base64.b64decode(row["b64"])
            for rows in _sides(cases, signature, side)
            for row in rows
        }
        words = text_sides.model.tokenizers.sides[side].word_ids()
        assert any(
            set(text.decode().split()) <= words.keys()
            for text in texts
            if text.isascii() and text
        )
        assert {b"", b"caf\xe9 \xff\xfe"} <= texts
        assert max(map(len, texts)) == 2**20


def test_a_side_of_texts_has_no_unknown_ids(text_and_ids):
    cases = acceptance_cases(text_and_ids.model, BOTH)
    sentences = {c["error"] for c in cases if "error" in c}
    assert not any(s.startswith("in0 holds") for s in sentences)
    assert any(s.startswith("in1 holds id 30") for s in sentences)
    assert json.loads(json.dumps(cases)) == cases
