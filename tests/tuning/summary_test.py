import dataclasses
import json
import pathlib

from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import metadata

from o2v_keras.tuning.summary import Baseline
from o2v_keras.tuning.summary import best_baseline
from o2v_keras.tuning.summary import trials_table
from o2v_keras.tuning.summary import write_hparams
from o2v_keras.tuning.trials import TrialRecord
from o2v_keras.tuning.trials import read_trials
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
    assert lines[2] == ["best_epoch", "1", "1", "-"]
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
    words = [text.get_text() for text in figure.legends[0].texts]
    assert "b -99" in words


def test_every_kind_of_trial_has_its_mark_in_every_panel():
    trials = make_trials(0.5, 0.4, 0.45, 0.48, 0.46, -99.0, 0.9)
    for number, values in enumerate(({"rate": 1}, {"rate": 4})):
        for trial in trials[number::2]:
            trial.values.update(values, network="ab"[number], same=3)
    lost = {"objective": None, "best_epoch": None}
    trials[2] = dataclasses.replace(trials[2], status="failed", **lost)
    trials[3] = dataclasses.replace(trials[3], status="unfinished", **lost)
    figure = draw_trials(trials, "val_mrr", "max", ["rate"])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["trial", "dropout", "rate", "network"]
    low, high = figure.axes[0].get_ylim()
    for axes in figure.axes:
        points = {p.get_label(): p.get_offsets() for p in axes.collections}
        assert {kind: len(places) for kind, places in points.items()} == {
            "completed": 3,
            "far worse": 1,
            "failed": 1,
            "best: trial 6": 1,
        }
        assert points["failed"][0, 1] == points["far worse"][0, 1] == low
        assert points["best: trial 6"][0, 1] == 0.9 < high
    assert figure.axes[0].collections[2].get_offsets()[0, 0] == 2
    words = [text.get_text() for text in figure.axes[3].get_xticklabels()]
    assert words == ["a", "b"]


def test_one_trial_is_drawn():
    assert len(draw_trials(make_trials(0.5), "val_mrr", "max").axes) == 1


def test_a_searched_list_is_one_text(tmp_path):
    (tmp_path / "oracle.json").write_text('{"start_order": ["0"]}')
    model = tmp_path / "trial_0" / "model"
    model.mkdir(parents=True)
    proposal = {"values": {"comparator_list": "hadamard,dot"}}
    trial = {"status": "RUNNING", "hyperparameters": proposal}
    (model.parent / "trial.json").write_text(json.dumps(trial))
    config = {"comparator_list": ["hadamard", "dot"]}
    (model / "config.json").write_text(json.dumps(config))
    (trial,) = read_trials(tmp_path, ["comparator_list"])
    assert trial.values == {"comparator_list": "hadamard,dot"}


def test_tensorboard_reads_hyperparameters_and_status(tmp_path):
    values = {"mlp_dim": 8, "rate": 0.5, "tied": True, "width": None}
    write_hparams(tmp_path, "03", values, completed=False)
    events = EventAccumulator(str(tmp_path)).Reload()
    start, end = (
        events.SummaryMetadata(tag).plugin_data.content
        for tag in (
            metadata.SESSION_START_INFO_TAG,
            metadata.SESSION_END_INFO_TAG,
        )
    )
    start = metadata.parse_session_start_info_plugin_data(start)
    assert start.group_name == "03"
    assert start.hparams["mlp_dim"].number_value == 8
    assert start.hparams["rate"].number_value == 0.5
    assert start.hparams["tied"].bool_value
    assert start.hparams["width"].string_value == "None"
    end = metadata.parse_session_end_info_plugin_data(end)
    assert end.status == api_pb2.STATUS_FAILURE
