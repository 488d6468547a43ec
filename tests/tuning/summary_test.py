import pathlib

from o2v_keras.tuning.summary import Baseline
from o2v_keras.tuning.summary import best_baseline
from o2v_keras.tuning.summary import trials_table
from o2v_keras.tuning.trials import TrialRecord
from o2v_keras.tuning.trials_figure import draw_trials


def make_trials(*values):
    return [
        TrialRecord(
            name=str(number),
            status="completed",
            objective=value,
            best_epoch=1,
            epochs=2,
            seconds=3.0,
            values={"dropout": number / 10},
            reason="",
            folder=pathlib.Path("m"),
        )
        for number, value in enumerate(values)
    ]


def test_the_baseline_is_a_column_beside_the_trials():
    baseline = best_baseline({"random": 0.1, "popularity": 0.3}, "max")
    table = trials_table(make_trials(0.5, 0.4), "val_mrr", "max", baseline)
    lines = [line.split() for line in table.splitlines()]
    assert lines[0] == ["trial", "0", "1", "popularity"]
    assert lines[1] == ["val_mrr", "0.5", "0.4", "0.3"]
    assert lines[2] == ["best", "epoch", "1", "1", "-"]
    assert "No trial is better" not in table


def test_a_search_that_learns_nothing_says_so():
    for direction, values in (("max", (0.2, 0.3)), ("min", (0.4, 0.3))):
        table = trials_table(
            make_trials(*values), "val_x", direction, Baseline("b", 0.3)
        )
        assert "No trial is better than the baseline b: narrow" in table
    assert best_baseline({}, "max") is None


def test_the_baseline_is_a_line_in_every_panel():
    for value, shown in ((0.3, 0.3), (-99.0, None)):
        figure = draw_trials(
            make_trials(0.5, 0.4), "val_mrr", "max", (), Baseline("b", value)
        )
        assert len(figure.axes) == 2
        for axes in figure.axes:
            (line,) = [x for x in axes.lines if x.get_linestyle() == "--"]
            low, high = axes.get_ylim()
            drawn = line.get_ydata()[0]
            assert low <= drawn <= high
            if shown is not None:
                assert drawn == shown
    words = [text.get_text() for text in figure.axes[0].get_legend().texts]
    assert "b -99" in words
