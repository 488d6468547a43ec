"""Trains embeddings of new objects in a trained, otherwise frozen model."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.global_ids import global_ids
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import read_source
from o2v_keras.models.expand_vocabulary import with_larger_tables
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.storage.temporary_folder import TemporaryFolder
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.pair_tokenizers import TOKENIZERS_FILE
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import CategoryTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import TrainingResult
from o2v_keras.training.train import train as train_model
from o2v_keras.training.weight_files import write_keras_file

# More ids than any vocabulary has: the data alone limit what is learned.
_NO_LIMIT = 1 << 40

# Hyperparameters to reset. Weight decay would change frozen weights; the
# others initialize or freeze tables, which is done.
_OVER = {
    "weight_decay": 0.0,
    **dict.fromkeys(
        ("enc0_pretrained_embedding_file", "enc1_pretrained_embedding_file"), ""
    ),
    **dict.fromkeys(("enc0_vocab_file", "enc1_vocab_file"), ""),
    **dict.fromkeys(("enc0_freeze_epochs", "enc1_freeze_epochs"), 0),
}


def fold_in(
    model: str | os.PathLike[str],
    train: Source,
    validation: Source | None = None,
    *,
    model_dir: str | os.PathLike[str],
    columns: PairColumns = DEFAULT_COLUMNS,
    first_new_ids: Mapping[str, int] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    verbose: int = 1,
    **options: Any,
) -> TrainingResult:
    """Trains the token embeddings of new ids with everything else frozen.

    New users or products, with a few records each, get embeddings that are
    comparable to the model's. Outputs for known objects stay bitwise equal,
    so their indexes stay valid. Tables grow by the necessary rows; the
    vocabulary of a `"category"` tokenizer gets the new names at its end. An
    embedding starts as that of the unknown id trained by id dropout, or as
    the mean of the known ones.

    Heads that learn from negatives (`in_batch_softmax`, `bpr`) take them from
    the same data: include records of known objects.

    Args:
        model: Model directory of a trained model.
        train: Records of new objects: files, a mapping or a `PairTable`. Their
            partners can be known or new. Records of known objects alone train
            nothing.
        validation: Records to score after every epoch. Defaults to `None`.
        model_dir: Folder for the new model.
        columns: `PairColumns` of the data. Defaults to `in0`, `in1` and
            `label`.
        first_new_ids: `in0` or `in1` -> the first new id, for tables that
            have spare rows. Defaults to `None`: ids beyond the table are new.
        hyperparameters: Values that replace the model's, such as `epochs` or
            `learning_rate`. Defaults to `None`.
        verbose: 0 or 1. Defaults to `1`.
        **options: Other arguments of `train`, such as `resume`, `overwrite`
            and `replicas`.

    Returns:
        `TrainingResult(model, history, report)`.

    Raises:
        ValueError: If the data hold no new id, or arguments are unusable.
        DataError: If rows are unusable, or hold no negatives for a head that
            needs them.
    """
    ModelDirectory(model_dir).output.check()
    hyperparameters = hyperparameters or {}
    _refuse_over(hyperparameters)
    old = load_model(model)
    new = find_new_ids(
        old, train, columns, first_new_ids or {}, hyperparameters
    )
    config = new.config
    if config.output_layer in ("in_batch_softmax", "bpr"):
        _require_negatives(config, new.pairs)
    if verbose:
        print(new.summary)
    with TemporaryFolder("fold-in") as folder:
        grown = with_larger_tables(old, config)
        write_keras_file(grown, folder / "model.keras")
        new.tokenizers.save(folder / TOKENIZERS_FILE)
        ModelDirectory(folder).write_trained_ids(old.trained_ids)
        del grown, old
        return train_model(
            config,
            train,
            validation,
            model_dir=model_dir,
            columns=columns,
            initial_model=folder,
            new_ids=new.first_ids,
            verbose=verbose,
            **options,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class NewIds:
    """What the records of new objects bring to a model.

    Args:
        pairs: The records.
        tokenizers: The model's, with the new categories.
        config: The model's, with vocabularies large enough.
        first_ids: `in0` or `in1` -> the first new id, of the sides that have
            any.
    """

    pairs: PairTable
    tokenizers: PairTokenizers
    config: Object2VecConfig
    first_ids: dict[str, int]

    @property
    def summary(self) -> str:
        """A line on the new ids."""
        parts = []
        for name, first in self.first_ids.items():
            ids = self.pairs.sides[name].values
            new = len(set(ids[ids >= first].tolist()))
            parts.append(f"{name}: {new:,} new ids, from {first} on")
        return "folding in " + "; ".join(parts) + ". All else is frozen."


def find_new_ids(
    model: Object2Vec,
    source: Source,
    columns: PairColumns,
    first_new_ids: Mapping[str, int],
    hyperparameters: Mapping[str, Any] | None = None,
) -> NewIds:
    """Reads records of new objects and says what is new.

    Args:
        model: The trained model.
        source: The records.
        columns: `PairColumns` of the records.
        first_new_ids: `in0` or `in1` -> the first new id, for tables that
            have spare rows.
        hyperparameters: Values that replace the model's. Defaults to `None`.

    Raises:
        ValueError: If the data hold no new id.
        DataError: If rows are unusable.
    """
    if len(model.config.sides) < 2:
        raise ValueError(
            "`model` must have learned from pairs, whose records say where "
            'new ids belong. Received: a model of output_layer="'
            f'{model.config.output_layer}"'
        )
    tokenizers = _grown_tokenizers(model, source, columns)
    config = model.config.replace(**_OVER, **(hyperparameters or {}))
    pairs = read_source(source, config, tokenizers, columns, verbose=0).table
    sizes, first_ids = _grown_sizes(
        model.config, pairs, tokenizers, first_new_ids
    )
    return NewIds(pairs, tokenizers, config.replace(**sizes), first_ids)


def _refuse_over(hyperparameters: Mapping[str, Any]):
    for name in hyperparameters:
        if name in _OVER:
            raise ValueError(
                f"`{name}` must be left out: folding in trains the embeddings "
                "of new ids alone. "
                f"Received: {name}={hyperparameters[name]!r}"
            )


def _grown_tokenizers(
    model: Object2Vec, source: Source, columns: PairColumns
) -> PairTokenizers:
    """Returns the model's tokenizers with the new categories of the data."""
    tokenizers = model.tokenizers
    learned = learn_tokenizers(
        source, _categories_only(model.config), columns, None, 0
    )
    grown = {
        name: CategoryTokenizer(_joined(side.vocabulary, new.vocabulary))
        for name, new in learned.sides.items()
        for side in [tokenizers.sides[name]]
    }
    if learned.in0 is not None and learned.in0 is learned.in1:
        grown["in1"] = grown["in0"]
    return PairTokenizers(**{**tokenizers.sides, **grown})


