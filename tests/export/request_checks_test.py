"""Requests that an export must refuse, as the server would meet them."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export.served_model import ABSENT

ONE_SIDE = (
    "assertion failed: "
    "[Give exactly one of in0 and in1, and leave the other empty.]"
)
EMPTY_ROWS = np.zeros((2, 0), np.int64)
COLUMNAR_EMPTY = np.zeros((0,), np.int64)


@pytest.mark.parametrize(
    ("in0", "in1", "message"),
    [
        pytest.param([[30]], [[1]], "in0 holds id 30", id="in0_too_high"),
        pytest.param([[1, -7]], [[1]], "in0 holds id -7", id="in0_negative"),
        pytest.param(
            [[1]], [[2, 50]], "in1 holds id 50, but ids must be", id="in1"
        ),
        pytest.param(
            [[1, 2, 3, 4, 5, 999]], [[1]], "in0 holds id 999", id="cut_off"
        ),
        pytest.param(
            [[1], [2]],
            [[1], [2], [3]],
            "in0 and in1 must have the same number of rows, but in0 has 2 and "
            "in1 has 3.]",
            id="rows",
        ),
        pytest.param(
            ABSENT, [[1]], "but in0 has 0 and in1 has 1.]", id="absent_in0"
        ),
        pytest.param([1], [[1]], "[1] is not compatible", id="rank_one"),
        pytest.param([[[1]]], [[1]], "[1,1,1] is not", id="rank_three"),
    ],
)
def test_scores_are_refused(unequal_sides, in0, in1, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        unequal_sides.served("serving_default", in0=in0, in1=in1)
    assert message in error.value.message


def test_refusal_of_an_id_is_one_sentence_with_the_limit(unequal_sides):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        unequal_sides.served("serving_default", in0=[[1]], in1=[[50]])
    assert error.value.message.startswith(
        "assertion failed: [in1 holds id 50, but ids must be from 0 to 49.]"
    )


@pytest.mark.parametrize(
    ("in0", "in1", "message"),
    [
        pytest.param([[1]], [[1]], ONE_SIDE, id="both"),
        pytest.param([[99]], [[99]], ONE_SIDE, id="both_unknown"),
        pytest.param(ABSENT, ABSENT, ONE_SIDE, id="neither"),
        pytest.param(EMPTY_ROWS, EMPTY_ROWS, ONE_SIDE, id="empty_rows"),
        pytest.param([[30]], ABSENT, "in0 holds id 30, but", id="in0_unknown"),
        pytest.param(ABSENT, [[-1]], "in1 holds id -1, but", id="in1_unknown"),
        pytest.param([1, 2], ABSENT, "[2] is not compatible", id="rank_one"),
    ],
)
def test_embeddings_are_refused(unequal_sides, in0, in1, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        unequal_sides.served("encoder_embeddings", in0=in0, in1=in1)
    assert message in error.value.message


@pytest.mark.parametrize("variant", ["bilstm"], indirect=True)
def test_unknown_ids_are_refused_before_a_loop_runs(variant):
    for side in ("in0", "in1"):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            variant.served.embed(side, [[1, 30]])
        assert f"[{side} holds id 30, but ids" in error.value.message


def test_python_refuses_with_the_same_sentences(unequal_sides):
    loaded = tf.saved_model.load(unequal_sides.folder)
    embed = loaded.signatures["encoder_embeddings"]
    one = tf.constant([[1]], tf.int64)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        embed(in0=one, in1=one)
    assert ONE_SIDE in error.value.message
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        embed(in0=tf.constant(ABSENT), in1=one + 49)
    assert "[in1 holds id 50, but ids" in error.value.message


@pytest.mark.parametrize(
    "absent",
    [
        pytest.param(ABSENT, id="default"),
        pytest.param(EMPTY_ROWS, id="rest_rows"),
        pytest.param(COLUMNAR_EMPTY, id="rest_columns"),
    ],
)
def test_a_side_without_elements_is_absent(unequal_sides, absent):
    ids = np.array([[1, 2], [3, 0]])
    embeddings = unequal_sides.served("encoder_embeddings", in0=absent, in1=ids)
    expected = unequal_sides.model.encoder1(ids)
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)
    embeddings = unequal_sides.served("encoder_embeddings", in0=ids, in1=absent)
    expected = unequal_sides.model.encoder0(ids)
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("side", "in0", "in1"),
    [
        pytest.param("in0", [b"dog", b""], [], id="columnar"),
        pytest.param("in0", [b"dog", b""], [b"", b""], id="empty_texts"),
        pytest.param("in1", [b""] * 2, [b"", b"mat"], id="empty_texts_in0"),
        pytest.param("in0", [b"dog"] * 2, [[], []], id="empty_lists"),
        pytest.param("in0", [b"", b""], [], id="all_empty"),
        pytest.param("in1", [[], []], [b"", b""], id="all_empty_in1"),
    ],
)
def test_side_that_texts_give(text_sides, side, in0, in1):
    rows = {"in0": in0, "in1": in1}[side]
    embeddings = text_sides.served("encoder_embeddings", in0=in0, in1=in1)
    np.testing.assert_array_equal(
        embeddings, text_sides.served.embed(side, rows)
    )
    assert len(embeddings) == 2


@pytest.mark.parametrize(
    ("in0", "in1"),
    [
        pytest.param([b"dog"], [b"mat"], id="both"),
        pytest.param([b"dog", b""], [b"", b"mat"], id="in_turn"),
        pytest.param([b""], [b""], id="neither"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_embeddings_of_texts_are_refused(text_sides, in0, in1):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        text_sides.served("encoder_embeddings", in0=in0, in1=in1)
    assert ONE_SIDE in error.value.message


@pytest.mark.parametrize(
    ("in0", "in1", "size"),
    [
        pytest.param([b""], [[5]], 1, id="empty_text"),
        pytest.param([], [[5], [6]], 2, id="no_text"),
        pytest.param([b"", b"dog"], [[], []], 2, id="no_ids"),
        pytest.param([b""], [[]], 1, id="empty_text_and_no_ids"),
    ],
)
def test_one_of_text_and_ids_is_given(text_and_ids, in0, in1, size):
    served = text_and_ids.served
    embeddings = served("encoder_embeddings", in0=in0, in1=in1)
    side = "in1" if any(in1) else "in0"
    rows = {"in0": in0, "in1": in1}[side]
    np.testing.assert_array_equal(embeddings, served.embed(side, rows))
    assert len(embeddings) == size


@pytest.mark.parametrize(
    ("in0", "in1", "message"),
    [
        pytest.param([b"dog"], [[30]], "in1 holds id 30, but", id="id"),
        pytest.param(
            [b"dog"], [[1], [2]], "in0 has 1 and in1 has 2.]", id="rows"
        ),
        pytest.param([[b"dog"]], [[1]], "[1,1] is not compatible", id="rank"),
    ],
)
def test_scores_of_text_and_ids_are_refused(text_and_ids, in0, in1, message):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        text_and_ids.served("serving_default", in0=in0, in1=in1)
    assert message in error.value.message


def test_ids_at_the_limits_are_accepted(unequal_sides):
    scores = unequal_sides.served("serving_default", in0=[[0, 29]], in1=[[49]])
    assert scores.shape == (1, 3)
