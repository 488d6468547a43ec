"""Ranks every target among the whole corpus, with baselines."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.model_ranking import ModelRanking
from o2v_keras.evaluation.ranking_options import RankingOptions
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
) -> dict[str, Any]:
    """Ranks each query's targets among all candidates, without sampling.

    By default a query's partners in `training` are excluded. Candidates with
    the score of a target rank before it, so constant scores gain nothing; the
    baselines' ties are broken at random. Objects with equal ids are one: rows
    with the same query are one query with several targets, and equal rows
    count once. Scores are computed in blocks of at most 4 million; embeddings
    are kept in memory.

    Args:
        model: `Object2Vec`.
        pairs: Test data: files, a mapping of columns or a `PairTable`; the
            latter two may lack labels. Each row is a query and a target.
        corpus: The candidates: data with the targets' side. Defaults to
            `None`: the distinct objects of that side in `pairs` and
            `training`.
        training: The training pairs; labels are ignored. Defaults to `None`.
        columns: `PairColumns` of all three. Defaults to `in0`, `in1` and
            `label`.
        query: The side of the queries, `"in0"` or `"in1"`; the other side is
            ranked. Defaults to `"in0"`.
        score: `"cosine"` or `"dot"` of the two embeddings, or `"head"`, the
            model's score of each pair (its value or expected class), which
            is slow and for small corpora. Defaults to `None`: the
            `similarity` of a model trained by an in-batch softmax, `"dot"`
            if the comparator has nothing else, otherwise `"cosine"`; negated,
            with a warning, if the head scores similar pairs lower.
        at: The `k`s of the metrics. Defaults to `(1, 10, 100)`.
        min_label: Least label of a target; rows of `pairs` below it have
            none. Defaults to `None`: 1 for a model of two classes, otherwise
            no limit.
        keep_seen: bool. Whether a query's partners in `training` and the
            items of a bag (`exclude_own`) stay candidates. Defaults to
            `False`.
        filtered: bool. Whether each target is ranked without the query's
            other targets, as is usual for knowledge graphs: each pair is then
            a query. Defaults to `False`.
        exclude_own: bool. Whether candidates that are one id of the query
            are excluded, so that a bag does not find its own items. Targets
            are not excluded. Defaults to `None`: `True` if the sides share a
            token table (`tied_token_embedding_weight`) and hold ids, some
            query has several ids and each candidate one.
        given_candidates: bool. Whether the candidates of a query are the
            objects of its rows alone, targets or not (labels below
            `min_label`). Defaults to `False`: all queries have all
            candidates.
        allow_leaks: bool. Whether `training` may hold targets. Defaults to
            `False`: they are an error.
        texts: Side -> texts of its rows, for the TF-IDF baselines of data
            that hold ids: the query side's of `pairs`, the other side's of
            `corpus`, which must be given. Defaults to `None`: the texts in
            the data if both sides have tokenizers other than `"category"`
            and `"categories"`.

    Returns:
        A dict. `metrics` has `hits@k`, `recall@k`, `ndcg@k` and `accuracy@k`
        for each `k`, `mrr` and `mean_rank`, defined in `ranking_metrics`.
        `baselines` has the same for `random`, `popularity` (with `training`),
        `tfidf_words` and `tfidf_characters` (with texts). `widths`, if the
        model has `matryoshka_dims`, has `metrics` of each prefix of the
        embeddings, under its width. Counts are `rows`
        with a target, distinct `queries`, `pairs` and `candidates`,
        `excluded` pairs of a query and a candidate, `excluded_own` of them
        because the candidate is an id of the query, and `leaked` rows.

    Raises:
        ValueError: If an argument is invalid, or embeddings or scores are
            NaN or infinite.
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
    - Krichene and Rendle 2020, "On Sampled Metrics for Item Recommendation":
      sampled candidates can order models wrongly.
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
    widths = ranking.metrics_by_width()
    return {
        "metrics": ranking.metrics(),
        **(
            {"widths": {dim: {"metrics": m} for dim, m in widths.items()}}
            if widths
            else {}
        ),
        "baselines": ranking.baselines(),
        **ranking.counts,
    }
