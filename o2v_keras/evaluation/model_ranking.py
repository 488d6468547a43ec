"""Ranks a corpus by a model and by baselines."""

import dataclasses
import functools
from typing import Any

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.leaks import refuse_leaks
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.in_memory import column_names
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.evaluation.inference import embed_rows
from o2v_keras.evaluation.inference import read_rows
from o2v_keras.evaluation.outputs import came_from_texts
from o2v_keras.evaluation.outputs import original_texts
from o2v_keras.evaluation.pair_scores import EmbeddingScores
from o2v_keras.evaluation.pair_scores import HeadScores
from o2v_keras.evaluation.pair_scores import PopularityScores
from o2v_keras.evaluation.pair_scores import TfidfScores
from o2v_keras.evaluation.pair_scores import require_pair_scores
from o2v_keras.evaluation.ranking_metrics import count_above
from o2v_keras.evaluation.ranking_metrics import random_ranking
from o2v_keras.evaluation.ranking_metrics import ranking_metrics
from o2v_keras.evaluation.ranking_options import RankingOptions
from o2v_keras.evaluation.ranking_task import RankingTask
from o2v_keras.heads.similarity import UPSIDE_DOWN
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.user_warning import warn_user

_SIDES = ("in0", "in1")


class ModelRanking:
    """A ranking whose data are read once and ranked by changing weights.

    Args:
        model: `Object2Vec`.
        pairs: Test data; each row is a query and a target.
        corpus: The candidates. Defaults to `None`: the objects of `pairs` and
            `training`.
        training: The training pairs. Defaults to `None`.
        options: `RankingOptions`. Defaults to `None`: the defaults.

    Attributes:
        counts: dict of int: `rows`, `queries`, `pairs`, `candidates`,
            `excluded`, `excluded_own` and `leaked`.

    Raises:
        ValueError: If options contradict the data or the model.
        DataError: If rows are unusable, `pairs` has a pair of `training`, or
            `corpus` lacks a target.
    """

    def __init__(
        self,
        model: Object2Vec,
        pairs: Source,
        corpus: Source | None = None,
        training: Source | None = None,
        options: RankingOptions | None = None,
    ):
        require_pair_scores(model)
        options = options or RankingOptions()
        columns, query = options.columns, options.query
        self._follows_head = options.score is None
        self._model = model
        self._query = query
        self._target = options.target
        self._score = options.score or own_score(model.config)
        self._at = tuple(options.at)
        self._filtered = options.filtered
        sources = {"pairs": pairs, "corpus": corpus, "training": training}
        pairs = _read_pairs(model, pairs, columns)
        leaked = 0
        if training is not None:
            training = read_rows(model, training, _SIDES, columns)
            leaked = refuse_leaks(
                pairs,
                training,
                "pairs",
                options.allow_leaks,
                model.tokenizers,
            )
        kept = _target_rows(pairs, model.config, options.min_label)
        if options.given_candidates:
            _require_given(kept, corpus)
            corpus, sources["corpus"] = pairs, sources["pairs"]
        elif corpus is not None:
            corpus = read_rows(model, corpus, (self._target,), columns)
        ranked = pairs.take(kept)
        rows = ranked if corpus is None else corpus
        exclude_own = options.exclude_own
        if exclude_own is None:
            exclude_own = not options.keep_seen and _are_bags(
                model, ranked.sides[query], rows.sides[self._target]
            )
        elif exclude_own:
            _require_common_ids(model.tokenizers)
        self._task = task = RankingTask(
            ranked,
            query,
            corpus,
            training,
            options.keep_seen,
            exclude_own,
            pairs if options.given_candidates else None,
        )
        self._has_training = training is not None
        if options.texts is None:
            tables = {"pairs": ranked, "corpus": corpus, "training": training}
            # Read only for baselines, which the ranking of an epoch omits.
            self._texts = functools.partial(
                self._read_texts, sources, tables, columns
            )
        else:
            given = self._given_texts(options.texts, kept, corpus)
            self._texts = lambda: given
        self._embed = [
            embed_rows(model, query, task.queries),
            embed_rows(model, self._target, task.candidates),
        ]
        self.counts: dict[str, int] = {
            "rows": len(ranked),
            "queries": len(task.queries),
            "pairs": len(task.targets),
            "candidates": len(task.candidates),
            "excluded": len(task.excluded),
            "excluded_own": task.own,
            "leaked": leaked,
        }

    def metrics(self) -> dict[str, float]:
        """Ranks by the model's current weights.

        Returns:
            The metrics of `ranking_metrics`.

        Raises:
            ValueError: If a score is NaN or infinite.
        """
        return self._metrics_of_model(*self._embeddings())

    def metrics_by_width(self) -> dict[str, dict[str, float]]:
        """Ranks by the prefixes of embeddings; width -> metrics.

        The widths are `matryoshka_dims`.
        """
        dims = self._model.config.matryoshka_dims
        if not dims:
            return {}
        whole = self._embeddings()
        widths = {}
        for dim in dims:
            pair = [np.zeros_like(side) for side in whole]
            for side, numbers in zip(pair, whole, strict=True):
                side[:, :dim] = numbers[:, :dim]
            widths[str(dim)] = self._metrics_of_model(*pair)
        return widths

    def _embeddings(self):
        return [embed() for embed in self._embed]

    def _metrics_of_model(self, queries, candidates):
        if self._score == "head":
            scores = HeadScores(self._model, self._query, queries, candidates)
        else:
            normalize = self._score == "cosine"
            if self._follows_head and similarity_sign(self._model) < 0:
                warn_user(
                    f"This model {UPSIDE_DOWN}. It is ranked by the least "
                    f'alike, as its head does; by score="{self._score}" it '
                    "would be ranked as an index of its embeddings does. "
                    "Train it again with `mlp_layers` 0, which keeps the "
                    "weight positive."
                )
                queries = -queries
            scores = EmbeddingScores(queries, candidates, normalize)
        return self._metrics_of(scores)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Ranks without a model.

        Returns:
            Name -> metrics: `random`, the mean over all orders; with training
            data `popularity`, by the number of a candidate's training rows;
            with texts `tfidf_words` and `tfidf_characters` (2- to 4-grams).
        """
        task = self._task
        links, counts = task.targets, task.candidate_counts
        if self._filtered:
            counts = (counts - links.counts + 1)[links.queries]
            links = _own_queries(links)
        results = {"random": random_ranking(links, counts, self._at)}
        if self._has_training:
            scores = PopularityScores(task.popularity)
            results["popularity"] = self._metrics_of(scores)
        texts = self._texts()
        if texts is not None:
            queries: Any
            candidates: Any
            queries, candidates = texts
            words = TfidfScores(queries, candidates)
            results["tfidf_words"] = self._metrics_of(words)
            characters = TfidfScores(
                queries, candidates, analyzer="char_wb", ngram_range=(2, 4)
            )
            results["tfidf_characters"] = self._metrics_of(characters)
        return results

    def _metrics_of(self, scores):
        above = count_above(self._task, scores)
        links = self._task.targets
        if self._filtered:
            links = _own_queries(links)
        return ranking_metrics(links, above, self._at)

    def _read_texts(self, sources, tables, columns):
        """Returns the texts of queries and candidates, or `None`.

        Both sides must hold texts other than names of categories, which share
        words by chance.
        """
        tokenizers = self._model.tokenizers.sides.values()
        kinds = [tokenizer.kind for tokenizer in tokenizers]
        used = [source for source in sources.values() if source is not None]
        if (
            len(kinds) < 2
            or {"category", "categories"} & {*kinds}
            or not all(map(came_from_texts, used))
        ):
            return None

        def read(name, rows, side):
            origin = tables[name].origin.take(rows)
            return original_texts(sources[name], origin, getattr(columns, side))

        task, target = self._task, self._target
        queries = read("pairs", task.query_rows, self._query)
        rows = task.candidate_rows
        if None in queries:
            # A table of ids that were made elsewhere.
            return None
        if tables["corpus"] is not None:
            return queries, read("corpus", rows, target)
        candidates = np.empty(len(rows), object)
        known = rows < len(tables["pairs"])
        candidates[known] = read("pairs", rows[known], target)
        if not known.all():
            more = rows[~known] - len(tables["pairs"])
            candidates[~known] = read("training", more, target)
        return queries, candidates.tolist()

    def _given_texts(self, texts, kept, corpus):
        """Returns the given texts of queries and candidates."""
        if corpus is None:
            raise ValueError(
                "`texts` must come with a `corpus`, whose rows they describe. "
                "Received: corpus=None"
            )
        rows = {self._query: len(kept), self._target: len(corpus)}
        for side, count in rows.items():
            if side not in texts or len(texts[side]) != count:
                received = len(texts[side]) if side in texts else "none"
                raise ValueError(
                    f"`texts` must have one text for each of the {count:,} "
                    f"rows of {side}. Received: {received}"
                )
        of_query = np.flatnonzero(kept)[self._task.query_rows]
        of_target = self._task.candidate_rows
        return (
            [texts[self._query][row] for row in of_query],
            [texts[self._target][row] for row in of_target],
        )


def own_score(config: Object2VecConfig) -> str:
    """Returns the similarity that a model was trained by.

    Example:
    >>> own_score(Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9))
    'cosine'
    """
    if config.output_layer == "in_batch_softmax":
        return config.similarity
    if config.output_layer == "cosent":
        return "cosine"
    return "dot" if config.comparator_list == ("dot",) else "cosine"


def _own_queries(links):
    """Makes each link a query of its own."""
    numbers = np.arange(len(links) + 1)
    return dataclasses.replace(links, queries=numbers[:-1], starts=numbers)


def _read_pairs(model, pairs, columns):
    """Reads pairs, with labels unless there are none."""
    unlabelled = (
        pairs.labels is None
        if isinstance(pairs, PairTable)
        else is_in_memory(pairs) and columns.label not in column_names(pairs)
    )
    if unlabelled:
        return read_rows(model, pairs, _SIDES, columns)
    return load_pairs(
        pairs, model.config, tokenizers=model.tokenizers, columns=columns
    )


def _target_rows(pairs, config, min_label):
    if min_label is None and _tells_two_labels(config):
        min_label = 1
    if min_label is None or pairs.labels is None:
        return np.ones(len(pairs), bool)
    kept = pairs.labels >= min_label
    if not kept.any():
        raise DataError(
            f"`min_label` must leave rows whose targets are ranked. Received: "
            f"min_label={min_label}, where the largest label is "
            f"{pairs.labels.max():g}"
        )
    return kept


def _are_bags(model, queries, targets):
    """Whether queries are certainly bags of candidates."""
    config = model.config
    kinds = {each.kind for each in model.tokenizers.sides.values()}
    return (
        (config.tied_token_embedding_weight or config.exclude_query_tokens)
        and kinds <= {"categories"}
        and queries.lengths.max(initial=0) > 1
        and targets.lengths.max(initial=0) == 1
    )


def _require_common_ids(tokenizers):
    if tokenizers.in0 is not tokenizers.in1:
        raise ValueError(
            "`exclude_own` must be left out if the sides number their "
            "words differently: an id of one is no object of the other. "
            "Received: exclude_own=True"
        )


def _require_given(kept, corpus):
    if corpus is not None:
        raise ValueError(
            "`given_candidates` must come without `corpus`: the candidates "
            "of a query are those of its rows. Received: both"
        )
    if kept.all():
        raise ValueError(
            "`given_candidates` needs rows that name a candidate and no "
            "target: give them label 0, or a label below `min_label`. "
            "Received: only rows that name targets"
        )


def _tells_two_labels(config):
    if config.output_layer == "in_batch_softmax":
        return True
    return config.output_layer == "softmax" and config.num_classes == 2
