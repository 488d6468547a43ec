"""Mines hard negatives into a file that one can look at and train on."""

import collections
import os
import pathlib

import numpy as np
import orjson

from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.inference import embed_rows
from o2v_keras.evaluation.inference import read_rows
from o2v_keras.evaluation.inference import warn_of_untrained
from o2v_keras.evaluation.model_ranking import own_score
from o2v_keras.evaluation.nearest_unknown import nearest_unknown
from o2v_keras.evaluation.outputs import has_texts
from o2v_keras.evaluation.pair_scores import EmbeddingScores
from o2v_keras.evaluation.pair_scores import require_pair_scores
from o2v_keras.evaluation.ranking_task import RankingTask
from o2v_keras.heads.similarity import UPSIDE_DOWN
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.storage.replace import replaced_file
from o2v_keras.training.mined_records import NOTES
from o2v_keras.training.mined_records import MinedRecords
from o2v_keras.training.mined_records import SourceValues
from o2v_keras.training.mining_rules import MiningReport
from o2v_keras.training.mining_rules import MiningRules

_STEP_PAIRS = 1 << 16


def mine_hard_negatives(
    model: Object2Vec,
    data: Source,
    output: str | os.PathLike[str],
    *,
    rules: MiningRules | None = None,
    known: Source | None = None,
    corpus: Source | None = None,
    min_label: float = 1.0,
    columns: PairColumns = DEFAULT_COLUMNS,
    negatives_only: bool = False,
) -> MiningReport:
    """Writes the nearest wrong partners of each query as rows labelled 0.

    The file is JSON Lines with the columns of the data and trains as it is. A
    negative also says its `similarity`, the `positive_similarity` of the
    query's least similar positive and its `rank`, which training ignores.
    Rows of the data stand in their order, the negatives of a query after its
    first positive. The write is atomic.

    No pair of the data or of `known` becomes a negative, whatever its label.
    Objects with equal ids are one. Memory holds all pairs, the embeddings of
    all distinct objects and a block of 256 x 8,192 similarities.

    Args:
        model: `Object2Vec`.
        data: Pairs: files, a mapping of columns or a `PairTable`.
        output: Path of the `.jsonl` file to write or replace.
        rules: `MiningRules`. Defaults to `None`: the defaults.
        known: More pairs that are no negatives, such as validation data.
            Defaults to `None`.
        corpus: Data with the side that is searched, which must hold every
            positive. Defaults to `None`: the objects of `data` and `known`.
        min_label: Least label of a positive. Defaults to `1.0`.
        columns: `PairColumns` of all data. Defaults to `in0`, `in1` and
            `label`.
        negatives_only: bool. Whether the rows of the data are left out.
            Defaults to `False`.

    Returns:
        `MiningReport`; its `str` is a text.

    Raises:
        ValueError: If the path is unusable, a column has a name of what is
            said of negatives, the data hold ids of texts, or the model scores
            similar pairs lower.
        DataError: If rows are unusable, no row is a positive, or `corpus`
            lacks one.
    """
    rules = rules or MiningRules()
    _check_output(output, columns)
    if similarity_sign(model) < 0:
        raise ValueError(
            f"`model` must not be one that {UPSIDE_DOWN}. Train it again with "
            "`mlp_layers` 0, which keeps the weight positive."
        )
    sources = {"data": data, "known": known, "corpus": corpus}
    sources = {n: source for n, source in sources.items() if source is not None}
    require_pair_scores(model)
    tables = {}
    for name, source in sources.items():
        _require_texts(model, source, name)
        if name == "corpus":
            tables[name] = read_rows(model, source, (rules.target,), columns)
        else:
            tables[name] = load_pairs(
                source,
                model.config,
                tokenizers=model.tokenizers,
                columns=columns,
            )
    pairs = tables["data"]
    positive = np.flatnonzero(pairs.labels >= min_label)
    if not len(positive):
        raise DataError(
            f"`data` must hold rows labelled {min_label:g} or more, the "
            f"positives. The largest label is {pairs.labels.max():g}."
        )
    pair_tables = [tables[n] for n in ("data", "known") if n in tables]
    task = RankingTask(
        pairs.take(positive),
        rules.query,
        tables.get("corpus"),
        PairTable.concat(pair_tables),
        keep_seen=False,
    )
    found = _Found(model, task, rules)
    values = SourceValues(model, sources, tables, columns)
    file = MinedRecords(found, values, positive, rules, columns)
    with replaced_file(output) as new, open(new, "wb") as lines:
        for record in file.records(negatives_only):
            lines.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    return found.report


