"""Quality on STS-B and SICK, with their official splits.

`python -m benchmarks.quality.sentences --task stsb` trains the task's recipe
with several seeds and scores dev; `--test` scores test as well. Answers
without a model of ours stand above. wordllama's vectors are used where its
package is installed. `O2V_DATA_DIR` names the folder of data.
"""

import argparse
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from benchmarks.quality.seeds import print_head  # noqa: E402
from benchmarks.quality.seeds import print_row  # noqa: E402
from benchmarks.quality.sentences.baselines import baselines  # noqa: E402
from benchmarks.quality.sentences.recipe import evaluate  # noqa: E402
from benchmarks.quality.sentences.recipe import train  # noqa: E402
from benchmarks.quality.sentences.recipes import recipes  # noqa: E402
from benchmarks.quality.sentences.tasks import TASKS  # noqa: E402
from benchmarks.quality.sentences.tasks import Task  # noqa: E402
from benchmarks.quality.wordllama import MISSING  # noqa: E402
from benchmarks.quality.wordllama import wordllama_folder  # noqa: E402
from notebooks.sizes import sized  # noqa: E402

_DIGITS = 3


def main():
    """Prints lines of a Markdown table."""
    arguments = _parse()
    print(machine())
    task, seeds = TASKS[arguments.task], range(arguments.seeds)
    splits = ["dev", "test"] if arguments.test else ["dev"]
    print_head(f"{task.name}, {task.metric}", splits)
    answers = [baselines(task, split) for split in splits]
    for name in answers[0]:
        print_row(name, [scores[name] for scores in answers], _DIGITS)
    started = time.perf_counter()
    has_wordllama = wordllama_folder() is not None
    for wordllama in (False, True) if has_wordllama else (False,):
        scores = _scores(task, recipes(task.name, wordllama), seeds, splits)
        name = "with" if wordllama else "without"
        print_row(f"Object2Vec {name} wordllama", scores.T, _DIGITS)
    if not has_wordllama:
        print(MISSING)
    print(f"{time.perf_counter() - started:.0f} s for the trainings")


def _parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument(
        "--seeds", type=int, default=sized(5, quick=1), metavar="N"
    )
    parser.add_argument("--test", action="store_true")
    return parser.parse_args()


def _scores(task: Task, members, seeds, splits) -> np.ndarray:
    """Returns the scores of a training for each seed, `(seeds, splits)`."""
    scores = []
    for seed in seeds:
        model = train(task, members, seed)
        scores.append([evaluate(model, task, split) for split in splits])
        keras.backend.clear_session()
    return np.array(scores)


if __name__ == "__main__":
    main()
