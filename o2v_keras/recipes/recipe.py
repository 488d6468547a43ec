"""Recipes: hyperparameters for a kind of data, each with its reason."""

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.recipes.data_profile import DataProfile
from o2v_keras.recipes.data_profile import SideProfile

# Longer texts have too many n-grams for a batch.
_LONGEST_SPELLED = 600
_IDS_OF_A_BATCH = 1 << 20
_WORDS = 100_000
_BUCKETS = 60_000
_STEPS = 800
# Ids up to here need no more memory than others; larger ones may have gaps.
_LARGE = 1_000_000
_IDS_PER_OBJECT = 10


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Hyperparameters that were chosen for some data.

    Args:
        name: One of `RECIPES`.
        why: What of the data asks for this recipe.
        choices: Hyperparameter -> its value, and the reason in a few words.
        monitor: What early stopping watches where there are validation data;
            `None` is the loss.
        note: What else the data could be made of, a sentence. Defaults to
            `""`.

    Example:
    >>> recipe = choose_recipe(DataProfile.of({
    ...     "in0": ["a dog"], "in1": ["an animal"], "label": [1]
    ... }))
    >>> recipe.name, recipe.hyperparameters["output_layer"]
    ('retrieval', 'in_batch_softmax')
    """

    name: str
    why: str
    choices: Mapping[str, tuple[object, str]]
    monitor: str | None = None
    note: str = ""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The values, without the reasons."""
        return {name: value for name, (value, _) in self.choices.items()}

    def replace(self, given: Mapping[str, Any]) -> "Recipe":
        """Returns a recipe with given values in place of chosen ones."""
        choices = dict(self.choices)
        choices |= {name: (value, "given") for name, value in given.items()}
        return dataclasses.replace(self, choices=choices)

    def __str__(self):
        lines = [f"recipe {self.name}: {self.why}"]
        width = max(map(len, self.choices), default=0)
        for name, (value, reason) in self.choices.items():
            lines.append(f"  {name:{width}} = {value!r}: {reason}")
        if self.note:
            lines.append(f"note: {self.note}")
        return "\n".join(lines)


def _note(name, profile):
    kinds = {profile.in0.kind, profile.in1.kind}
    if name == "retrieval" and kinds <= {"id", "category"}:
        return _BAGS_INSTEAD
    most = profile.num_classes - 1
    if name == "classification" and most > 2:
        return (
            f"labels 0 to {most} are taken for classes. If they are scores, "
            "of which more is more, take `--recipe sentence-similarity`."
        )
    if name == "ratings" and profile.num_classes:
        return (
            f"labels 0 to {most} are taken for scores. If they are classes, "
            "take `--recipe classification`."
        )
    return ""


def recipe_for(
    name: str | None,
    data: Source,
    columns: PairColumns | None = None,
    others: Sequence[Source] = (),
) -> Recipe:
    """Looks at data and chooses hyperparameters.

    Args:
        name: One of `RECIPES`; `None` is the one for such data.
        data: Training data.
        columns: `PairColumns` of all data. Defaults to `None`: `in0`, `in1`
            and `label`.
        others: Validation and test data, whose ids count as well. Defaults to
            `()`.

    Raises:
        ValueError: If there is no such recipe, or it needs other data.
        DataError: If the data cannot be read.
    """
    if name is not None:
        _check_name(name)
    profile = DataProfile.of(data, columns or DEFAULT_COLUMNS, others)
    return choose_recipe(profile, name)


def choose_recipe(profile: DataProfile, name: str | None = None) -> Recipe:
    """Chooses hyperparameters that fit data.

    Values were chosen on validation splits of several data sets of a kind
    ([benchmarks](../../benchmarks/quality/recipes/README.md)).

    Args:
        profile: `DataProfile` of the training data.
        name: One of `RECIPES`. Defaults to `None`: the one for such labels
            and sides.

    Raises:
        ValueError: If there is no such recipe, or it needs other data.
    """
    if name is None:
        name = _suited(profile)
    _check_name(name)
    choices = RECIPES[name](profile)
    head = str(choices.get("output_layer", ("softmax",))[0])
    monitor = _MONITORS.get((name, head))
    return Recipe(name, str(profile), choices, monitor, _note(name, profile))