class _Found:
    """The negatives of each query.

    Attributes:
        task: The `RankingTask`.
        numbers: int64 `(queries, num_negatives)`. Candidates, nearest first;
            -1 where there are fewer.
        scores: float32 of this shape.
        ranks: int64 of this shape.
        positives: float32 `(queries,)`. Score of the least similar positive.
        report: `MiningReport`.
    """

    def __init__(self, model, task, rules):
        self.task = task
        scores = EmbeddingScores(
            embed_rows(model, rules.query, task.queries)(),
            embed_rows(model, rules.target, task.candidates)(),
            (rules.score or own_score(model.config)) == "cosine",
        )
        untrained = np.zeros(len(task.candidates), bool)
        if model.trained_ids is not None:
            untrained = model.trained_ids.untrained(
                rules.target, task.candidates
            )
            warn_of_untrained(untrained, rules.target, "become no negatives")
        self.positives = _least(scores, task.targets)
        parts = [
            _chosen(queries, numbers, found, self.positives, untrained, rules)
            for queries, numbers, found in nearest_unknown(
                scores,
                [task.targets, task.excluded],
                len(task.candidates),
                min(rules.ranks[1], len(task.candidates)),
            )
        ]
        *columns, looked_at, rejected = zip(*parts, strict=True)
        self.numbers, self.scores, self.ranks = map(np.concatenate, columns)
        counts = np.bincount((self.numbers >= 0).sum(axis=1))
        total = collections.Counter()
        for part in rejected:
            total.update(part)  # unlike a sum it keeps those of 0
        self.report = MiningReport(
            len(task.queries),
            len(task.candidates),
            sum(looked_at),
            dict(total),
            {n: int(times) for n, times in enumerate(counts) if times},
        )


def _least(scores, targets):
    """Returns the score of each query's least similar positive."""
    parts = [np.empty(0, np.float32)]
    for start in range(0, len(targets), _STEP_PAIRS):
        step = slice(start, start + _STEP_PAIRS)
        parts.append(
            scores.pairs(targets.queries[step], targets.candidates[step])[0]
        )
    return np.minimum.reduceat(np.concatenate(parts), targets.starts[:-1])


def _chosen(queries, numbers, scores, positives, untrained, rules):
    """Returns negatives of a block of queries, and counts of candidates."""
    first = min(rules.ranks[0], scores.shape[1])
    ranks = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)[:, first:]
    numbers, scores = numbers[:, first:], scores[:, first:]
    looked_at = np.isfinite(scores)
    rejected = {
        **rules.broken(scores, positives[queries]),
        "untrained ids": untrained[numbers],
    }
    left = looked_at & ~np.logical_or.reduce([*rejected.values()])
    order = ranks
    if rules.sampling == "random":
        # A block's draws do not depend on the other blocks.
        generator = np.random.default_rng([rules.seed, queries.start])
        order = generator.random(scores.shape)
    # Columns at the end that stand for a negative that is missing.
    width, more = scores.shape[1], ((0, 0), (0, rules.num_negatives))
    order = np.pad(np.where(left, order, np.inf), more, constant_values=np.inf)
    kept = np.argsort(order, axis=1, kind="stable")[:, : rules.num_negatives]
    missing = np.isinf(np.take_along_axis(order, kept, axis=1))
    kept = np.sort(np.where(missing, width, kept), axis=1)
    columns = [
        np.take_along_axis(np.pad(values, more, constant_values=-1), kept, 1)
        for values in (numbers, scores, ranks)
    ]
    counts = {
        rule: int((looked_at & broken).sum())
        for rule, broken in rejected.items()
        if rule != "untrained ids" or broken.any()
    }
    return *columns, int(looked_at.sum()), counts


def _check_output(path, columns):
    path = pathlib.Path(path)
    if path.suffix != ".jsonl" or not path.parent.is_dir():
        raise ValueError(
            "`output` must be a .jsonl file in an existing folder. "
            f"Received: output={os.fspath(path)!r}"
        )
    taken = sorted({*columns} & {*NOTES})
    if taken:
        raise ValueError(
            f"`columns` must have other names than {', '.join(NOTES)}, which "
            f"the file says of negatives. Received: {taken[0]}"
        )


def _require_texts(model, source, name):
    if model.tokenizers.sides and not has_texts(source):
        raise ValueError(
            f"`{name}` must hold texts, which the file holds too, where the "
            "model has tokenizers. Received: their ids, as TFRecord files and "
            "tables hold them"
        )
