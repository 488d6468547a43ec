import numpy as np
import pytest

from o2v_keras import PairTable
from o2v_keras.data.data_error import DataError
from o2v_keras.evaluation.ranking_task import RankingTask

PAIRS = PairTable.from_arrays(
    [[1], [2, 5], [1], [1], [1]], [[7], [8, 9], [8, 9], [3], [7]]
)
TRAINING = PairTable.from_arrays(
    [[1], [1], [2, 5], [6], [1]], [[4], [4], [7], [3], [9]]
)


def make_task(corpus=None, training=TRAINING, query="in0", keep_seen=False):
    return RankingTask(PAIRS, query, corpus, training, keep_seen)


def named(task, links):
    """Links as pairs of the ids of query and candidate."""
    return {
        (tuple(task.queries[q].tolist()), tuple(task.candidates[c].tolist()))
        for q, c in zip(links.queries, links.candidates, strict=True)
    }


def objects(sequences):
    return sorted(tuple(row.tolist()) for row in sequences)


def test_objects_are_distinct_and_candidates_those_of_all_tables():
    task = make_task()
    assert objects(task.queries) == [(1,), (2, 5)]
    assert objects(task.candidates) == [(3,), (4,), (7,), (8, 9), (9,)]


def test_targets_are_distinct_and_the_query_with_most_comes_first():
    task = make_task()
    assert task.queries[0].tolist() == [1]
    assert task.targets.counts.tolist() == [3, 1]
    assert named(task, task.targets) == {
        ((1,), (7,)),
        ((1,), (8, 9)),
        ((1,), (3,)),
        ((2, 5), (8, 9)),
    }


def test_seen_pairs_are_excluded_or_kept():
    task = make_task()
    seen = {((1,), (4,)), ((1,), (9,)), ((2, 5), (7,))}
    assert named(task, task.excluded) == seen
    assert task.candidate_counts.tolist() == [3, 4]
    assert not len(make_task(keep_seen=True).excluded)


def test_a_pair_that_leaked_stays_a_target():
    task = make_task(training=PAIRS)
    assert not len(task.excluded)
    assert len(task.targets) == 4


def test_popularity_counts_rows_of_training():
    task = make_task()
    counts = dict(zip(objects(task.candidates), [0] * 5, strict=True))
    for row, count in zip(task.candidates, task.popularity, strict=True):
        counts[tuple(row.tolist())] = int(count)
    assert counts == {(3,): 1, (4,): 2, (7,): 1, (8, 9): 0, (9,): 1}


def test_the_other_side_asks():
    task = make_task(query="in1")
    assert objects(task.queries) == [(3,), (7,), (8, 9)]
    assert objects(task.candidates) == [(1,), (2, 5), (6,)]
    assert named(task, task.excluded) == {((3,), (6,)), ((7,), (2, 5))}


def test_corpus_is_all_there_is_and_padding_makes_no_difference():
    corpus = PairTable.from_arrays(None, [[8, 9, 0], [7], [3], [2], [7, 0]])
    task = make_task(corpus)
    assert objects(task.candidates.take(np.arange(4))) == objects(
        corpus.in1.take([0, 1, 2, 3])
    )
    assert len(task.targets) == 4
    assert named(task, task.excluded) == {((2, 5), (7,))}
    assert task.popularity.sum() == 2


def test_rows_lead_back_to_the_tables():
    corpus = PairTable.from_arrays(None, [[3], [8, 9], [7]])
    task = make_task(corpus)
    for query, row in zip(task.queries, task.query_rows, strict=True):
        assert PAIRS.in0[row].tolist() == query.tolist()
    for candidate, row in zip(
        task.candidates, task.candidate_rows, strict=True
    ):
        assert corpus.in1[row].tolist() == candidate.tolist()


def test_a_corpus_without_a_target_is_refused():
    corpus = PairTable.from_arrays(None, [[7], [3]])
    message = "lacks those of 2 of 5 rows, the first of them row 1"
    with pytest.raises(DataError, match=message):
        make_task(corpus)


def test_a_bag_does_not_find_its_own_items():
    pairs = PairTable.from_arrays([[7, 8], [9], [7, 8]], [[9], [7], [7]])
    task = RankingTask(pairs, "in0", None, None, False, exclude_own=True)
    # The bag holds its target 7 as well, which stays one.
    assert named(task, task.excluded) == {((9,), (9,))}
    assert task.own == 1
    corpus = PairTable.from_arrays(None, [[7], [8], [9], [7, 8]])
    known = PairTable.from_arrays([[7, 8]], [[8]])
    task = RankingTask(pairs, "in0", corpus, known, False, exclude_own=True)
    assert named(task, task.excluded) == {((9,), (9,)), ((7, 8), (8,))}
    assert task.own == 1


def test_candidates_may_be_those_of_the_querys_rows():
    given = PairTable.from_arrays(
        [[1], [1], [1], [2, 5], [2, 5], [6]], [[7], [4], [2], [3], [7], [7]]
    )
    ranked = given.take(np.array([0, 3]))
    task = RankingTask(ranked, "in0", given, TRAINING, False, given=given)
    assert named(task, task.given) == {
        ((1,), (7,)),
        ((1,), (2,)),
        ((2, 5), (3,)),
    }
    assert sorted(task.candidate_counts) == [1, 2]
