"""Correlation and calibration of a model on labelled pairs."""

from typing import Any

import keras
import numpy as np

from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.label_metrics import calibration
from o2v_keras.evaluation.label_metrics import correlation
from o2v_keras.evaluation.outputs import RowOutputs
from o2v_keras.evaluation.pair_scores import expected_values
from o2v_keras.evaluation.pair_scores import require_pair_scores
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.prefixes import zero_after
from o2v_keras.models.trainable_model import scores_of

_BATCH_SIZE = 1024


class ScoredPairs:
    """Computes correlation and calibration for a model's current weights.

    Scores and cosines are computed in one pass, for all `matryoshka_dims`.

    Args:
        model: `Object2Vec`.
        table: Checked `PairTable` with labels.
        batch_size: Rows of a step. Defaults to 1024.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> model = Object2Vec(
    ...     Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4)
    ... )
    >>> table = PairTable.from_arrays([[1], [2]], [[3], [4]], [0, 1])
    >>> list(ScoredPairs(model, table).metrics())
    ['correlation', 'cosine_correlation', 'calibration']
    """

    def __init__(
        self, model: Object2Vec, table: PairTable, batch_size: int = _BATCH_SIZE
    ):
        require_pair_scores(model)
        self._labels: Any = table.labels
        self._weights = table.weights
        self._has_classes = model.config.output_layer == "softmax"
        self._dims = model.config.matryoshka_dims
        inputs = {tensor.name: tensor for tensor in model.inputs}
        pair = model.get_layer("comparator").input
        cosine = keras.layers.Dot(axes=-1, normalize=True, dtype="float32")
        both = keras.layers.Concatenate(dtype="float32")
        columns = [scores_of(model.output), cosine(pair)]
        for dim in self._dims:
            columns += [
                scores_of(model.prefixes.outputs(dim)),
                cosine([zero_after(side, dim) for side in pair]),
            ]
        outputs = both(columns)
        lengths = {
            "in0": model.config.encoder0.max_seq_len,
            "in1": model.config.encoder1.max_seq_len,
        }
        self._outputs = RowOutputs(
            keras.Model(inputs, outputs),
            {name: (table.sides[name], lengths[name]) for name in lengths},
            batch_size,
        )

    def metrics(self) -> dict[str, Any]:
        """Returns groups of metrics, weighted by the rows' weights.

        Returns:
            `correlation`: `pearson` and `spearman` of the labels with the
            model's values or expected classes; `cosine_correlation`: the
            same with the cosines of the two embeddings; `calibration`, if
            the model predicts probabilities; `widths`, if the model has
            `matryoshka_dims`: width -> the correlations of the prefix.
            Undefined metrics are missing.
        """
        outputs = self._outputs()
        whole, *prefixes = np.split(outputs, 1 + len(self._dims), axis=1)
        groups: dict[str, Any] = self._correlations(whole)
        if self._has_classes:
            groups["calibration"] = calibration(
                self._labels, whole[:, :-1], self._weights
            )
        if prefixes:
            groups["widths"] = {
                str(dim): self._correlations(columns)
                for dim, columns in zip(self._dims, prefixes, strict=True)
            }
        return groups

    def _correlations(self, columns):
        values = {
            "correlation": expected_values(columns[:, :-1]),
            "cosine_correlation": columns[:, -1],
        }
        return {
            name: correlation(self._labels, each, self._weights)
            for name, each in values.items()
        }
