"""Quality on MovieLens-100k: ratings, and films for users.

`python -m benchmarks.quality.movielens --task ua` trains the task's recipe
with several seeds and scores a validation split cut from training; with
`--test` it trains on all training rows and scores test. Answers without
Object2Vec stand above. `O2V_DATA_DIR` names the folder of data.
"""

import argparse
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from benchmarks.quality.movielens import retrieval  # noqa: E402
from benchmarks.quality.movielens.new_users import rate_for_new_users  # noqa: E402
from benchmarks.quality.movielens.new_users import score_new_users  # noqa: E402
from benchmarks.quality.movielens.ranking_baselines import baseline_scores  # noqa: E402
from benchmarks.quality.movielens.ranking_scores import metrics  # noqa: E402
from benchmarks.quality.movielens.ranking_scores import ranking_scores  # noqa: E402
from benchmarks.quality.movielens.rating_baselines import baseline_stars  # noqa: E402
from benchmarks.quality.movielens.ratings import predict_stars  # noqa: E402
from benchmarks.quality.movielens.splits import million_split  # noqa: E402
from benchmarks.quality.movielens.splits import new_users_split  # noqa: E402
from benchmarks.quality.movielens.splits import official_split  # noqa: E402
from benchmarks.quality.movielens.splits import random_split  # noqa: E402
from benchmarks.quality.seeds import print_head  # noqa: E402
from benchmarks.quality.seeds import print_row  # noqa: E402
from benchmarks.quality.seeds import split_name  # noqa: E402
from notebooks.sizes import sized  # noqa: E402

FOLDS = ("u1", "u2", "u3", "u4", "u5")
TASKS = ("ua", "u1-u5", "above-3", "retrieval", "ml-1m", "new-users")
# Task -> its split, films shown to a user, EASE's penalty.
RETRIEVAL = {
    "retrieval": (random_split, 10, 200),
    "ml-1m": (million_split, 20, 800),
}


def main():
    """Prints lines of a Markdown table."""
    arguments = _parse()
    print(machine())
    started = time.perf_counter()
    seeds = range(arguments.seeds)
    if arguments.task in RETRIEVAL:
        _report_retrieval(arguments.task, seeds, arguments.test)
    elif arguments.task == "new-users":
        _report_new_users(seeds, arguments.test)
    elif arguments.task == "u1-u5":
        _report_ratings("stars", FOLDS, seeds, arguments.test)
    else:
        answer = "stars" if arguments.task == "ua" else arguments.task
        _report_ratings(answer, ("ua",), seeds, arguments.test)
    print(f"{time.perf_counter() - started:.0f} s")


def _parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument(
        "--seeds", type=int, default=sized(5, quick=1), metavar="N"
    )
    parser.add_argument("--test", action="store_true")
    return parser.parse_args()


def _report_ratings(answer, names, seeds, test):
    """Prints the score of each split, and their mean."""
    columns = [*names, "mean"] if len(names) > 1 else names
    score = _rmse if answer == "stars" else _accuracy_above_3
    print_head(f"{score.__doc__.rstrip('.')}, {split_name(test)}", columns)
    splits = [official_split(name, test) for name in names]
    scores = {}
    for split in splits:
        for name, stars in baseline_stars(split.train, split.scored):
            scores.setdefault(name, []).append(score(split.scored, stars))
    for name, column in scores.items():
        print_row(name, _with_mean(np.array([column])).T)
    ours = np.empty((len(seeds), len(splits)))
    for row, seed in enumerate(seeds):
        for column, split in enumerate(splits):
            stars = predict_stars(answer, split.train, split.scored, seed)
            ours[row, column] = score(split.scored, stars)
            keras.backend.clear_session()
    print_row("**Object2Vec**", _with_mean(ours).T)


def _rmse(scored, stars):
    """RMSE."""
    return np.sqrt(np.mean((stars - scored.stars) ** 2))


def _accuracy_above_3(scored, stars):
    """Accuracy of rating > 3."""
    return np.mean((stars > 3.5) == (scored.stars > 3))


def _with_mean(scores):
    if scores.shape[1] == 1:
        return scores
    return np.column_stack([scores, scores.mean(axis=1)])


def _report_retrieval(task, seeds, test):
    split_of, top, penalty = RETRIEVAL[task]
    split = split_of(test)
    print_head(f"{task}, {split_name(test)}", metrics(top))
    for name, scores in baseline_scores(split, penalty):
        print_row(name, ranking_scores(scores, split, top))
    ours = []
    for seed in seeds:
        scores = retrieval.score_films(retrieval.RECIPES[task], split, seed)
        ours.append(ranking_scores(scores, split, top))
        keras.backend.clear_session()
    print_row("**Object2Vec**", np.transpose(ours))


def _report_new_users(seeds, test):
    split = new_users_split(test)
    print_head(f"new users, {split_name(test)}", metrics(10))
    found = {}
    for seed in seeds:
        for name, scores in score_new_users(split, seed):
            found.setdefault(name, []).append(ranking_scores(scores, split, 10))
        keras.backend.clear_session()
    for name, rows in found.items():
        print_row(name, np.transpose(rows))
    print_head(f"new users, {split_name(test)}", ("RMSE",))
    for name, stars in baseline_stars(split.train, split.scored):
        print_row(name, np.array([[_rmse(split.scored, stars)]]))
    found = {}
    for seed in seeds:
        for name, stars in rate_for_new_users(split, seed):
            found.setdefault(name, []).append(_rmse(split.scored, stars))
        keras.backend.clear_session()
    for name, column in found.items():
        print_row(name, np.array([column]))


if __name__ == "__main__":
    main()
