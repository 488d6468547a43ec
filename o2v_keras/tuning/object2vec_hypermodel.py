"""Object2Vec as a hypermodel of Keras Tuner."""

import os
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.callbacks.early_stopping import EarlyStopping
from o2v_keras.tuning.ranges import ValueChoice
from o2v_keras.tuning.ranges import ValueRange
from o2v_keras.tuning.search_space import SearchSpace


class Object2VecHyperModel(keras_tuner.HyperModel):
    """Builds and fits models for any tuner of Keras Tuner.

    `tune` also reads data only once, resumes after `kill -9` and writes model
    directories.

    Args:
        hyperparameters: The fixed hyperparameters by SageMaker's names: a
            mapping or the path of a JSON file. `enc0_max_seq_len` and
            `enc0_vocab_size` are required.
        ranges: Name -> `ValueRange` or `ValueChoice` of hyperparameters that
            are not fixed; replaces default ranges. Defaults to none.
        default_ranges: bool. Whether to add the ranges that SageMaker
            recommends (dropout, `enc_dim`, `learning_rate` and 15 more).
            Defaults to `True`.

    Attributes:
        space: `SearchSpace`.

    Raises:
        ValueError: If a range or a value is invalid, or a hyperparameter has
            both.

    Example:
    >>> hypermodel = Object2VecHyperModel(
    ...     {
    ...         "enc0_max_seq_len": 3,
    ...         "enc0_vocab_size": 9,
    ...         "enc0_network": "pooled_embedding",
    ...     },
    ...     {"enc_dim": ValueRange(8, 16)},
    ... )
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).config.enc_dim
    8
    >>> "enc0_layers" in hp
    False

    Reference:
    - SageMaker Developer Guide, "Tune an Object2Vec Model".
    """

    def __init__(
        self,
        hyperparameters: Mapping[str, Any] | str | os.PathLike[str],
        ranges: Mapping[str, ValueRange | ValueChoice] | None = None,
        default_ranges: bool = True,
    ):
        super().__init__()
        self.space = SearchSpace(hyperparameters, ranges, default_ranges)

    def configure(self, hp: keras_tuner.HyperParameters) -> Object2VecConfig:
        """Returns the configuration of a proposal."""
        self.space.declare(hp)
        return self.space.configure(hp.values)

    def build(self, hp: keras_tuner.HyperParameters) -> Object2Vec:
        """Returns a compiled model.

        Raises:
            keras_tuner.errors.FailedTrialError: If the values are no valid
                configuration.
        """
        try:
            return Object2Vec(self.configure(hp))
        except ValueError as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: Object2Vec,
        train: Source,
        validation_data: Source | None = None,
        callbacks: list[keras.callbacks.Callback] | None = None,
        epochs: int | None = None,
        **settings: Any,
    ) -> keras.callbacks.History:
        """Trains a model with its batch size and SageMaker's early stopping.

        Args:
            hp: The hyperparameters.
            model: The result of `build`.
            train: Training data: files, a mapping or a `PairTable`, which
                alone is not read again for every trial.
            validation_data: Validation data in any of these forms. Defaults
                to `None`.
            callbacks: Called before early stopping. Defaults to none.
            epochs: int. Defaults to `None`: the configuration's.
            **settings: Other arguments of `Model.fit`.

        Returns:
            The `keras.callbacks.History`.
        """
        config = model.config
        monitor = None if config.token_embedding_kl else "loss"
        if validation_data is not None:
            validation_data = load_dataset(validation_data, config, False)
            monitor = "val_loss"
        stopping = EarlyStopping(
            monitor,
            config.early_stopping_patience,
            config.tolerance_of(monitor) if monitor else 0.0,
        )
        return model.fit(
            load_dataset(train, config),
            validation_data=validation_data,
            callbacks=[*(callbacks or []), stopping],
            epochs=config.epochs if epochs is None else epochs,
            shuffle=False,
            **settings,
        )
