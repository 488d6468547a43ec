"""Quality on WordNet: examples for definitions, hypernyms for synsets.

The task `prefixes` compares smaller embeddings of definitions: trained by
`matryoshka_dims`, cut without training, and by PCA.

`python -m benchmarks.quality.wordnet --task definitions` trains the task's
recipe with several seeds and scores a validation split cut from training;
with `--test` it trains on all training rows and scores test. Answers without
Object2Vec stand above. `O2V_DATA_DIR` names the folder of data.
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
from benchmarks.quality.seeds import split_name  # noqa: E402
from benchmarks.quality.wordllama import MISSING  # noqa: E402
from benchmarks.quality.wordllama import untrained_model  # noqa: E402
from benchmarks.quality.wordllama import wordllama_folder  # noqa: E402
from benchmarks.quality.wordnet import hypernyms  # noqa: E402
from benchmarks.quality.wordnet import prefixes  # noqa: E402
from benchmarks.quality.wordnet.definitions import ranking  # noqa: E402
from benchmarks.quality.wordnet.definitions import train_texts  # noqa: E402
from benchmarks.quality.wordnet.splits import all_definitions  # noqa: E402
from benchmarks.quality.wordnet.splits import link_split  # noqa: E402
from benchmarks.quality.wordnet.splits import text_split  # noqa: E402
from notebooks.sizes import sized  # noqa: E402

TEXT_METRICS = ("hits@1", "hits@10", "mean_rank")
TASKS = ("definitions", "hypernyms", "prefixes")


def main():
    """Prints lines of a Markdown table."""
    arguments = _parse()
    print(machine())
    started = time.perf_counter()
    report = {
        "definitions": _report_texts,
        "hypernyms": _report_hypernyms,
        "prefixes": _report_prefixes,
    }[arguments.task]
    report(range(arguments.seeds), arguments.test)
    print(f"{time.perf_counter() - started:.0f} s")


def _parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument(
        "--seeds", type=int, default=sized(5, quick=1), metavar="N"
    )
    parser.add_argument("--test", action="store_true")
    return parser.parse_args()


def _report_texts(seeds, test):
    split = text_split(test)
    print_head(f"definition to example, {split_name(test)}", TEXT_METRICS)
    baselines, has_wordllama = True, wordllama_folder() is not None
    for with_wordllama in (False, True) if has_wordllama else (False,):
        ours = []
        for seed in seeds:
            model = train_texts(split, seed, with_wordllama)
            ranks = ranking(model, split)
            if baselines:
                _print_text_baselines(ranks, split, has_wordllama)
                baselines = False
            ours.append(_text_scores(ranks.metrics()))
            keras.backend.clear_session()
        name = "with" if with_wordllama else "without"
        print_row(f"**Object2Vec** {name} wordllama", np.transpose(ours))
    if not has_wordllama:
        print(MISSING)


def _print_text_baselines(ranks, split, has_wordllama):
    answers = ranks.baselines()
    if has_wordllama:
        model = untrained_model()
        answers["wordllama untrained, cosine"] = ranking(model, split).metrics()
    for answer, metrics in answers.items():
        print_row(answer, _text_scores(metrics))


def _text_scores(metrics):
    return [metrics[name] for name in TEXT_METRICS]


def _report_hypernyms(seeds, test):
    split = link_split(test)
    print_head(f"hypernyms, filtered, {split_name(test)}", hypernyms.METRICS)
    for name, score in hypernyms.baseline_scores(split):
        print_row(name, hypernyms.link_scores(score, split))
    ours = []
    for seed in seeds:
        score = hypernyms.score_hypernyms(split, seed)
        ours.append(hypernyms.link_scores(score, split))
        keras.backend.clear_session()
    print_row("**Object2Vec**", np.transpose(ours))


def _report_prefixes(seeds, test):
    split, definitions = text_split(test), all_definitions()
    print_head(f"width, {split_name(test)}", prefixes.METRICS)
    rows = {}
    for seed in seeds:
        for name, row in prefixes.scores(split, definitions, seed).items():
            rows.setdefault(name, []).append(row)
        keras.backend.clear_session()
    for name, scores in rows.items():
        print_row(name, np.transpose(scores))


if __name__ == "__main__":
    main()
