"""Metrics of an epoch that callbacks compute and early stopping may watch."""

from collections.abc import Sequence

import keras

from o2v_keras.data.batches.negative_sampling import with_negatives
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.model_ranking import ModelRanking
from o2v_keras.evaluation.model_ranking import RankingOptions
from o2v_keras.evaluation.scored_pairs import ScoredPairs


class EpochMetrics(keras.callbacks.Callback):
    """Adds metrics to an epoch's logs, for the callbacks after it.

    Keras hands the same logs from callback to callback, and its `History`
    comes last: what is added here can be watched by early stopping and a
    tuner, and is in `history.csv` and TensorBoard. `train` puts such
    callbacks before its own; in `Model.fit` put them before those that watch
    them.

    A subclass defines `metrics`.
    """

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the model as it is, by their names."""
        raise NotImplementedError

    def baselines(self) -> dict[str, dict[str, float]]:
        """Returns what such metrics are without a model, by its name.

        The metrics' names lack `val_`. Defaults to none.
        """
        return {}

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self.metrics())


class CorrelationMetrics(EpochMetrics):
    """Adds `val_spearman` and the like to the logs of every epoch.

    `val_spearman` and `val_pearson` of the labels with the model's values,
    or expected classes, `val_cosine_spearman` and `val_cosine_pearson` with
    the cosines of the two encoders' embeddings. Where one is undefined,
    since all values are equal, it is 0.

    Args:
        validation: Labelled pairs, as `load_pairs` takes them. Read once,
            when training begins.
        columns: `PairColumns` of these. Defaults to `in0`, `in1`, `label`.

    Raises:
        DataError: When training begins, if rows are unusable.

    Example:
    >>> from o2v_keras import Object2Vec, Object2VecConfig, load_dataset
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4
    ... )
    >>> pairs = {"in0": [[1], [2]], "in1": [[3], [4]], "label": [1, 0]}
    >>> history = Object2Vec(config).fit(
    ...     load_dataset(pairs, config),
    ...     shuffle=False,
    ...     verbose=0,
    ...     callbacks=[CorrelationMetrics(pairs)],
    ... )
    >>> "val_cosine_spearman" in history.history
    True
    """

    def __init__(
        self, validation: Source, columns: PairColumns = DEFAULT_COLUMNS
    ):
        super().__init__()
        self._validation = validation
        self._columns = columns

    def on_train_begin(self, logs=None):
        table = load_pairs(
            self._validation,
            self.model.config,
            tokenizers=self.model.tokenizers,
            columns=self._columns,
        )
        table = with_negatives(table, self.model.config)
        self._pairs = ScoredPairs(self.model, table)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the model as it is, by their names."""
        groups = self._pairs.metrics()
        return {
            f"val_{prefix}{name}": groups[group].get(name, 0.0)
            for group, prefix in (
                ("correlation", ""),
                ("cosine_correlation", "cosine_"),
            )
            for name in ("spearman", "pearson")
        }


class RankingMetrics(EpochMetrics):
    """Adds `val_ndcg@10` and the like to the logs of every epoch.

    `val_hits@k`, `val_recall@k`, `val_ndcg@k` and `val_accuracy@k` for each
    `k`, `val_mrr` and `val_mean_rank`, as `rank` defines them. Data are read
    once, when training begins; an epoch encodes queries and candidates.

    Args:
        validation: Pairs to rank, each a query and a target. Cut them from
            the training data: what the best epoch is chosen by must not be
            the test data.
        corpus: The candidates. Defaults to `None`: the objects of
            `validation` and `training`.
        training: Pairs that the model is trained with; a query's partners
            there are no candidates. Defaults to `None`.
        at: An integer or several: the `k`s. Defaults to `10`.
        **settings: Further arguments of `rank`, such as `score` and `query`.

    Raises:
        ValueError: If a setting is not among its choices, or, when training
            begins, does not suit the data.

    Example:
    >>> from o2v_keras import Object2Vec, Object2VecConfig, load_dataset
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4
    ... )
    >>> train = {"in0": [[1], [2]], "in1": [[3], [4]], "label": [1, 0]}
    >>> validation = {"in0": [[1], [2]], "in1": [[4], [3]]}
    >>> history = Object2Vec(config).fit(
    ...     load_dataset(train, config),
    ...     shuffle=False,
    ...     verbose=0,
    ...     callbacks=[
    ...         RankingMetrics(validation, training=train),
    ...         keras.callbacks.EarlyStopping("val_ndcg@10", mode="max"),
    ...     ],
    ... )
    >>> history.history["val_mean_rank"]
    [1.0]
    """

    def __init__(
        self,
        validation: Source,
        corpus: Source | None = None,
        training: Source | None = None,
        at: int | Sequence[int] = 10,
        **settings,
    ):
        super().__init__()
        self._data = validation, corpus, training
        at = [at] if isinstance(at, int) else at
        self._options = RankingOptions(at=at, **settings)

    def on_train_begin(self, logs=None):
        self._ranking = ModelRanking(self.model, *self._data, self._options)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the model as it is, by their names."""
        metrics = self._ranking.metrics()
        return {f"val_{name}": value for name, value in metrics.items()}

    def baselines(self) -> dict[str, dict[str, float]]:
        """Returns those of `rank`, once training has begun."""
        return self._ranking.baselines()
