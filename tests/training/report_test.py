import pytest

from o2v_keras.training.report import format_report
from o2v_keras.training.report import make_report

EPOCHS = [
    {
        "epoch": epoch,
        "loss": loss,
        "accuracy": 0.25,
        "val_loss": loss + 1,
        "val_accuracy": 0.75,
        "seconds": 2.0,
        "examples_per_second": 9.0,
    }
    for epoch, loss in enumerate([0.5, 0.4, 0.3])
]


def test_holds_the_best_epoch_and_the_test():
    majority = {"majority_class": {"accuracy": 0.6}}
    report = make_report(
        EPOCHS, 1, test={"loss": 7.0}, baselines={"test": majority}
    )
    assert report == {
        "train": {"loss": 0.4, "accuracy": 0.25},
        "validation": {"loss": 1.4, "accuracy": 0.75},
        "test": {"loss": 7.0},
        "baselines": {"validation": {}, "test": majority},
        "best_epoch": 1,
        "epochs": 3,
    }


def test_text_puts_baselines_below_each_split():
    report = make_report(
        EPOCHS,
        0,
        test={"loss": 7.0, "accuracy": 0.8},
        baselines={
            "validation": {"majority_class": {"accuracy": 0.7}},
            "test": {"majority_class": {"accuracy": 0.6}, "in0_mean": {}},
        },
    )
    rows = [line.split() for line in format_report(report).splitlines()]
    assert rows[:-1] == [
        ["accuracy"],
        ["train", "0.2500"],
        ["validation", "0.7500"],
        ["majority_class", "0.7000"],
        ["test", "0.8000"],
        ["majority_class", "0.6000"],
        ["in0_mean", "-"],
    ]
    assert "best epoch 0 (counted from 0) of 3" in format_report(report)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_text_leaves_out_a_split_without_data(split):
    epochs = [{k: v for k, v in EPOCHS[0].items() if "val" not in k}]
    report = make_report(epochs, 0, test={}, baselines={})
    assert split not in format_report(report)


def test_prefixes_have_rows_of_their_own():
    epochs = [{**EPOCHS[0], "accuracy_dim_64": 0.2, "val_accuracy_dim_64": 0.7}]
    test = {"accuracy": 0.8, "accuracy_dim_64": 0.75}
    report = make_report(epochs, 0, test, {}, dims=(64,))
    assert report["validation"] == {"loss": 1.5, "accuracy": 0.75}
    assert report["widths"]["test"] == {"64": {"accuracy": 0.75}}
    lines = format_report(report).splitlines()
    assert [line.split()[-1] for line in lines[1:-1]] == [
        "0.2500",
        "0.2000",
        "0.7500",
        "0.7000",
        "0.8000",
        "0.7500",
    ]
    assert lines[4].startswith("validation, width 64")
