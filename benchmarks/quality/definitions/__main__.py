"""Finding examples by definitions: WordNet as a search for documents.

`python -m benchmarks.quality.definitions` trains the recipe with several seeds
and scores validation; `--test` trains on all that is not test and scores that.
`--ablation` scores on validation what the recipe's parts buy. `O2V_DATA_DIR`
names the folder of data.
"""

import argparse
import time

import keras
import numpy as np

from o2v_keras.quiet_start import start_tensorflow

start_tensorflow()

from benchmarks.machine import machine  # noqa: E402
from benchmarks.quality.definitions.recipe import scores  # noqa: E402
from benchmarks.quality.definitions.recipe import train  # noqa: E402
from benchmarks.quality.definitions.split import load_split  # noqa: E402
from benchmarks.quality.seeds import cell  # noqa: E402

METRICS = {"hits@1": 3, "hits@10": 3, "mean_rank": 0}
ABLATION = {
    "the recipe": {},
    "temperature 0.05": {"temperature": 0.05},
    "one side's negatives": {"negative_sampling_side": "in1"},
    "with the correction of frequencies": {"sampling_bias_correction": True},
    "two tables": {"tied_token_embedding_weight": False},
    "words, no n-grams": {
        "enc0_tokenizer": "words",
        "enc0_hash_buckets": 0,
    },
}


def main():
    """Prints lines of a Markdown table."""
    arguments = _parse()
    print(machine())
    started = time.perf_counter()
    split = load_split(arguments.test)
    print(f"| {'test' if arguments.test else 'validation'} | ", end="")
    print(" | ".join(METRICS), "|\n| --- |" + " --- |" * len(METRICS))
    if arguments.ablation:
        for name, changes in ABLATION.items():
            found = scores(train(split, 0, **changes), split)["ours"]
            _print_row(name, [found])
        without = load_split(False, with_words=False)
        found = scores(train(without, 0, epochs=8), without)["ours"]
        _print_row("no pairs of definition and words, 8 epochs", [found])
    else:
        found = []
        for seed in range(arguments.seeds):
            found.append(scores(train(split, seed), split))
            keras.backend.clear_session()
        for name in found[0]:
            every = found if name == "ours" else found[:1]
            _print_row(name, [scored[name] for scored in every])
    print(f"{time.perf_counter() - started:.0f} s")


def _parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--test", action="store_true")
    mode.add_argument("--ablation", action="store_true")
    return parser.parse_args()


def _print_row(name, found):
    cells = [
        cell(np.array([scored[metric] for scored in found]), digits)
        for metric, digits in METRICS.items()
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
