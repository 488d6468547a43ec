"""Advice and errors about data and hyperparameters before a training."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_hashes import sequence_hashes
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.inference import embed_rows
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.training.memory import learned_table_bytes
from o2v_keras.user_warning import warn_user

# Time of a dense update of a table, measured on 2 CPU cores. SGD scatters its
# sparse gradient.
_NANOSECONDS_PER_BYTE = {
    "adam": 0.3,
    "adadelta": 0.8,
    "rmsprop": 0.4,
    "adagrad": 0.25,
    "sgd": 0.0,
}
_WORTH_SECONDS = 0.005
# Metrics in which a model has to beat what needs no model; higher is better
# but for errors.
_QUALITY = (
    "ndcg@10",
    "spearman",
    "accuracy",
    "root_mean_squared_error",
    "pairwise_accuracy",
    "cosine_similarity",
)
_ERRORS = ("root_mean_squared_error",)
# A fall of the loss by less is none.
_LEAST_FALL = 0.001
# Embeddings whose mean cosine is above are all alike.
_COLLAPSED = 0.99
_OBJECTS_COMPARED = 256
# Smaller shares of rows with unknown ids are not reported.
_LEAST_SHARE = 0.01


def row_sparse_advice(config: Object2VecConfig, num_batches: int) -> str | None:
    """Returns the advice to use row-sparse updates if they save time.

    The default is `dense`, as in SageMaker, whose container also warns about
    large vocabularies.

    Args:
        config: The training's configuration.
        num_batches: Steps of an epoch.

    Returns:
        A sentence for the user, or `None` if dense updates take less than an
        estimated 5 ms a step.

    Example:
    >>> small = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=100)
    >>> row_sparse_advice(small, num_batches=10)
    """
    if config.token_embedding_storage_type == "row_sparse":
        return None
    tables = learned_table_bytes(config)
    seconds = tables * _NANOSECONDS_PER_BYTE[config.optimizer] * 1e-9
    if seconds < _WORTH_SECONDS:
        return None
    rows = _rows_touched(config)
    return (
        f"advice: {config.optimizer} rewrites all {tables / 1e6:.0f} MB of "
        f"token tables in every step: an estimated {1000 * seconds:.0f} ms a "
        f"step and {num_batches * seconds:.0f} s an epoch on 2 CPU cores. "
        f'token_embedding_storage_type="row_sparse" updates only the at most '
        f"{rows:,} rows that a batch holds (lazily: "
        f"docs/design/row-sparse.md)."
    )


def _rows_touched(config):
    pairs = config.mini_batch_size
    tables = list(config.token_tables.values())
    # Both sides share a tied table.
    sides = ((config.encoder0, tables[0]), (config.encoder1, tables[-1]))
    return sum(
        min(side.vocab_size, pairs * side.max_seq_len)
        for side, table in sides
        if not table.freezes_table
    )


def refuse_no_weights(config: Object2VecConfig) -> None:
    """Raises `ValueError` if no weight of a model is trainable.

    It sees only models without encoders of the user's own and without a
    model, as `o2v check` needs it.
    """
    encoders = [config.side(name) for name in config.sides]
    width = config.target_embedding_dim
    head_learns = {
        "cosent": False,
        "in_batch_softmax": config.learn_temperature,
        "embedding": width not in (None, config.enc_dim),
    }.get(config.output_layer, True)
    frozen = all(
        encoder.network == "pooled_embedding" for encoder in encoders
    ) and all(table.freezes_table for table in config.token_tables.values())
    if frozen and not head_learns and config.token_weighting != "learned":
        raise ValueError(_nothing_to_train(config))


def _nothing_to_train(config):
    return (
        "There is nothing to train: the token tables are frozen and the "
        f'head of output_layer="{config.output_layer}" has no weights. Set '
        "`enc0_freeze_pretrained_embedding` or "
        "`enc1_freeze_pretrained_embedding` to false, or train the weights of "
        'tokens with token_weighting="learned".'
    )


def refuse_nothing_to_learn(
    model: keras.Model, labels: TrainingLabels, rows: int, left_out: int
) -> None:
    """Raises an error or warns if training cannot learn anything useful.

    Args:
        model: `Object2Vec`.
        labels: Tallies of the training data.
        rows: Number of training rows.
        left_out: Number of an epoch's negatives that were not found.

    Raises:
        ValueError: If no weight is trainable.
        DataError: If no negative was found.
    """
    config = model.config
    if not model.trainable_weights:
        raise ValueError(_nothing_to_train(config))
    rate = config.negative_sampling_rate
    if rate and left_out >= rate * rows:
        raise DataError(
            "No negative was found for any record: each draw was a known "
            f"positive. negative_sampling_rate={rate} needs data in which "
            "objects of one side are not paired with all of the other."
        )
    if config.output_layer in ("in_batch_softmax", "bpr", "embedding"):
        return
    low, high = labels.range
    if low == high and not rate:
        warn_user(
            f"All training labels are {low:g}: training can only learn to "
            "predict that. Add rows with other labels; if there are none, "
            "`negative_sampling_rate` draws negatives for positives labelled "
            "1."
        )
    if len(labels.constant) == 2:
        warn_user(
            "All training rows have the same in0 and the same in1: training "
            "can only learn the mean of their labels. Check that the columns "
            "are the right ones."
        )


def unknown_ids(
    config: Object2VecConfig,
    tables: Mapping[str, PairTable],
    trained: TrainedIds | None,
) -> Iterator[str]:
    """Yields advice about validation and test rows without trained ids.

    Args:
        config: The training's configuration.
        tables: Channel -> rows to score.
        trained: The ids that training reaches; `None` if unknown.
    """
    if trained is None:
        return
    for channel, table in tables.items():
        for side, rows in table.sides.items():
            encoder = config.side(side)
            share = trained.untrained(side, rows).mean()
            if share < _LEAST_SHARE:
                continue
            prefix = f"enc{side[-1]}"
            remedy = (
                f"`{prefix}_id_dropout` trains `{prefix}_unknown_id`, an id "
                "to replace them by"
            )
            if encoder.id_dropout:
                remedy = (
                    f"replace them by {prefix}_unknown_id="
                    f"{encoder.unknown_id}, which {prefix}_id_dropout trains"
                )
            if encoder.tokenizer:
                remedy = f"`{prefix}_id_dropout` trains the id of unknown words"
                if encoder.id_dropout:
                    continue
            yield (
                f"{channel}: {100 * share:.1f} % of the rows have no id of "
                f"{side} that the training data hold; embeddings of such ids "
                f"stay random. Remedy: {remedy}, or "
                "give them ids of features (docs/guides/new-objects.md)."
            )


def negatives_drawn(
    tables: Mapping[str, PairTable], scored: Mapping[str, PairTable]
) -> Iterator[str]:
    """Yields notices about negatives drawn for channels of positives alone.

    Args:
        tables: Channel -> rows read.
        scored: Channel -> rows to score, negatives included.
    """
    for channel, table in scored.items():
        rows = len(tables[channel])
        if len(table) > rows:
            yield (
                f"{channel}: {rows:,} positives alone; {len(table) - rows:,} "
                "negatives are drawn for them by the seed, the same in every "
                "epoch. Add rows labelled 0 to use your own negatives."
            )


def unknown_words(tables: Mapping[str, Any], tokenizers: PairTokenizers) -> str:
    """Returns a line with the share of unknown words in each channel.

    Args:
        tables: Channel -> its pairs. Streamed data are left out.
        tokenizers: `PairTokenizers` of the sides that hold texts.

    Returns:
        A line, or `""` if there are no texts in memory.

    Example:
    >>> from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
    >>> from o2v_keras.text.vocabulary import Vocabulary
    >>> tokenizers = PairTokenizers(in0=WordTokenizer(Vocabulary(["dog"])))
    >>> table = PairTable.from_arrays([[2, 1], [2, 2]], [[1], [1]])
    >>> unknown_words({"train": table}, tokenizers)
    'unknown words: train in0 25.0 %'
    """
    shares = [
        f"{channel} {side} "
        f"{tokenizer.unknown_share(table.sides[side].values):.1%}"
        for channel, table in tables.items()
        if isinstance(table, PairTable)
        for side, tokenizer in tokenizers.sides.items()
        if side in table.sides
    ]
    text = ", ".join(shares).replace("%", " %")
    return f"unknown words: {text}" if shares else ""


def result_advice(
    report: dict[str, Any],
    epochs: Sequence[Mapping[str, float]],
    config: Object2VecConfig,
    monitor: str | None,
) -> Iterator[tuple[str, str]]:
    """Yields what makes the result of a training doubtful, and what to try.

    Each is a word for the doubt and a sentence.

    Args:
        report: Of `make_report`.
        epochs: The metrics of each epoch.
        config: The training's configuration.
        monitor: The metric that chose the best epoch; `None` is a loss.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> report = {"best_epoch": 0, "baselines": {}}
    >>> losses = [{"loss": 1.0}, {"loss": 1.2}]
    >>> dict(result_advice(report, losses, config, None))["loss"]
    'the training loss never fell: try a higher or a lower learning_rate...
    """
    for split in ("test", "validation"):
        doubt = _no_better(split, report)
        if doubt:
            yield "baseline", doubt
            break
    losses = [epoch["loss"] for epoch in epochs]
    if len(losses) > 1 and min(losses[1:]) > losses[0] * (1 - _LEAST_FALL):
        yield (
            "loss",
            "the training loss never fell: try a higher or a lower "
            "learning_rate, and check that labels and columns are the right "
            "ones (`o2v check`)",
        )
    best = report["best_epoch"]
    watched = monitor or "val_loss"
    if len(epochs) < 2 or watched not in epochs[0]:
        return
    decays = config.learning_rate_schedule != "constant"
    if best == len(epochs) - 1 == config.epochs - 1 and not decays:
        yield (
            "last epoch",
            f"the last epoch was the best by {watched}: raise epochs "
            f"({config.epochs}), it may go on to improve",
        )
    elif best == 0:
        yield (
            "first epoch",
            f"the first epoch was the best by {watched}, later ones overfit: "
            "try a lower learning_rate, more dropout, a smaller enc_dim, or "
            "more data",
        )


def _no_better(split, report):
    metrics = report.get(split) or {}
    for name in _QUALITY:
        if name not in metrics:
            continue
        sign = -1 if name in _ERRORS else 1
        others = {
            answer: scores[name]
            for answer, scores in report["baselines"].get(split, {}).items()
            if name in scores
        }
        if not others:
            continue
        best = max(others, key=lambda answer: sign * others[answer])
        if sign * metrics[name] <= sign * others[best]:
            return (
                f"{split}: {name} is {metrics[name]:.4f}, no better than the "
                f"{others[best]:.4f} of {best}, which needs no model: try "
                "another recipe (`--recipe`) or `o2v tune`, and look at the "
                "data with `o2v check`"
            )
        return None
    return None


def collapsed_sides(
    model: keras.Model, tables: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yields advice about sides whose embeddings are all alike.

    Args:
        model: `Object2Vec`.
        tables: Channel -> its pairs. Nothing is said of streamed data.
    """
    table = tables["train"]
    if not isinstance(table, PairTable):
        return
    for side, rows in table.sides.items():
        _, places = np.unique(sequence_hashes(rows), return_index=True)
        if len(places) < 2:
            continue
        generator = np.random.default_rng(0)
        places = generator.permutation(places)[:_OBJECTS_COMPARED]
        vectors = embed_rows(model, side, rows.take(np.sort(places)))()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        total = (vectors / np.maximum(lengths, 1e-12)).sum(axis=0)
        count = len(vectors)
        cosine = (total @ total - count) / (count * (count - 1))
        if cosine > _COLLAPSED:
            yield (
                side,
                f"the embeddings of {side} are all alike (their mean cosine "
                f"is {cosine:.3f}), so they tell objects not apart: try a "
                "lower learning_rate or other hyperparameters",
            )
