"""A model's metrics on labelled data, with baselines beside them."""

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.evaluation.baselines import baselines
from o2v_keras.models.object2vec import Object2Vec


def evaluate(
    model: Object2Vec, source: Source, columns: PairColumns = DEFAULT_COLUMNS
) -> dict:
    """Scores a model on every row exactly once.

    Args:
        model: `Object2Vec`, compiled as its configuration says.
        source: Labelled data, as `load_dataset` takes it; texts for the sides
            that have one of `model.tokenizers`.
        columns: `PairColumns` of the data. Defaults to `in0`, `in1`, `label`.

    Returns:
        `{"metrics": {...}, "baselines": {name: {...}}, "rows": n}` under
        Keras's metric names.

    Raises:
        DataError: If rows are unusable.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> source = {"in0": [[1], [2]], "in1": [[4], [5]], "label": [0, 1]}
    >>> evaluate(model, source)["rows"]
    2
    """
    table = load_pairs(
        source, model.config, tokenizers=model.tokenizers, columns=columns
    )
    # A model trained on several replicas is evaluated on them as well.
    replicas = model.distribute_strategy.num_replicas_in_sync
    batches = PairBatches(table, model.config, False, replicas)
    metrics = model.evaluate(batches.dataset(), return_dict=True, verbose=0)
    return {
        "metrics": metrics,
        "baselines": baselines(table, model.config, training=None),
        "rows": len(table),
    }
