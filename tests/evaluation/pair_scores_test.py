import numpy as np

from o2v_keras import PairTable
from o2v_keras.evaluation.pair_scores import PopularityScores
from o2v_keras.evaluation.pair_scores import TfidfScores
from o2v_keras.evaluation.ranking_metrics import count_above
from o2v_keras.evaluation.ranking_task import RankingTask


def make_task(candidates):
    """Query n is to find candidate n."""
    ids = np.arange(1, candidates + 1)
    return RankingTask(
        PairTable.from_arrays(ids, ids), "in0", None, None, keep_seen=False
    )


def test_popular_candidates_come_first():
    task = make_task(4)
    counts = np.array([3, 10, 0, 7])
    above = count_above(task, PopularityScores(counts))
    assert above[np.argsort(task.targets.candidates)].tolist() == [2, 0, 3, 1]


def test_ties_are_neither_for_nor_against_a_baseline():
    task = make_task(2000)
    above = count_above(task, PopularityScores(np.zeros(2000)))
    assert sorted(above) == list(range(2000))
    texts = ["a word"] * 2000
    above = count_above(task, TfidfScores(["word"] * 2000, texts))
    assert sorted(above) == list(range(2000))


def test_texts_with_words_in_common_come_first():
    task = make_task(3)
    texts = ["a red house", "the blue sky", "green grass"]
    words = ["houses red", "sky", "grass green"]
    places = task.candidate_rows
    scores = TfidfScores(
        [words[row] for row in task.query_rows], [texts[row] for row in places]
    )
    assert count_above(task, scores).tolist() == [0, 0, 0]
