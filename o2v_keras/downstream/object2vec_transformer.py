"""Embeddings as features of scikit-learn's estimators."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.base import TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags

from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.in_memory import column_names
from o2v_keras.data.read.in_memory import is_in_memory
from o2v_keras.evaluation.inference import embed
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.neighbors.model_fingerprint import model_fingerprint
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train


class Object2VecTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Turns objects into their embeddings.

    With `model`, a trained one, there is nothing to fit. With `pairs` and
    `config`, `fit` trains a model in `model_dir` first. What `fit` itself is
    given (rows and classes of the downstream task) trains nothing: those rows
    need not be pairs, and their classes cannot leak into the embeddings.

    A pickle holds the path of the model directory and not the model; it loads
    wherever that folder is, and refuses one that was trained anew. A model
    given as an object is in the pickle.

    Args:
        model: `Object2Vec`, model directory or `.keras` file. Defaults to
            `None`: train one.
        side: `"in0"` or `"in1"`. Defaults to `"in0"`.
        pairs: Training data, as `train` takes them. Defaults to `None`.
        config: `Object2VecConfig` or hyperparameters, as `train` takes them.
            Defaults to `None`.
        model_dir: A folder for what training leaves; one that holds a
            training is replaced. Defaults to `None`.
        batch_size: Rows of a step of `transform`. Defaults to 1024.

    Attributes:
        model_: The `Object2Vec` in use.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4
    ... )
    >>> transformer = Object2VecTransformer(Object2Vec(config), side="in1")
    >>> transformer.fit_transform([[1, 2], [3]]).shape
    (2, 4)
    >>> transformer.get_feature_names_out()[0]
    'object2vectransformer0'
    """

    def __init__(
        self,
        model: Object2Vec | str | os.PathLike | None = None,
        side: str = "in0",
        pairs: Any = None,
        config: Any = None,
        model_dir: str | os.PathLike | None = None,
        batch_size: int = 1024,
    ):
        self.model = model
        self.side = side
        self.pairs = pairs
        self.config = config
        self.model_dir = model_dir
        self.batch_size = batch_size

    def fit(self, X: Any = None, y: Any = None) -> "Object2VecTransformer":
        """Trains on `pairs`, or loads `model`.

        Args:
            X: Not used.
            y: Not used.

        Raises:
            ValueError: If neither `model` nor all of `pairs`, `config` and
                `model_dir` are given, or both are; or as `train`.
        """
        self._check_sources()
        if self.model is None:
            self._loaded = train(
                self.config,
                self.pairs,
                model_dir=self.model_dir,
                overwrite=True,
                verbose=0,
            ).model
        else:
            self._loaded = _loaded(self.model)
        self.fingerprint_ = model_fingerprint(self._loaded)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Returns the embeddings of rows.

        Args:
            X: A sequence of ids for each row, in any form that
                `Sequences.from_any` takes; or whatever `embed` takes, such as
                files, or a mapping or data frame with the side.

        Returns:
            float32 `(rows, enc_dim)`.

        Raises:
            NotFittedError: If there is no model yet.
            DataError: If rows are unusable.
            ValueError: If an embedding is NaN or infinite.
        """
        model = self.model_
        is_source = isinstance(X, str | os.PathLike | Mapping | PairTable) or (
            is_in_memory(X) and self.side in column_names(X)
        )
        if not is_source:
            X = {self.side: X}
        vectors = embed(model, self.side, X, self.batch_size)
        if not np.isfinite(vectors).all():
            raise ValueError(
                "`model` must give finite embeddings, but some are NaN or "
                "infinite. Did its training diverge?"
            )
        return vectors

    @property
    def model_(self) -> Object2Vec:
        """The model in use; loaded when it is first asked for.

        Raises:
            NotFittedError: If there is none yet.
            ValueError: If its folder holds another one than in `fit`.
        """
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                "This Object2VecTransformer has no model yet: call `fit`, "
                "which trains one, or give it a `model`."
            )
        if getattr(self, "_loaded", None) is None:
            self._check_sources()
            place = self.model_dir if self.model is None else self.model
            model = _loaded(place)
            found = model_fingerprint(model)
            if found != getattr(self, "fingerprint_", found):
                raise ValueError(
                    f"{place} must hold the model that this transformer was "
                    "fitted with: estimators behind it know no other "
                    "embeddings. Fit again, or bring that model back. "
                    f"Received: a model with the fingerprint {found}; "
                    f"fitted with {self.fingerprint_}"
                )
            self._loaded = model
        return self._loaded

    def set_params(self, **params) -> "Object2VecTransformer":
        """Sets parameters; another `model` takes effect at once."""
        if "model" in params:
            self._loaded = None
            vars(self).pop("fingerprint_", None)
        return super().set_params(**params)

    @property
    def _n_features_out(self):
        return self.model_.config.enc_dim

    def __sklearn_is_fitted__(self):
        return self.model is not None or hasattr(self, "fingerprint_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __getstate__(self):
        return {**super().__getstate__(), "_loaded": None}

    def _check_sources(self):
        if self.side not in ("in0", "in1"):
            raise ValueError(
                f'`side` must be "in0" or "in1". Received: side={self.side!r}'
            )
        training = {
            "pairs": self.pairs,
            "config": self.config,
            "model_dir": self.model_dir,
        }
        given = [name for name, value in training.items() if value is not None]
        right = [] if self.model is not None else list(training)
        if given != right:
            raise ValueError(
                "`model` must be given, or all of `pairs`, `config` and "
                "`model_dir`, to train one. Received: "
                + ", ".join(["model"] * (self.model is not None) + given or "-")
            )


def _loaded(model):
    return model if isinstance(model, Object2Vec) else load_model(model)
