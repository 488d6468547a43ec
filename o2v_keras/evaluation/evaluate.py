"""Evaluates a model on labelled data, with baselines."""

from typing import Any

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
from o2v_keras.models.prefixes import by_width
from o2v_keras.progress import Progress


def evaluate(
    model: Object2Vec,
    source: Source,
    training: Source | None = None,
    *,
    columns: PairColumns = DEFAULT_COLUMNS,
    allow_leaks: bool = False,
) -> dict[str, Any]:
    """Computes a model's metrics over every row exactly once.

    If the model was trained with drawn negatives and the data hold positives
    alone, negatives are drawn for them (`with_negatives`). A row of weight 2
    counts as two rows in metrics, correlations, calibration and baselines.

    Args:
        model: `Object2Vec`, compiled by its configuration.
        source: Labelled data: files, a mapping of columns or a `PairTable`;
            texts for the sides with a tokenizer in `model.tokenizers`.
        training: The training data, with labels, for the baselines. For
            `bpr`, no drawn negative is a pair in it. Defaults to `None`: only
            baselines that need no training data.
        columns: `PairColumns` of both. Defaults to `in0`, `in1`, `label`.
        allow_leaks: bool. Whether pairs of `source` may be in `training`.
            Defaults to `False`: they are an error.

    Returns:
        A dict. `metrics` and `baselines` (name -> metrics) have Keras's metric
        names. `correlation` and `cosine_correlation` are those of the labels
        with the model's values (or expected classes) and with the cosines of
        the two embeddings. `calibration` is there if the model predicts
        probabilities (see `label_metrics`). With `embedding`, which scores
        no pairs, all three are missing. `widths`, if the model has
        `matryoshka_dims`, has `metrics`, `correlation` and
        `cosine_correlation` of each prefix, under its width. `rows` counts
        the rows of `source`, `negatives` the drawn ones, `leaked` the rows
        whose pair is in `training`.

    Raises:
        DataError: If rows are unusable, or pairs are in `training`.

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
    # A model made for several replicas is evaluated on them.
    replicas = model.distribute_strategy.num_replicas_in_sync
    batches = PairBatches(table, config, False, replicas, known=training)
    metrics, widths = by_width(
        evaluate_batches(model, batches), config.matryoshka_dims
    )
    scored: dict[str, Any] = {}
    if len(config.sides) == 2:
        scored = ScoredPairs(model, table).metrics()
    if widths:
        correlations = scored.pop("widths", {})
        scored["widths"] = {
            dim: {"metrics": values, **correlations.get(dim, {})}
            for dim, values in widths.items()
        }
    return {
        "metrics": metrics,
        **scored,
        "baselines": baselines(table, config, training),
        "rows": rows,
        "negatives": len(table) - rows,
        "leaked": leaked,
    }


def evaluate_batches(
    model: Object2Vec, batches: PairBatches
) -> dict[str, float]:
    """Returns Keras's metrics over batches, with a progress display."""
    with Progress("evaluating", batches.num_batches, "batches") as progress:
        callback = keras.callbacks.LambdaCallback(
            on_test_batch_end=lambda batch, logs: progress.reach(batch + 1)
        )
        return model.evaluate(
            batches.dataset(), return_dict=True, verbose=0, callbacks=[callback]
        )
