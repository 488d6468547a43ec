"""Ranks the whole corpus after every epoch."""

from collections.abc import Sequence

from o2v_keras.data.load_dataset import Source
from o2v_keras.evaluation.model_ranking import ModelRanking
from o2v_keras.training.epoch_metrics import EpochMetrics


class RankingMetrics(EpochMetrics):
    """Adds `val_ndcg@10` and the like to the logs of every epoch.

    `val_hits@k`, `val_recall@k`, `val_ndcg@k` and `val_accuracy@k` for each
    `k`, `val_mrr` and `val_mean_rank`, as `rank` defines them. Data are read
    once, when training begins; an epoch encodes queries and candidates.

    Args:
        validation: Pairs to rank, as in `rank`. Cut them from the training
            data: what the best epoch is chosen by must not be the test data.
        corpus: As in `rank`.
        training: As in `rank`: its pairs are left out.
        at: An integer or several: the `k`s. Defaults to `10`.
        **settings: Further arguments of `rank`, such as `score` and `query`.

    Raises:
        ValueError: When training begins, as `rank`.

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
        corpus=None,
        training=None,
        at: int | Sequence[int] = 10,
        **settings,
    ):
        super().__init__()
        self._data = validation, corpus, training
        settings["at"] = [at] if isinstance(at, int) else at
        self._settings = settings

    def on_train_begin(self, logs=None):
        self._ranking = ModelRanking(self.model, *self._data, **self._settings)

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the model as it is, by their names."""
        metrics = self._ranking.metrics()
        return {f"val_{name}": value for name, value in metrics.items()}

    def baselines(self) -> dict[str, dict[str, float]]:
        """Returns those of `rank`, once training has begun."""
        return self._ranking.baselines()
