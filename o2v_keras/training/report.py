"""The report of a training, as JSON and as text."""

from collections.abc import Sequence
from typing import Any

from o2v_keras.evaluation.ranking_metrics import aligned_lines
from o2v_keras.models.prefixes import by_width

_HELD_OUT = ("spearman", "pearson", "recall@10", "ndcg@10", "mrr")


def make_report(
    epochs: list[dict[str, Any]],
    best_epoch: int,
    test: dict[str, float],
    baselines: dict[str, dict[str, Any]],
    dims: Sequence[int] = (),
) -> dict[str, Any]:
    """Returns the content of `metrics.json`.

    Args:
        epochs: The metrics of all epochs, from `EpochHistory`.
        best_epoch: int. The best epoch, counted from 0.
        test: Metrics on the test data, empty without test data.
        baselines: `validation` and `test` -> baseline -> metrics.
        dims: `matryoshka_dims`. Defaults to `()`.

    Returns:
        A JSON dict. `train` and `validation` hold the best epoch's metrics
        under Keras's names; `train` is a mean over the epoch, in which the
        weights changed. `widths`, if there are `dims`, has those of prefixes:
        split -> width -> metrics.
    """
    best = epochs[best_epoch]
    timing = ("epoch", "seconds", "examples_per_second")
    train = {
        name: value
        for name, value in best.items()
        if not name.startswith("val_") and name not in timing
    }
    validation = {
        name.removeprefix("val_"): value
        for name, value in best.items()
        if name.startswith("val_")
    }
    splits, widths = {}, {}
    for split, metrics in (
        ("train", train),
        ("validation", validation),
        ("test", test),
    ):
        splits[split], widths[split] = by_width(metrics, dims)
    return {
        **splits,
        **({"widths": widths} if dims else {}),
        "baselines": {"validation": {}, "test": {}, **baselines},
        "best_epoch": best_epoch,
        "epochs": len(epochs),
    }


def refit_report(
    report: dict[str, Any], chooser: dict[str, Any]
) -> dict[str, Any]:
    """Returns the report of a training on all rows.

    Args:
        report: Of `make_report`, without validation data.
        chooser: Report of the training that chose the number of epochs, with
            the validation rows held out.

    Returns:
        `train` and `test` of `report`, and the validation metrics and the
        epochs of `chooser`, with its advice about them.
    """
    joined = {**chooser, "refit": True}
    parts = [(report, joined)]
    for name in ("baselines", "widths"):
        if name in joined:
            joined[name] = {**chooser[name]}
            parts.append((report[name], joined[name]))
    for values, part in parts:
        part |= {s: values[s] for s in ("train", "test") if s in values}
    joined["advice"] = {
        doubt: text
        for doubt, text in chooser["advice"].items()
        if doubt in ("first epoch", "last epoch")
    }
    return joined


def format_report(report: dict[str, Any]) -> str:
    """Returns the report as a table, baselines below each split's metrics."""
    splits = [s for s in ("train", "validation", "test") if report[s]]
    names = [name for name in report["train"] if name != "loss"]
    # Correlations and rankings are of held-out data alone.
    held_out = {*report["validation"], *report["test"]}
    names += [name for name in _HELD_OUT if name in held_out]
    rows = [("", *names)]
    refit = report.get("refit")
    labels = {"train": "train, all rows"} if refit else {}
    for split in splits:
        label = labels.get(split, split)
        rows.append((label, *_cells(report[split], names)))
        for dim, metrics in report.get("widths", {}).get(split, {}).items():
            rows.append((f"{split}, width {dim}", *_cells(metrics, names)))
        for name, metrics in report["baselines"].get(split, {}).items():
            rows.append((f"  {name}", *_cells(metrics, names)))
    lines = aligned_lines(rows)
    lines.append(
        f"best epoch {report['best_epoch']} (counted from 0) of "
        f"{report['epochs']}"
    )
    if any(report["baselines"].values()):
        lines[-1] += "; indented rows are baselines"
    if refit:
        lines.append(
            "validation is of the training in held_out, without these rows; "
            "the model has been trained on all rows"
        )
    return "\n".join(lines)


def _cells(metrics, names):
    return [
        f"{metrics[name]:.4f}" if name in metrics else "-" for name in names
    ]
