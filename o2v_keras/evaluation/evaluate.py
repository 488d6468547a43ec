"""A model's metrics on labelled data, with baselines beside them."""

import keras

from o2v_keras.data.batches.negative_sampling import with_negatives
from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.check.leaks import refuse_leaks
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.evaluation.baselines import baselines
from o2v_keras.evaluation.scored_pairs import ScoredPairs
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.progress import Progress


def evaluate(
    model: Object2Vec,
    source: Source,
    training: Source | None = None,
    *,
    columns: PairColumns = DEFAULT_COLUMNS,
    allow_leaks: bool = False,
) -> dict:
    """Scores a model on every row exactly once.

    Where the model learned from drawn negatives and the data hold positives
    alone, negatives are drawn for them as well (`with_negatives`).

    Where rows have weights, metrics, correlations, calibration and baselines
    are those of data that hold each row as often as its weight says.

    Args:
        model: `Object2Vec`, compiled as its configuration says.
        source: Labelled data, as `load_dataset` takes it; texts for the sides
            that have one of `model.tokenizers`.
        training: What the model was trained with, labels included. From it
            come the baselines, and it may not hold a pair of `source`; for
            `bpr`, no negative that is drawn for these is a pair of it.
            Defaults to `None`: only baselines that need no training data.
        columns: `PairColumns` of both. Defaults to `in0`, `in1`, `label`.
        allow_leaks: Score pairs of `training` all the same. Defaults to
            `False`: an error.

    Returns:
        `{"metrics": {...}, "correlation": {...}, "cosine_correlation": {...},
        "baselines": {name: {...}}, "rows": n, "negatives": n, "leaked": n}`:
        `metrics` and `baselines` under Keras's metric names, the correlations
        of the labels with the model's values (or expected classes) and with
        the cosines of the two encoders' embeddings (for `in_batch_softmax`,
        how well these tell labels 0 and 1 apart); and `calibration` where the
        model gives probabilities (see `label_metrics`). `negatives` counts
        the rows drawn besides, `leaked` those whose pair is in `training`.

    Raises:
        DataError: If rows are unusable, or their pairs in `training`.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> source = {"in0": [[1], [2]], "in1": [[4], [5]], "label": [0, 1]}
    >>> evaluate(model, source)["rows"]
    2
    """
    config = model.config
    text = {"tokenizers": model.tokenizers, "columns": columns}
    table = load_pairs(source, config, **text)
    leaked = 0
    if training is not None:
        training = load_pairs(training, config, **text)
        leaked = refuse_leaks(
            table, training, "data", allow_leaks, model.tokenizers
        )
    rows = len(table)
    table = with_negatives(table, config, training)
    # A model trained on several replicas is evaluated on them as well.
    replicas = model.distribute_strategy.num_replicas_in_sync
    batches = PairBatches(table, config, False, replicas, known=training)
    return {
        "metrics": evaluate_batches(model, batches),
        **ScoredPairs(model, table).metrics(),
        "baselines": baselines(table, config, training),
        "rows": rows,
        "negatives": len(table) - rows,
        "leaked": leaked,
    }


def evaluate_batches(
    model: Object2Vec, batches: PairBatches
) -> dict[str, float]:
    """Returns Keras's metrics of batches; shows its progress."""
    with Progress("evaluating", batches.num_batches, "batches") as progress:
        callback = keras.callbacks.LambdaCallback(
            on_test_batch_end=lambda batch, logs: progress.reach(batch + 1)
        )
        return model.evaluate(
            batches.dataset(), return_dict=True, verbose=0, callbacks=[callback]
        )
