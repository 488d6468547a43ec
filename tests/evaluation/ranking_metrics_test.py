import itertools

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from o2v_keras import PairTable
from o2v_keras.evaluation import ranking_metrics as module
from o2v_keras.evaluation.pair_scores import EmbeddingScores
from o2v_keras.evaluation.ranking_metrics import count_above
from o2v_keras.evaluation.ranking_metrics import random_ranking
from o2v_keras.evaluation.ranking_metrics import ranking_metrics
from o2v_keras.evaluation.ranking_task import Links
from o2v_keras.evaluation.ranking_task import RankingTask


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


def make_task(queries=30, candidates=50, pairs=120, seed=0):
    rng = np.random.default_rng(seed)

    def table(rows):
        return PairTable.from_arrays(
            rng.integers(1, queries + 1, rows),
            rng.integers(1, candidates + 1, rows),
        )

    corpus = PairTable.from_arrays(None, np.arange(1, candidates + 1))
    return RankingTask(table(pairs), "in0", corpus, table(200), False)


def vectors(rows, seed, dim=8):
    return np.random.default_rng(seed).normal(size=(rows, dim))


def reference(task, matrix):
    """Counts from a whole matrix of scores, one target after another."""
    counts = []
    for query, target in zip(
        task.targets.queries, task.targets.candidates, strict=True
    ):
        others = np.ones(len(task.candidates), bool)
        for links in (task.targets, task.excluded):
            others[links.candidates[links.queries == query]] = False
        scores = matrix[query]
        counts.append((scores[others] >= scores[target]).sum())
    return counts


@pytest.mark.parametrize("normalize", [True, False], ids=["cosine", "dot"])
@pytest.mark.parametrize(
    ("scores", "width"), [(1 << 22, 1 << 16), (70, 7), (1, 1), (64, 50)]
)
def test_blocks_of_any_size_count_alike(monkeypatch, scores, width, normalize):
    monkeypatch.setattr(module, "_BLOCK_SCORES", scores)
    monkeypatch.setattr(module, "_BLOCK_CANDIDATES", width)
    monkeypatch.setattr(module, "_PAIRS", 11)
    task = make_task()
    first = vectors(len(task.queries), 1).astype(np.float32)
    second = vectors(len(task.candidates), 2).astype(np.float32)
    above = count_above(task, EmbeddingScores(first, second, normalize))
    matrix = first.astype(np.float64) @ second.T
    if normalize:
        matrix /= np.linalg.norm(second, axis=1)
    assert above.tolist() == reference(task, matrix)


def test_no_block_is_larger_than_its_bound(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK_SCORES", 100)
    monkeypatch.setattr(module, "_BLOCK_CANDIDATES", 20)
    sizes = []

    class Watched(EmbeddingScores):
        def block(self, queries, candidates):
            block = super().block(queries, candidates)
            sizes.append(block.size)
            return block

    task = make_task()
    first = vectors(len(task.queries), 1).astype(np.float32)
    second = vectors(len(task.candidates), 2).astype(np.float32)
    count_above(task, Watched(first, second, False))
    assert max(sizes) == 100


def test_given_candidates_alone_are_scored(monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", 11)
    rng = np.random.default_rng(5)
    rows = [rng.integers(1, size + 1, 200) for size in (20, 40)]
    given = PairTable.from_arrays(*rows)
    ranked = given.take(np.arange(60))
    task = RankingTask(ranked, "in0", given, None, False, given=given)
    first = vectors(len(task.queries), 1).astype(np.float32)
    second = vectors(len(task.candidates), 2).astype(np.float32)
    scores = EmbeddingScores(first, second, False)
    monkeypatch.setattr(scores, "block", None)
    matrix = np.full((len(first), len(second)), -np.inf)
    pairs = task.given.queries, task.given.candidates
    matrix[pairs] = (first.astype(np.float64) @ second.T)[pairs]
    assert count_above(task, scores).tolist() == reference(task, matrix)


@pytest.mark.parametrize("dim", [3, 4096])
@pytest.mark.parametrize("normalize", [True, False], ids=["cosine", "dot"])
def test_a_collapsed_model_ranks_every_target_last(normalize, dim):
    task = make_task()
    one = vectors(1, 3, dim)
    # What an encoder gives to equal objects in different batches.
    noise = 1 + 1e-7 * vectors(len(task.candidates), 4, dim)
    first = np.repeat(one, len(task.queries), axis=0).astype(np.float32)
    scores = EmbeddingScores(first, (one * noise).astype(np.float32), normalize)
    others = task.candidate_counts - task.targets.counts
    above = count_above(task, scores)
    assert above.tolist() == others[task.targets.queries].tolist()


def test_vectors_of_zeros_are_ties_as_well():
    task = make_task()
    zeros = np.zeros((50, 3), np.float32)
    above = count_above(task, EmbeddingScores(zeros, zeros, True))
    others = task.candidate_counts - task.targets.counts
    assert above.tolist() == others[task.targets.queries].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_refused(value):
    good, bad = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
    bad[1, 1] = value
    with pytest.raises(ValueError, match="Embeddings must be finite"):
        EmbeddingScores(good, bad, True)


def test_scores_that_are_not_finite_are_refused():
    task = make_task()
    large = np.full((50, 3), 3e38, np.float32)
    scores = EmbeddingScores(large, large, False)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ValueError, match="scores must be finite"),
    ):
        count_above(task, scores)
