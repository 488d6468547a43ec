import numpy as np
import pytest

from o2v_keras.data.sequences import Sequences
from serving import row_batches
from serving.batch_inference.predictor import Predictor
from serving.batch_inference.window import Records
from tests.serving.batch_inference.fake_model import FakeModel
from tests.serving.batch_inference.fake_model import expected


def _answers(model, in0, in1=None, reasons=None, batch_size=4):
    sides = {"in0": in0} if in1 is None else {"in0": in0, "in1": in1}
    ids = {
        side: Sequences.from_any([row or [] for row in rows], side)
        for side, rows in sides.items()
    }
    with Predictor(model, batch_size) as predictor:
        return predictor.predict(Records(ids, reasons or {}))


def _random_rows(count):
    rng = np.random.default_rng(0)
    return [rng.integers(1, 99, n).tolist() for n in rng.integers(1, 20, count)]


def test_answers_are_in_the_order_of_the_rows():
    in0, in1 = _random_rows(31), _random_rows(31)[::-1]
    answers = _answers(FakeModel(), in0, in1)
    assert answers.reasons == {}
    assert answers.values.dtype == np.float32
    assert answers.values.tolist() == [
        expected(*row) for row in zip(in0, in1, strict=True)
    ]


def test_batches_hold_rows_of_similar_length():
    model = FakeModel()
    rows = [[1] * length for length in (9, 1, 9, 1, 2, 9, 1, 2)]
    _answers(model, rows, batch_size=3)
    shapes = sorted(shape["in0"] for shape in model.shapes)
    assert shapes == [(2, 9), (3, 1), (3, 9)]


def test_unknown_id_costs_only_its_row():
    rows = _random_rows(32)
    rows[5], rows[17] = [3, 100], [250]
    answers = _answers(FakeModel(), rows, batch_size=32)
    assert answers.reasons == {
        5: "in0 holds id 100.",
        17: "in0 holds id 250.",
    }
    assert np.isnan(answers.values[[5, 17]]).all()
    assert answers.sound.sum() == 30
    for row in np.flatnonzero(answers.sound):
        assert answers.values[row].tolist() == expected(rows[row])


def test_rows_with_a_reason_are_not_asked_for():
    model = FakeModel()
    answers = _answers(model, [[1], None, [2]], reasons={1: "why"})
    assert answers.reasons == {1: "why"}
    assert np.isnan(answers.values[1]).all()
    assert model.shapes == [{"in0": (2, 1)}]


def test_window_of_bad_rows_has_no_values():
    answers = _answers(FakeModel(), [[100], None], reasons={1: "why"})
    assert answers.values.shape == (2, 0)
    assert list(answers.reasons) == [0, 1]


def test_very_long_rows_make_smaller_batches(monkeypatch):
    monkeypatch.setattr(row_batches, "_MAX_LENGTH", 100)
    model = FakeModel()
    rows = [[1] * 40] * 4 + [[1] * 300] + [[2]] * 4
    answers = _answers(model, rows)
    assert sorted(shape["in0"] for shape in model.shapes) == [
        (1, 300),
        (2, 40),
        (2, 40),
        (4, 1),
    ]
    assert answers.values.tolist() == [expected(row) for row in rows]


class _Broken(FakeModel):
    def __init__(self, change):
        super().__init__()
        self._change = change

    def answer(self, inputs):
        return self._change(super().answer(inputs))


def test_answer_that_is_not_finite_is_a_bad_row():
    model = _Broken(lambda values: np.where(values == 7, np.inf, values))
    answers = _answers(model, [[1], [3, 4], [5]])
    assert answers.reasons == {1: "the model's answer is not finite"}
    assert np.isnan(answers.values[1]).all()


@pytest.mark.parametrize(
    "change", [lambda values: values[1:], lambda values: values[:, 0]]
)
def test_answer_of_another_shape_is_an_error(change):
    with pytest.raises(ValueError, match="must answer one vector a row"):
        _answers(_Broken(change), [[1], [2]])