def _check_name(name):
    if name not in RECIPES:
        raise ValueError(
            f"`recipe` must be one of {', '.join(RECIPES)}. Received: "
            f"recipe={name!r}"
        )


def _suited(profile):
    kinds = profile.in0.kind, profile.in1.kind
    texts = kinds.count("text")
    if profile.num_classes > 2 and not texts:
        return "ratings"
    if profile.labels == "scores":
        return "sentence-similarity" if texts == 2 else "ratings"
    if profile.labels == "positives":
        return "label-text" if texts == 1 else "retrieval"
    if texts == 1 and profile.num_classes == 2:
        return "label-text"
    return "classification"


def _retrieval(profile):
    _require(profile, "retrieval", "positives")
    if "text" in (profile.in0.kind, profile.in1.kind):
        return _text_retrieval(profile)
    head = _in_batch(profile) | {
        "enc_dim": (128, "enough for thousands of objects"),
        "similarity": ("cosine", "frequent objects do not outweigh others"),
        "temperature": (0.2, "cosines differ little"),
        "learning_rate": (0.005, "rows of a table are seldom updated"),
        "mini_batch_size": (1024, "as many objects to tell apart"),
        "epochs": _epochs(profile, 16, 2_000_000),
    }
    if profile.same_ids:
        head["exclude_query_tokens"] = (
            True,
            "an object of the bag is no negative",
        )
    return _sides(profile) | head


def _text_retrieval(profile):
    return (
        _sides(profile)
        | _in_batch(profile)
        | {
            **_shared(profile),
            "token_weighting": ("sif", "rare words say more"),
            "enc_dim": (512, "texts differ in many ways"),
            "similarity": ("cosine", "the length of a text does not matter"),
            "temperature": (0.1, "cosines differ little"),
            "sampling_bias_correction": (False, "texts are seldom repeated"),
            "learning_rate": (0.003, "for means of many ids"),
            "mini_batch_size": (_batch(profile, 512), "fits into memory"),
            "epochs": _epochs(profile, 12, 300_000),
        }
    )


def _shared(profile):
    if (profile.in0.kind, profile.in1.kind) != ("text", "text"):
        return {}
    return {"shared_encoder": (True, "texts that share words are alike")}


def _in_batch(profile):
    return {
        "output_layer": (
            "in_batch_softmax",
            "positives alone: the other objects of a batch are negatives",
        ),
        **_stopping(),
    }


def _label_text(profile):
    if profile.labels == "scores":
        raise _unlike("label-text", "labels of 1, or of 0 and 1", profile)
    if "text" not in (profile.in0.kind, profile.in1.kind):
        raise _unlike("label-text", "texts on one side", profile)
    common = _sides(profile) | {
        "enc_dim": (128, "enough for the labels"),
        "mini_batch_size": (_batch(profile, 256), "fits into memory"),
        "epochs": _epochs(profile, 12, 300_000),
    }
    if profile.labels == "positives":
        return common | {
            **_in_batch(profile),
            "token_weighting": ("learned", "some words say more"),
            "similarity": ("cosine", "the length of a text does not matter"),
            "temperature": (0.1, "cosines differ little"),
            "learning_rate": (0.001, "few texts are soon learned by heart"),
            "dropout": (0.1, "few texts are soon learned by heart"),
            "negative_sampling_side": (
                "in0" if profile.in1.kind == "text" else "in1",
                "texts are classified into labels",
            ),
        }
    return common | {
        "token_combiner": ("sqrtn", "longer texts say more"),
        "output_layer": ("softmax", "labels are 0 and 1"),
        "num_classes": (2, "labels are 0 and 1"),
        "comparator_list": ("dot,concat", "a fit, and how frequent labels are"),
        "mlp_layers": (0, "the dot product is the answer"),
        "learning_rate": (0.003, "for means of many ids"),
        **_stopping(),
    }


