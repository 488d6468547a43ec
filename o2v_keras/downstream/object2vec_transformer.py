"""A scikit-learn transformer from objects to embeddings."""

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
    """Transforms objects into their embeddings.

    With a trained `model` there is nothing to fit. With `pairs` and `config`,
    `fit` trains a model in `model_dir`. The arguments of `fit` (rows and
    classes of the downstream task) are not used, so classes cannot leak into
    the embeddings.

    A pickle holds the path of the model directory, not the model. After
    loading, the folder must hold the same model. A model given as an object
    is in the pickle.

    Args:
        model: `Object2Vec`, model directory or `.keras` file. Defaults to
            `None`: `fit` trains one.
        side: `"in0"` or `"in1"`. Defaults to `"in0"`.
        pairs: Training data: files, a mapping of columns or a `PairTable`.
            Defaults to `None`.
        config: `Object2VecConfig`, or SageMaker's hyperparameters as a
            mapping or the path of a JSON file. Defaults to `None`.
        model_dir: Folder for the trained model; an earlier training in it is
            replaced. Defaults to `None`.
        batch_size: int. Rows of a step of `transform`. Defaults to 1024.

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
        model: Object2Vec | str | os.PathLike[str] | None = None,
        side: str = "in0",
        pairs: Any = None,
        config: Any = None,
        model_dir: str | os.PathLike[str] | None = None,
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
            ValueError: If not either `model` or all of `pairs`, `config` and
                `model_dir` are given, or they are unusable.
        """
        self._check_sources()
        model_dir: Any = self.model_dir
        if self.model is None:
            self._loaded = train(
                self.config,
                self.pairs,
                model_dir=model_dir,
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
            X: A sequence of ids (or a text) for each row, or files, a mapping
                or data frame with the side, or a `PairTable`.

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
        """The model in use, loaded on first use.

        Raises:
            NotFittedError: If there is none yet.
            ValueError: If its folder holds another model than in `fit`.
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
                    "fitted with: later estimators were fitted to its "
                    "embeddings. Fit again, or restore that model. "
                    f"Received: a model with the fingerprint {found}; "
                    f"fitted with {self.fingerprint_}"
                )
            self._loaded = model
        return self._loaded

    def set_params(self, **params: Any) -> "Object2VecTransformer":
        """Sets parameters; a new `model` takes effect immediately."""
        if "model" in params:
            self._loaded = None
            self.__dict__.pop("fingerprint_", None)
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
