"""Recipes against simple baselines, without a hyperparameter of the user.

`python -m benchmarks.quality.recipes` trains on each data set as `o2v train
--train DATA --model-dir DIR` does and scores a validation split; with `--test`
the test split. `--sets` names some. `O2V_DATA_DIR` names the folder of data.
"""

import argparse
import tempfile
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from benchmarks.quality.recipes.baselines import METRICS  # noqa: E402
from benchmarks.quality.recipes.baselines import scores  # noqa: E402
from benchmarks.quality.recipes.sets import SETS  # noqa: E402
from benchmarks.quality.seeds import cell  # noqa: E402
from benchmarks.quality.seeds import print_head  # noqa: E402
from benchmarks.quality.seeds import print_row  # noqa: E402
from benchmarks.quality.seeds import split_name  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import train  # noqa: E402

_LOWER_IS_BETTER = ("ratings",)


def main():
    """Prints lines of a Markdown table."""
    arguments = _parse()
    print(machine())
    columns = ("pairs", "metric", "Object2Vec", "best baseline", "s a training")
    print_head(f"recipes, {split_name(arguments.test)}", columns)
    for name in arguments.sets:
        _report(name, range(arguments.seeds), arguments.test)


def _parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS])
    parser.add_argument(
        "--seeds", type=int, default=sized(3, quick=1), metavar="N"
    )
    parser.add_argument("--test", action="store_true")
    return parser.parse_args()


def _report(name, seeds, test):
    kind = SETS[name].kind
    known, scored = SETS[name].load(test)
    ours, seconds = [], []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            model = train(
                {"seed": seed},
                known,
                recipe="auto",
                model_dir=folder,
                verbose=0,
            ).model
            seconds.append(time.perf_counter() - started)
        answers = scores(kind, model, known, scored)
        ours.append(answers.pop("Object2Vec"))
        keras.backend.clear_session()
    sign = -1 if kind in _LOWER_IS_BETTER else 1
    best = max(answers, key=lambda answer: sign * answers[answer])
    print_row(
        f"{name} ({kind})",
        (
            f"{len(known['label']):,}",
            METRICS[kind],
            cell(np.array(ours)),
            f"{answers[best]:.4f} {best}",
            f"{np.mean(seconds):.0f}",
        ),
    )


if __name__ == "__main__":
    main()
