import itertools

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from o2v_keras.evaluation.ranking_metrics import random_ranking
from o2v_keras.evaluation.ranking_metrics import ranking_metrics
from o2v_keras.evaluation.ranking_task import Links


def links_of(targets):
    """Links of queries to lists of candidates."""
    queries = np.repeat(np.arange(len(targets)), [len(t) for t in targets])
    return Links.of(queries, np.concatenate(targets), len(targets))


def above_of(orders, links):
    """Counts from whole orders of candidates, the first one first."""
    above = []
    for query, target in zip(links.queries, links.candidates, strict=True):
        others = set(links.candidates[links.queries == query])
        order = orders[query]
        before = order[: list(order).index(target)]
        above.append(len([c for c in before if c not in others]))
    return np.array(above)


def random_orders(queries, candidates):
    rng = np.random.default_rng(0)
    return [rng.permutation(candidates) for _ in range(queries)]


def test_one_target_a_query_by_hand():
    links = links_of([[0], [3], [2]])
    metrics = ranking_metrics(links, np.array([0, 1, 9]), at=[1, 2])
    assert metrics == pytest.approx(
        {
            "hits@1": 1 / 3,
            "recall@1": 1 / 3,
            "ndcg@1": 1 / 3,
            "accuracy@1": 1 / 3,
            "hits@2": 2 / 3,
            "recall@2": 2 / 3,
            "ndcg@2": (1 + 1 / np.log2(3)) / 3,
            "accuracy@2": 2 / 3,
            "mrr": (1 + 1 / 2 + 1 / 10) / 3,
            "mean_rank": (1 + 2 + 10) / 3,
        }
    )


def test_several_targets_by_hand():
    # Positions 1, 3 and 4 of the first query, 2 of the second.
    metrics = ranking_metrics(
        links_of([[5, 6, 7], [8]]), np.array([1, 0, 1, 1]), at=[1, 3]
    )
    assert metrics["hits@1"] == 0.5
    assert metrics["recall@3"] == pytest.approx((2 / 3 + 1) / 2)
    assert metrics["accuracy@3"] == pytest.approx(3 / 4)
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert metrics["ndcg@3"] == pytest.approx(
        ((1 + 1 / 2) / ideal + 1 / np.log2(3)) / 2
    )
    assert metrics["mrr"] == pytest.approx((1 + 1 / 2) / 2)
    assert metrics["mean_rank"] == pytest.approx((1 + 3 + 4 + 2) / 4)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_ndcg_is_that_of_scikit_learn(k):
    rng = np.random.default_rng(1)
    targets = [
        rng.choice(20, size, replace=False) for size in rng.integers(1, 12, 40)
    ]
    links, orders = links_of(targets), random_orders(40, 20)
    truth = np.zeros((40, 20))
    truth[links.queries, links.candidates] = 1
    scores = np.empty((40, 20))
    for row, order in zip(scores, orders, strict=True):
        row[order] = np.arange(20, 0, -1)
    metrics = ranking_metrics(links, above_of(orders, links), at=[k])
    expected = ndcg_score(truth, scores, k=k)
    assert metrics[f"ndcg@{k}"] == pytest.approx(expected)


def test_random_is_the_mean_over_all_orders():
    # Queries of five and of four candidates, with one and two targets.
    tasks = [(5, [0]), (5, [1, 3]), (4, [0, 2])]
    links = links_of([targets for _, targets in tasks])
    counts = np.array([size for size, _ in tasks])
    total = {}
    for orders in zip(
        *(
            itertools.islice(
                itertools.cycle(itertools.permutations(range(size))), 120
            )
            for size, _ in tasks
        ),
        strict=True,
    ):
        metrics = ranking_metrics(links, above_of(orders, links), at=[1, 2, 9])
        for name, value in metrics.items():
            total[name] = total.get(name, 0) + value / 120
    assert random_ranking(links, counts, at=[1, 2, 9]) == pytest.approx(total)


def test_random_figures_of_a_large_corpus():
    links = links_of([[0]])
    metrics = random_ranking(links, np.array([100_000]), at=[10])
    assert metrics["hits@10"] == pytest.approx(1e-4)
    assert metrics["mrr"] == pytest.approx(
        (1 / np.arange(1, 100_001)).sum() / 1e5
    )
