"""Correlates scores with labels after every epoch."""

from o2v_keras.data.batches.negative_sampling import with_negatives
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.evaluation.scored_pairs import ScoredPairs
from o2v_keras.training.epoch_metrics import EpochMetrics


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