def _categories_only(config: Object2VecConfig) -> Object2VecConfig:
    fields = {}
    for side in ("enc0", "enc1"):
        is_category = getattr(config, f"{side}_tokenizer") == "category"
        fields[f"{side}_tokenizer"] = "category" if is_category else ""
        fields[f"{side}_min_count"] = 1
        fields[f"{side}_vocab_file"] = ""
        fields[f"{side}_vocab_size"] = _NO_LIMIT
    return config.replace(**fields)


def _joined(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    added = [word for word in new.words if word not in old]
    return Vocabulary([*old.words, *added], old.hash_buckets)


def _require_negatives(config, pairs):
    """Raises `DataError` if every pair of objects is a record."""
    numbers = np.stack(
        [global_ids(pairs.sides[side]) for side in ("in0", "in1")]
    )
    objects = numbers.max(axis=1) + 1
    if len(np.unique(numbers, axis=1).T) == objects.prod():
        raise DataError(
            f'With output_layer="{config.output_layer}" new ids learn from '
            "negatives, which the data to fold in must hold too, but each of "
            f"their {objects[0]:,} objects of in0 is paired with each of the "
            f"{objects[1]:,} of in1. Add records of known objects, whose "
            "embeddings do not change."
        )


def _grown_sizes(config, pairs, tokenizers, first_new_ids):
    """Returns the vocabulary sizes, and the first new id of each side."""
    sides = {"in0": config.encoder0, "in1": config.encoder1}
    wrong = first_new_ids.keys() - sides
    if wrong:
        raise ValueError(
            "`first_new_ids` must have no other keys than in0 and in1. "
            f"Received: {sorted(wrong)}"
        )
    sizes, first_ids = {}, {}
    for name, encoder in sides.items():
        largest = int(pairs.sides[name].values.max(initial=0))
        if name in tokenizers.sides:
            largest = tokenizers.sides[name].vocab_size - 1
        sizes[name] = max(encoder.vocab_size, largest + 1)
        first_ids[name] = first_new_ids.get(name, encoder.vocab_size)
    if (
        config.tied_token_embedding_weight
        or config.enc1_network == "enc0"
        or config.exclude_query_tokens
    ):
        sizes = dict.fromkeys(sizes, max(sizes.values()))
    if config.tied_token_embedding_weight:
        first_ids = dict.fromkeys(first_ids, min(first_ids.values()))
    first_ids = {
        name: first
        for name, first in first_ids.items()
        if (pairs.sides[name].values >= first).any()
    }
    if not first_ids:
        raise ValueError(
            "`train` must hold new ids of in0 or in1: ids beyond the "
            "model's tables, categories that are not in "
            "its vocabularies, or ids from `first_new_ids` on. Received: "
            + ", ".join(
                f"{name} with ids below {encoder.vocab_size}"
                for name, encoder in sides.items()
            )
        )
    sizes = {f"enc{name[-1]}_vocab_size": n for name, n in sizes.items()}
    return sizes, first_ids