def _pair_head(profile):
    """Of pairs of texts: cosines of blocks of the encodings."""
    return _sides(profile) | {
        "shared_encoder": (True, "both sides are texts of one language"),
        "token_weighting": ("sif", "rare words say more"),
        "enc_dim": (512, "16 blocks of 32 numbers, a cosine each"),
        "comparator_list": (
            "cosine,block_cosine",
            "how alike texts are, in several ways",
        ),
        "mlp_layers": (1, "cosines are weighed together"),
        "mlp_dim": (64, "for 17 cosines"),
        "mlp_activation": ("relu", "what is unlike in one way counts"),
        "dropout": (0.2, "data are few beside the weights"),
        "learning_rate": (0.003, "for means of many ids"),
        "mini_batch_size": (_batch(profile, 128), "fits into memory"),
        "epochs": _epochs(profile, 12, 300_000),
        **_stopping(),
    }


def _sentence_similarity(profile):
    if (profile.in0.kind, profile.in1.kind) != ("text", "text"):
        raise _unlike("sentence-similarity", "texts on both sides", profile)
    return _pair_head(profile) | {
        "output_layer": ("mean_squared_error", "labels are scores")
    }


def _classification(profile):
    classes = profile.num_classes
    if profile.labels != "classes":
        raise _unlike("classification", "labels 0, 1, 2, ...", profile)
    head = {
        "output_layer": ("softmax", f"labels are {classes} classes"),
        "num_classes": (classes, "the labels"),
    }
    if (profile.in0.kind, profile.in1.kind) == ("text", "text"):
        return _pair_head(profile) | head
    return (
        _gaussian(profile)
        | head
        | {
            "token_embedding_kl": (
                1.0,
                "the likelihood and the prior weigh alike",
            )
        }
    )


def _ratings(profile):
    if profile.labels == "positives":
        raise _unlike("ratings", "labels that differ", profile)
    kl = 0.85 * profile.label_variance
    return _gaussian(profile) | {
        "output_layer": ("mean_squared_error", "labels are scores"),
        "token_embedding_kl": (
            float(f"{kl:.2g}"),
            "0.85 of the variance of the labels: twice that of their noise",
        ),
    }


def _gaussian(profile):
    """Of ids: a posterior of their rows, which needs no early stopping."""
    batch = 2 ** math.floor(math.log2(profile.rows * 16 / _STEPS + 1))
    return _sides(profile) | {
        "token_combiner": ("sqrtn", "longer bags say more"),
        "enc_dim": (20, "what few rows of an object can tell"),
        "comparator_list": ("hadamard,concat", "a fit, and biases"),
        "mlp_layers": (0, "matrix factorization with biases"),
        "learning_rate": (0.01, "rows of a table are seldom updated"),
        "learning_rate_schedule": ("cosine", "samples add noise to gradients"),
        "mini_batch_size": (
            min(max(batch, 32), 512),
            f"at least {_STEPS} steps in all",
        ),
        "epochs": (16, "at most; the prior prevents overfitting"),
        "early_stopping_patience": (16, "all are tried"),
    }


def _sagemaker(profile):
    """SageMaker's defaults, and what it requires."""
    sizes = {}
    for number, side in enumerate((profile.in0, profile.in1)):
        if side.is_text:
            raise _unlike("sagemaker", "ids on both sides", profile)
        sizes |= {
            f"enc{number}_network": ("hcnn", "SageMaker's default"),
            f"enc{number}_vocab_size": (
                max(2, side.largest_id + 1),
                "the largest id and 1",
            ),
            f"enc{number}_max_seq_len": (side.longest, "the longest row"),
        }
    if profile.labels == "scores":
        return sizes | {
            "output_layer": ("mean_squared_error", "labels are scores")
        }
    return sizes | {"num_classes": (max(2, profile.num_classes), "the labels")}


