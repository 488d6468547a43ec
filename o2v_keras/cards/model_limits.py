"""What a model's own files say against it."""

from o2v_keras.cards.model_facts import ModelFacts
from o2v_keras.models.head import UPSIDE_DOWN

_NEAREST = {"dot", "cosine"}
# Metrics of which more is better; of the others less is.
_RISING = {
    "accuracy",
    "pairwise_accuracy",
    "hits",
    "recall",
    "ndcg",
    "mrr",
}


def model_limits(facts: ModelFacts) -> list[str]:
    """Returns sentences, each drawn from the model directory.

    Args:
        facts: `ModelFacts`.

    Example:
    >>> facts = ModelFacts("m", {}, {}, [], {}, {})
    >>> model_limits(facts)[0]
    'No metrics were found: nothing is known of how good this model is.'
    """
    return [
        *_of_scoring(facts),
        *_of_baselines(facts),
        *_of_training(facts),
        *_of_head(facts),
        *_of_configuration(facts.config),
        *(
            f"{count:,} rows of the {channel} data were unusable and left out."
            for channel, count in facts.rejected.items()
        ),
    ]


def _of_scoring(facts):
    if not facts.metrics:
        yield (
            "No metrics were found: nothing is known of how good this model is."
        )
    elif facts.split is None:
        yield (
            "The model was scored on its training data alone. Nothing is "
            "known of how good it is on others."
        )
    elif facts.split == "validation":
        yield (
            "There was no test data. The validation data that are scored here "
            "also chose the epoch, so the figures flatter."
        )
    if facts.metrics and not facts.metrics.get("validation"):
        yield (
            "There was no validation data: the epoch was chosen by the "
            "training loss, which does not see overfitting."
        )


def _of_baselines(facts):
    if facts.split is not None:
        yield from _against_baselines(
            facts.metrics[facts.split],
            facts.metrics.get("baselines", {}).get(facts.split, {}),
            f"the {facts.split} data",
        )
    if facts.evaluation:
        yield from _against_baselines(
            facts.evaluation["metrics"],
            facts.evaluation.get("baselines", {}),
            "the data of `o2v evaluate`",
        )


def _against_baselines(metrics, baselines, data):
    for name, scores in baselines.items():
        for metric in sorted(metrics.keys() & scores.keys() - {"loss"}):
            gain = metrics[metric] - scores[metric]
            rises = metric.split("@")[0] in _RISING
            if (gain if rises else -gain) <= 0:
                yield (
                    f"**Not better than the baseline `{name}`**: "
                    f"{metric} {metrics[metric]:.4f} against "
                    f"{scores[metric]:.4f} on {data}."
                )


def _of_training(facts):
    if facts.best_epoch is None or not facts.epochs:
        return
    last = int(facts.epochs[-1]["epoch"])
    # A cosine has let the learning rate fall to 0 by then.
    falls = facts.config.get("learning_rate_schedule") == "cosine"
    ended = falls and last + 1 >= facts.config.get("epochs", last + 1)
    if facts.best_epoch == last and not ended:
        yield (
            f"The best epoch, {last}, was the last one: longer training may "
            "give a better model."
        )
    losses = [e["val_loss"] for e in facts.epochs if "val_loss" in e]
    if losses and losses[-1] > 1.1 * min(losses):
        yield (
            f"The validation loss rose from {min(losses):.4f} to "
            f"{losses[-1]:.4f} while training went on: the model overfits "
            "after its best epoch, whose weights were kept."
        )


def _of_configuration(config):
    for number in "01":
        copies = number == "1" and config.get("enc1_network") == "enc0"
        source = "0" if copies else number
        length = config.get(f"enc{source}_max_seq_len")
        size = config.get(f"enc{source}_vocab_size")
        if length and length > 1:
            yield (
                f"Of `in{number}` the first {length:,} ids count; what comes "
                "after them is cut off."
            )
        if size:
            yield (
                f"`in{number}` knows the ids below {size:,}. One that the "
                "training data did not hold has a random vector."
            )
    if config.get("negative_sampling_rate"):
        yield (
            "Negatives were drawn at random "
            f"({config['negative_sampling_rate']} for each record): figures "
            "on data with harder negatives will be lower."
        )


def _of_head(facts):
    if facts.config.get("output_layer") == "in_batch_softmax":
        return
    comparators = facts.config.get("comparator_list", [])
    if facts.similarity_sign < 0:
        yield (
            f"**Upside down**: this model {UPSIDE_DOWN}. Its neighbors, maps "
            "and rankings by cosine or dot product say the opposite of its "
            "scores. Train it again with `mlp_layers` 0."
        )
    elif comparators and not _NEAREST & {*comparators}:
        yield (
            "The head compares encodings by "
            f"{', '.join(comparators)} and not by dot product or cosine: "
            "nearest neighbours need not be the pairs with the best scores."
        )
    elif _NEAREST & {*comparators} and not facts.similarity_sign:
        yield (
            "The head weighs dot product or cosine beside other things, so "
            "nearest neighbours need not be the pairs with the best scores, "
            "and may be the worst: compare `o2v evaluate --ranking` by "
            "`--score head` and by `--score cosine`."
        )
