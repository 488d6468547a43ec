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
from benchmarks.quality.wordnet.definitions import METRICS  # noqa: E402
from benchmarks.quality.wordnet.definitions import PIECES  # noqa: E402
from benchmarks.quality.wordnet.definitions import encode  # noqa: E402
from benchmarks.quality.wordnet.definitions import join  # noqa: E402
from benchmarks.quality.wordnet.definitions import rank_scores  # noqa: E402
from benchmarks.quality.wordnet.definitions import train_texts  # noqa: E402
from benchmarks.quality.wordnet.splits import all_definitions  # noqa: E402
from benchmarks.quality.wordnet.splits import link_split  # noqa: E402
from benchmarks.quality.wordnet.splits import text_split  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras.evaluation.model_ranking import ModelRanking  # noqa: E402
from o2v_keras.evaluation.ranking_options import RankingOptions  # noqa: E402

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
    split, has_wordllama = text_split(test), wordllama_folder() is not None
    print_head(f"definition to example, {split_name(test)}", METRICS)
    rows = {}
    for seed in seeds:
        model = train_texts(split, seed)
        if not rows:
            _print_text_baselines(model, split, has_wordllama)
        pairs = {"without wordllama": encode(model, split)}
        if has_wordllama:
            pieces = encode(train_texts(split, seed, PIECES), split)
            pairs["of wordllama's pieces alone"] = pieces
            pairs["of both"] = join([pairs["without wordllama"], pieces])
        for name, pair in pairs.items():
            rows.setdefault(name, []).append(rank_scores(pair))
        keras.backend.clear_session()
    for name, scores in rows.items():
        print_row(f"**Object2Vec** {name}", np.transpose(scores))
    if not has_wordllama:
        print(MISSING)


def _print_text_baselines(model, split, has_wordllama):
    corpus = {"in1": split.scored["in1"]}
    options = RankingOptions(at=(1, 10))
    ranking = ModelRanking(model, split.scored, corpus, options=options)
    for name, metrics in ranking.baselines().items():
        row = [metrics[m] for m in ("hits@1", "hits@10", "mean_rank")]
        print_row(name, row)
    if has_wordllama:
        pair = encode(untrained_model(), split)
        print_row("wordllama untrained, cosine", rank_scores(pair))


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