def _epochs(profile, most, rows):
    """Fewer epochs of many rows, so that training takes minutes."""
    epochs = min(most, max(4, rows // profile.rows))
    return epochs, "at most; early stopping ends it before"


def _stopping():
    return {
        "early_stopping_patience": (2, "three epochs without progress end it"),
        "early_stopping_tolerance": (0.0005, "losses fall slowly"),
    }


def _sides(profile):
    """The encoders."""
    choices = {}
    for number, side in enumerate((profile.in0, profile.in1)):
        choices |= _encoder(f"enc{number}", side)
    if (profile.in0.kind, profile.in1.kind) == ("text", "text"):
        # One vocabulary, so one set of settings.
        longest = max(profile.in0, profile.in1, key=lambda side: side.longest)
        choices = _encoder("enc0", longest) | {
            "tied_token_embedding_weight": (True, "both sides are texts"),
        }
    elif profile.same_ids and profile.in0.is_text:
        choices |= {
            "enc1_tokenizer": ("categories", "one vocabulary for both sides"),
            "enc1_max_seq_len": (1, "one name"),
            "tied_token_embedding_weight": (True, "one vocabulary"),
        }
    elif profile.same_ids:
        size = max(profile.in0.largest_id, profile.in1.largest_id) + 1
        for number in (0, 1):
            choices[f"enc{number}_vocab_size"] = (size, "ids of both sides")
    choices["token_embedding_storage_type"] = (
        "row_sparse",
        "a step updates the rows that it reads",
    )
    return choices


def _encoder(prefix: str, side: SideProfile):
    choices = {
        f"{prefix}_network": (
            "pooled_embedding",
            "fast, and good for bags, names and short texts",
        )
    }
    if side.kind == "text":
        return choices | _text_encoder(prefix, side)
    if side.kind == "category":
        return choices | {
            f"{prefix}_tokenizer": ("category", "names of a closed set"),
        }
    if side.kind == "categories":
        return choices | {
            f"{prefix}_tokenizer": ("categories", "bags of names"),
            f"{prefix}_max_seq_len": (side.longest, "the longest bag"),
        }
    size = side.largest_id + 1
    if size > max(_LARGE, _IDS_PER_OBJECT * side.objects):
        raise ValueError(
            f"in{prefix[-1]} holds ids up to {side.largest_id:,} of "
            f"{side.objects:,} objects, but a model has a vector for every id "
            "up to the largest. Number the objects from 1, or make pairs by "
            "`o2v pairs`, which writes such ids as names."
        )
    return choices | {
        f"{prefix}_vocab_size": (max(2, size), "the largest id and 1"),
        f"{prefix}_max_seq_len": (side.longest, "the longest row"),
    }


def _text_encoder(prefix, side):
    size = {f"{prefix}_vocab_size": (_WORDS, "at most")}
    if side.longest > _LONGEST_SPELLED:
        return size | {
            f"{prefix}_tokenizer": (
                "words",
                f"texts of up to {side.longest:,} characters have too many "
                "n-grams",
            ),
            # A word has a character or more.
            f"{prefix}_max_seq_len": (side.longest, "no text is longer"),
        }
    return size | {
        f"{prefix}_tokenizer": (
            "ngrams",
            "words and their spelling, so that new words are known",
        ),
        # A word of n characters has 3 n + 1 ids.
        f"{prefix}_max_seq_len": (4 * side.longest + 8, "no text is longer"),
        f"{prefix}_hash_buckets": (_BUCKETS, "for n-grams"),
    }


def _batch(profile, rows):
    """Fewer rows where texts are long, so that a batch fits into memory."""
    longest = max(
        4 * side.longest
        for side in (profile.in0, profile.in1)
        if side.kind == "text"
    )
    while rows > 32 and rows * longest > _IDS_OF_A_BATCH:
        rows //= 2
    return rows


def _require(profile, name, labels):
    if profile.labels != labels:
        raise _unlike(name, "labels that are all 1", profile)


def _unlike(name, needed, profile):
    return ValueError(
        f"`recipe` must fit the data: {name} needs {needed}. Received: "
        f"recipe={name!r} and data of {profile}. Leave the recipe out to have "
        "one chosen."
    )


_BAGS_INSTEAD = (
    "each object of in0 has a vector of its own, and new ones have none until "
    "they are trained (`o2v fold-in`). `o2v pairs interactions --user-as "
    "items` makes bags of a user's items instead, which embed new users "
    "without training."
)
# Recipe and head -> what a model is wanted for. Losses rise while it still
# grows.
_MONITORS = {
    ("retrieval", "in_batch_softmax"): "val_ndcg@10",
    ("label-text", "in_batch_softmax"): "val_mrr",
    ("classification", "softmax"): "val_accuracy",
    ("sentence-similarity", "mean_squared_error"): "val_spearman",
}
# Name -> what chooses its values.
RECIPES = {
    "retrieval": _retrieval,
    "ratings": _ratings,
    "classification": _classification,
    "sentence-similarity": _sentence_similarity,
    "label-text": _label_text,
    "sagemaker": _sagemaker,
}
