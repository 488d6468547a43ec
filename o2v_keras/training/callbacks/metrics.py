"""Callbacks that add metrics of an epoch, which early stopping can monitor."""

from collections.abc import Sequence
from typing import Any

import keras

from o2v_keras.data.batches.negative_sampling import with_negatives
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.model_ranking import ModelRanking
from o2v_keras.evaluation.ranking_options import RankingOptions
from o2v_keras.evaluation.scored_pairs import ScoredPairs


class EpochMetrics(keras.callbacks.Callback):
    """Base of callbacks that add metrics to the logs of an epoch.

    Later callbacks get the same logs: early stopping and a tuner can monitor
    the metrics, and `history.csv` and TensorBoard hold them. `train` puts such
    callbacks before its own; for `Model.fit` put them first.

    Subclasses define `metrics`.
    """

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the current model by name."""
        raise NotImplementedError

    def baselines(self) -> dict[str, dict[str, float]]:
        """Returns baselines for the metrics: name -> metrics, without `val_`.

        Defaults to none.
        """
        return {}

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self.metrics())


class CorrelationMetrics(EpochMetrics):
    """Adds correlations with the labels to the logs of every epoch.

    `val_spearman` and `val_pearson` are those of the model's values or
    expected classes, `val_cosine_spearman` and `val_cosine_pearson` those of
    the cosines of the two embeddings. Undefined ones (all values equal) are
    0.

    Args:
        validation: Labelled pairs: files, a mapping of columns or a
            `PairTable`. Read once, at the start of training.
        columns: `PairColumns` of the pairs. Defaults to `in0`, `in1`,
            `label`.

    Raises:
        DataError: At the start of training, if rows are unusable.

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

    def on_train_begin(self, logs: Any = None) -> None:
        table = load_pairs(
            self._validation,
            self.model.config,
            tokenizers=self.model.tokenizers,
            columns=self._columns,
        )
        table = with_negatives(table, self.model.config)
        self._pairs = ScoredPairs(self.model, table)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the current model by name."""
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
    """Adds ranking metrics to the logs of every epoch.

    They are `val_hits@k`, `val_recall@k`, `val_ndcg@k` and `val_accuracy@k`
    for each `k`, `val_mrr` and `val_mean_rank`, defined in `rank`. Data are
    read once, at the start of training.

    Args:
        validation: Pairs to rank, each a query and a target. Split them from
            the training data: the test data must not choose the best epoch.
        corpus: The candidates. Defaults to `None`: the objects of
            `validation` and `training`.
        training: The training pairs, whose partners of a query are excluded.
            Defaults to `None`.
        at: int or list of int. The `k`s. Defaults to `10`.
        **settings: Other fields of `RankingOptions`, such as `score` and
            `query`.

    Raises:
        ValueError: If a setting is invalid or, at the start of training,
            contradicts the data.

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
        **settings: Any,
    ):
        super().__init__()
        self._data = validation, corpus, training
        at = [at] if isinstance(at, int) else at
        self._options = RankingOptions(at=at, **settings)
        self._ranking = None

    def on_train_begin(self, logs: Any = None) -> None:
        self._ranking = ModelRanking(self.model, *self._data, self._options)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the current model by name."""
        metrics = self._ranking.metrics()
        return {f"val_{name}": value for name, value in metrics.items()}

    def ranking_of(
        self, pairs: Source, training: Source | None = None
    ) -> ModelRanking | None:
        """Returns the ranking of other pairs, `None` if there is a `corpus`.

        The corpus need not hold their targets.

        Args:
            pairs: Pairs to rank.
            training: The training pairs. Defaults to `None`: those of the
                callback.
        """
        _, corpus, known = self._data
        if corpus is not None:
            return None
        training = known if training is None else training
        return ModelRanking(self.model, pairs, None, training, self._options)

    def baselines(self) -> dict[str, dict[str, float]]:
        """Returns the baselines of `rank`, once the callback has a model."""
        if self._ranking is None:
            self.on_train_begin()
        return self._ranking.baselines()
