"""What of the data training cannot learn, or answers cannot know."""

from collections.abc import Iterator
from collections.abc import Mapping

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.user_warning import warn_user

# Shares of unknown rows below this are not worth a line.
_LEAST_SHARE = 0.01


def refuse_nothing_to_learn(
    model: keras.Model, labels: TrainingLabels, rows: int, left_out: int
) -> None:
    """Raises, or warns, where training would change nothing that matters.

    Args:
        model: `Object2Vec`.
        labels: What is known of the training data.
        rows: Of the training data.
        left_out: Negatives of an epoch for which no partner was found.

    Raises:
        ValueError: If no weight is trained.
        DataError: If no negative at all is found.
    """
    config = model.config
    if not model.trainable_weights:
        raise ValueError(
            "There is nothing to train: the token tables are frozen and the "
            f'head of output_layer="{config.output_layer}" has no weights. '
            "Set `enc0_freeze_pretrained_embedding` or "
            "`enc1_freeze_pretrained_embedding` to false."
        )
    rate = config.negative_sampling_rate
    if rate and left_out >= rate * rows:
        raise DataError(
            "No negative was found for any record: each draw gave a known "
            f"positive. negative_sampling_rate={rate} needs data in which "
            "objects of one side are not paired with all of the other."
        )
    if config.output_layer in ("in_batch_softmax", "bpr"):
        return
    low, high = labels.range
    if low == high and not rate:
        warn_user(
            f"All training labels are {low:g}: training can only learn to "
            "answer that. Add rows with other labels; where there are none, "
            "`negative_sampling_rate` draws negatives for positives labelled "
            "1."
        )
    if len(labels.constant) == 2:
        warn_user(
            "All training rows have the same in0 and the same in1: training "
            "can only learn the mean of their labels. Look whether the "
            "columns are the right ones."
        )


def unknown_ids(
    config: Object2VecConfig,
    tables: Mapping[str, PairTable],
    trained: TrainedIds | None,
) -> Iterator[str]:
    """Says how many rows to be scored have ids that training never sees.

    Args:
        config: Of the training.
        tables: Channel -> rows to be scored.
        trained: Ids that are, or will be, trained; `None` if not known.
    """
    if trained is None:
        return
    encoders = {"in0": config.encoder0, "in1": config.encoder1}
    for channel, table in tables.items():
        for side, encoder in encoders.items():
            share = trained.untrained(side, table.sides[side]).mean()
            if share < _LEAST_SHARE:
                continue
            prefix = f"enc{side[-1]}"
            remedy = (
                f"`{prefix}_id_dropout` trains `{prefix}_unknown_id`, an id "
                "to put in their place"
            )
            if encoder.id_dropout:
                remedy = (
                    f"put {prefix}_unknown_id={encoder.unknown_id}, which "
                    f"{prefix}_id_dropout trains, in their place"
                )
            if encoder.tokenizer:
                remedy = f"`{prefix}_id_dropout` trains the id of unknown words"
                if encoder.id_dropout:
                    continue
            yield (
                f"{channel}: {100 * share:.1f} % of the rows have no id of "
                f"{side} that the training data hold; embeddings of such ids "
                f"stay as random as at the start. What helps: {remedy}, or "
                "give them ids of features (README, New objects)."
            )


def negatives_drawn(
    tables: Mapping[str, PairTable], scored: Mapping[str, PairTable]
) -> Iterator[str]:
    """Says where negatives were drawn for data that hold positives alone.

    Args:
        tables: Channel -> rows as they were read.
        scored: Channel -> rows that are scored.
    """
    for channel, table in scored.items():
        rows = len(tables[channel])
        if len(table) > rows:
            yield (
                f"{channel}: {rows:,} positives alone; {len(table) - rows:,} "
                "negatives are drawn for them by the seed, the same in every "
                "epoch. Rows labelled 0 of your own would be scored instead."
            )
