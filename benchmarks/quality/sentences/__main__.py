"""Quality on STS-B and SICK, with their official splits.

`python -m benchmarks.quality.sentences --task stsb` trains the task's recipe
with several seeds and scores dev; `--test` scores test as well, beside answers
without a model. `--ablation` scores on dev what each ingredient buys, and never
reads test. `O2V_DATA_DIR` names the folder of data.
"""

import argparse
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from benchmarks.quality.sentences.baselines import baselines  # noqa: E402
from benchmarks.quality.sentences.recipe import Recipe  # noqa: E402
from benchmarks.quality.sentences.recipe import evaluate  # noqa: E402
from benchmarks.quality.sentences.recipe import train  # noqa: E402
from benchmarks.quality.sentences.recipes import RECIPES  # noqa: E402
from benchmarks.quality.sentences.recipes import ablations  # noqa: E402
from benchmarks.quality.sentences.tasks import TASKS  # noqa: E402
from benchmarks.quality.sentences.tasks import Task  # noqa: E402
from notebooks.sizes import sized  # noqa: E402


def main():
    """Prints lines of a Markdown table."""
    arguments = _parse()
    print(machine())
    task = TASKS[arguments.task]
    seeds = range(arguments.seeds)
    if arguments.ablation:
        print(f"| {task.name}, dev | {task.metric} |\n| --- | --- |")
        for what, recipe in ablations(task.name).items():
            _print_row(what, _scores(task, recipe, seeds, ["dev"]))
        return
    splits = ["dev", "test"] if arguments.test else ["dev"]
    print(f"| {task.name} | {' | '.join(splits)} |")
    print("| --- |" + " --- |" * len(splits))
    without = [baselines(task, split) for split in splits]
    for name in without[0]:
        _print_row(name, np.array([[scores[name] for scores in without]]))
    started = time.perf_counter()
    _print_row("ours", _scores(task, RECIPES[task.name], seeds, splits))
    print(f"{time.perf_counter() - started:.0f} s for {len(seeds)} trainings")


def _parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument(
        "--seeds", type=int, default=sized(5, quick=1), metavar="N"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--test", action="store_true")
    mode.add_argument("--ablation", action="store_true")
    return parser.parse_args()


def _scores(task: Task, recipe: Recipe, seeds, splits) -> np.ndarray:
    """Returns the scores of a training for each seed, `(seeds, splits)`."""
    scores = []
    for seed in seeds:
        model = train(task, recipe, seed)
        scores.append([evaluate(model, task, split) for split in splits])
        keras.backend.clear_session()
    return np.array(scores)


def _print_row(name, scores):
    cells = [_cell(column) for column in scores.T]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _cell(scores):
    if len(scores) == 1:
        return f"{scores[0]:.3f}"
    each = " ".join(f"{score:.3f}" for score in scores)
    return f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f} ({each})"


if __name__ == "__main__":
    main()
