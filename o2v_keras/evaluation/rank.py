"""Ranks every target among the whole corpus, with baselines beside it."""

from collections.abc import Mapping
from collections.abc import Sequence

from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.model_ranking import ModelRanking
from o2v_keras.evaluation.model_ranking import RankingOptions
from o2v_keras.models.object2vec import Object2Vec


def rank(
    model: Object2Vec,
    pairs: Source,
    corpus: Source | None = None,
    training: Source | None = None,
    *,
    columns: PairColumns = DEFAULT_COLUMNS,
    query: str = "in0",
    score: str | None = None,
    at: Sequence[int] = (1, 10, 100),
    min_label: float | None = None,
    keep_seen: bool = False,
    filtered: bool = False,
    exclude_own: bool | None = None,
    given_candidates: bool = False,
    allow_leaks: bool = False,
    texts: Mapping[str, Sequence[str]] | None = None,
) -> dict:
    """Ranks for each query its true targets among all candidates.

    Nothing is sampled: each query's targets stand among the whole corpus,
    but for what the query was trained with. Candidates with the same score
    as a target count as before it, so that a model gains nothing by scores
    that are all alike; the baselines' ties are broken at random instead,
    so that they do not flatter the model. Objects with equal ids are one:
    rows with the same query are one query with several targets, and equal
    rows count once.
    Scores are computed in blocks of at most 4 million, embeddings are held.

    Args:
        model: `Object2Vec`.
        pairs: Test data, as `load_pairs` takes them; a mapping or a
            `PairTable` may lack labels. Each row is a query and a target.
        corpus: The candidates: data with the targets' side. Defaults to
            `None`: the distinct objects of that side in `pairs` and
            `training`.
        training: Pairs that the model was trained with; labels do not
            matter. Defaults to `None`.
        columns: `PairColumns` of all three. Defaults to `in0`, `in1` and
            `label`.
        query: The side of the queries, `"in0"` or `"in1"`; the other side is
            ranked. Defaults to `"in0"`.
        score: `"cosine"` or `"dot"` of the two encoders' embeddings, or
            `"head"`, the model's own answer to each pair (its value, or the
            expected class): every pair goes through the MLP, so for small
            corpora. Defaults to `None`: the `similarity` of a model trained
            by an in-batch softmax, `"dot"` where that is all its comparator
            does, and otherwise `"cosine"`; the negative of it, with a
            warning, where the head scores pairs lower that are more alike.
        at: The `k`s of the metrics. Defaults to `(1, 10, 100)`.
        min_label: Rows of `pairs` with a smaller label name no target.
            Defaults to `None`: 1 for a model of two classes, otherwise every
            row names one.
        keep_seen: Keep among a query's candidates what it knows already: its
            partners in `training`, and the items of a bag (`exclude_own`).
            Defaults to `False`: they are left out.
        filtered: Rank every target without the query's other targets, as is
            usual for knowledge graphs: each pair is then a query of its own.
            Defaults to `False`.
        exclude_own: Leave out the candidates that are one id of the query: a
            bag of items is not to find what it holds. A target stays one.
            Defaults to `None`: where one token table serves both sides
            (`tied_token_embedding_weight`), both hold ids and not texts,
            some query has several and each candidate one.
        given_candidates: Rank within the candidates that the data give a
            query: the other objects of its rows. Those labelled lower than
            `min_label` are candidates and no targets. Only these pairs are
            scored. Defaults to `False`: all candidates are every query's.
        allow_leaks: Rank targets that `training` holds for their query all
            the same. Defaults to `False`: an error.
        texts: Side -> texts of its rows: those of `pairs` for the queries'
            side and those of `corpus`, which must be given, for the other,
            where the data hold ids of them. Gives the TF-IDF baselines.
            Defaults to `None`: the texts of the data, where both sides have
            tokenizers other than `"category"`.

    Returns:
        `{"metrics": {...}, "baselines": {name: {...}}, "rows": n, "queries":
        n, "pairs": n, "candidates": n, "excluded": n, "excluded_own": n,
        "leaked": n}`. Metrics are `hits@k`, `recall@k`, `ndcg@k` and
        `accuracy@k` for each `k`, `mrr` and `mean_rank`, as `ranking_metrics`
        defines them. Baselines are `random`, `popularity` (with `training`),
        `tfidf_words` and `tfidf_characters` (with `texts`). Rows are those
        that name a target, queries and pairs the distinct ones; excluded are
        the pairs of a query and a candidate left out, some of them because
        the candidate is an id of the query (`excluded_own`).

    Raises:
        ValueError: If an argument is not among its choices, or embeddings or
            scores are NaN or infinite.
        DataError: If rows are unusable, `pairs` has a pair of `training`, or
            `corpus` lacks a target.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> corpus = {"in1": [[1], [2], [3], [4]]}
    >>> test = {"in0": [[5], [6]], "in1": [[1], [2]]}
    >>> train = {"in0": [[5], [6]], "in1": [[2], [1]]}
    >>> result = rank(model, test, corpus, train, at=[1])
    >>> result["candidates"], result["excluded"]
    (4, 2)
    >>> round(result["baselines"]["random"]["mean_rank"], 6)
    2.0

    Reference:
    - Sampled candidates may order models wrongly: Krichene and Rendle 2020,
      "On Sampled Metrics for Item Recommendation".
    """
    options = RankingOptions(
        columns=columns,
        query=query,
        score=score,
        at=at,
        min_label=min_label,
        keep_seen=keep_seen,
        filtered=filtered,
        exclude_own=exclude_own,
        given_candidates=given_candidates,
        allow_leaks=allow_leaks,
        texts=texts,
    )
    ranking = ModelRanking(model, pairs, corpus, training, options)
    return {
        "metrics": ranking.metrics(),
        "baselines": ranking.baselines(),
        **ranking.counts,
    }
