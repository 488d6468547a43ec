"""Computes the vector of a new object from its records, without training."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from o2v_keras import heads
from o2v_keras.data.batches.padded_rows import PaddedRows
from o2v_keras.data.data_error import DataError
from o2v_keras.data.global_ids import global_ids
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import Source
from o2v_keras.data.read_source import read_source
from o2v_keras.data.sequences import Sequences
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.evaluation.inference import embed_rows
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.layers.table_rows import write_rows
from o2v_keras.models.expand_vocabulary import with_larger_tables
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.models.trained_ids import first_ids
from o2v_keras.training.fold_in import NewIds
from o2v_keras.training.fold_in import find_new_ids
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.row_solvers import fit_gaussian
from o2v_keras.training.row_solvers import fit_order
from o2v_keras.training.row_solvers import fit_softmax
from o2v_keras.training.row_solvers import fit_values
from o2v_keras.user_warning import warn_user

_OTHER = {"in0": "in1", "in1": "in0"}
# Objects that a new one is told from; of more an even sample is taken.
_MOST_CANDIDATES = 8192
_RULE = (
    "must be a model and a side that fold in without training: a side of one "
    "id a row in `pooled_embedding`, without token weights, under "
    "`mean_squared_error` or `bpr` with the comparators dot, hadamard and "
    "concat and no MLP, or under `in_batch_softmax`; with `token_embedding_kl` "
    "both sides in `pooled_embedding`, under `mean_squared_error`; or a bag "
    "of ids of the other side, which is encoded. Train the embeddings of new "
    "ids instead (`o2v fold-in` without `--instant`)."
)


class InstantFoldIn:
    """Computes vectors of new objects with everything else frozen.

    A new user or product gets, from a few records, the vector that minimizes
    the training loss of these records against the frozen other side:

    - `mean_squared_error`: ridge regression, in closed form. With
      `token_embedding_kl` it is the posterior under the learned prior, which
      takes the uncertainty of the other side into account;
    - `in_batch_softmax`: cross-entropy among all objects of the other side,
      by Newton's method. Under `cosine` the length is free, and the direction
      counts;
    - `bpr`: each positive against all other objects, by Newton's method;
    - a side that is a bag of ids of the other side has nothing to fold in:
      the bag of its records is encoded.

    Args:
        model: `Object2Vec`. It is not changed.
        side: `"in0"` or `"in1"`: the side of the new objects. With negatives
            it is the side whose records have them, not that of
            `negative_sampling_side`.
        penalty: float, at least 0. Each record adds `penalty * |vector|^2`,
            as `token_embedding_l2` does in training. Defaults to `None`: the
            model's `token_embedding_l2`, but at least the mean square of the
            numbers of the other side's vectors (times the weights of the
            head, or over the temperature), a value that was chosen on
            validation users of MovieLens-100k. Without `token_embedding_l2`
            squared errors shrink to the mean of the trained vectors, all
            others to zero. It must be `None` with `token_embedding_kl`.
        corpus: Data of the other side, whose objects are the negatives of
            `in_batch_softmax` and `bpr`. Defaults to `None`: the trained ids,
            where a row of that side is one id.
        columns: `PairColumns` of the corpus. Defaults to `in0` and `in1`.

    Call arguments:
        records: Data of one new object: the other side, `label`, and
            optionally `weight`; `PairColumns(label=None)` means that all are
            positives. Rankings use the rows labelled 1.
        columns: `PairColumns` of the records. Defaults to `in0`, `in1` and
            `label`.

    Output shape:
        float32 `(enc_dim,)`, comparable to `embed`'s.

    Raises:
        ValueError: If the model or the side is another one, and which it is;
            or `penalty` is below 0, or given with `token_embedding_kl`.
        DataError: If records are unusable, or none is left to learn from.

    Example:
    >>> from o2v_keras import encoders
    >>> users = encoders.PooledEmbedding(
    ...     vocab_size=9, max_seq_len=1, output_dim=4
    ... )
    >>> films = encoders.PooledEmbedding(
    ...     vocab_size=20, max_seq_len=1, output_dim=4
    ... )
    >>> model = Object2Vec(users, films, head=heads.InBatchSoftmax())
    >>> fold_in = InstantFoldIn(model, "in0")
    >>> fold_in({"in1": [[3], [5]], "label": [1, 1]}).shape
    (4,)
    """

    def __init__(
        self,
        model: Object2Vec,
        side: str,
        penalty: float | None = None,
        corpus: Source | None = None,
        columns: PairColumns = DEFAULT_COLUMNS,
    ):
        if side not in _OTHER:
            raise ValueError(
                f'`side` must be "in0" or "in1". Received: side={side!r}'
            )
        if penalty is not None and not penalty >= 0:
            raise ValueError(
                f"`penalty` must be at least 0. Received: penalty={penalty!r}"
            )
        self._model, self._side, self._other = model, side, _OTHER[side]
        self._penalty = penalty
        self.is_bag = _is_bag(model.config, side)
        reason = "" if self.is_bag else _unsupported(model, side)
        if reason:
            raise ValueError(f"`model` {_RULE} Received: {reason}")
        self._kind = type(model.head)
        self._is_gaussian = not self.is_bag and bool(
            model.config.token_embedding_kl
        )
        if self._is_gaussian and penalty is not None:
            raise ValueError(
                "`penalty` must be left out for a model with "
                "`token_embedding_kl`, which has learned a prior of its rows. "
                f"Received: penalty={penalty!r}"
            )
        self._candidates: Any = None
        if self._is_ranking and not self.is_bag:
            self._candidates = self._read_candidates(corpus, columns)
            vectors = embed_rows(model, self._other, self._candidates)()
            self._directions, self._constants = self._linear(vectors)

    def __call__(
        self, records: Source, columns: PairColumns = DEFAULT_COLUMNS
    ) -> np.ndarray:
        config, tokenizers = self._model.config, self._model.tokenizers
        loaded = read_source(
            records, config, tokenizers, columns, (self._other,), verbose=0
        )
        loaded.report.raise_for_errors()
        loaded.report.warn()
        return self.vector(loaded.table)

    @property
    def _is_ranking(self):
        return self._kind is not heads.Regression

    def vector(self, table: PairTable) -> np.ndarray:
        """Returns the vector of one object from its checked records."""
        return self.row(table)[0]

    def row(self, table: PairTable) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns vector and variances of one object.

        The variances, of the same shape, are `None` without
        `token_embedding_kl`.
        """
        table = self._usable(table)
        partners = table.sides[self._other]
        if self.is_bag:
            longest = self._model.config.side(self._side).max_seq_len
            if len(table) > longest:
                warn_user(
                    f"The bag of {len(table)} records is cut to its first "
                    f"{longest}, the max_seq_len of {self._side}."
                )
            ids, _ = first_ids(partners, 1)
            bag = Sequences.from_lengths(ids, [len(ids)])
            return self._encoded(self._side, bag)[0], None
        weights = np.ones(len(table))
        if table.weights is not None:
            weights = table.weights.astype(np.float64)
        vectors = self._encoded(self._other, partners)
        directions, constants = self._linear(vectors)
        if self._is_gaussian:
            values = table.labels - constants
            return self._posterior(directions, values, weights, partners)
        if self._kind is heads.Regression:
            penalty, centre = self._shrinkage(directions)
            values = table.labels - constants
            found = fit_values(directions, values, weights, penalty, centre)
        else:
            penalty, _ = self._shrinkage(self._directions)
            if self._kind is heads.InBatchSoftmax:
                found = fit_softmax(
                    directions, weights, self._directions, penalty
                )
            else:
                others = self._others(partners)
                ahead = constants[:, np.newaxis] - self._constants[others]
                found = fit_order(
                    directions,
                    weights,
                    self._directions[others],
                    ahead,
                    penalty,
                )
        return found.astype(np.float32), None

    def _posterior(self, directions, values, weights, partners):
        product, _, other_half, _ = self._slopes(directions.shape[1])
        encoder = self._encoder(self._other)
        ids = self._padded(self._other, partners)
        variances = encoder.token_embedding.combined_variances(
            ids, ids != 0, encoder.token_combiner, encoder.token_weights
        ).numpy()
        table = self._encoder(self._side).token_embedding
        half = np.full(directions.shape[1], self._divergence_weight() / 2)
        precisions = np.exp(np.asarray(table.log_precisions, np.float64))
        means, spreads = fit_gaussian(
            directions,
            values,
            weights,
            product**2 * variances,
            product * other_half * variances,
            np.stack([half, half * precisions]),
        )
        return means.astype(np.float32), spreads.astype(np.float32)

    def _divergence_weight(self):
        """Returns the weight of a row's divergence, as in `row_penalty`."""
        config = self._model.config
        negatives = config.negative_sampling_rate + config.mined_negatives
        return config.token_embedding_kl / (1 + negatives)

    def _others(self, partners):
        """Returns the numbers of the candidates that are no partners."""
        both = Sequences.concat([partners, self._candidates])
        numbers = global_ids(both)
        own = np.isin(numbers[len(partners) :], numbers[: len(partners)])
        if own.all():
            raise DataError(
                "There is no object of the other side that the new one has no "
                "record with, and BPR learns from such ones."
            )
        return np.flatnonzero(~own)

    def _usable(self, table):
        """Returns the records to learn from."""
        keep = np.ones(len(table), bool)
        if self._is_ranking:
            keep &= table.labels == 1
        if table.weights is not None:
            keep &= table.weights > 0
        known = self._model.trained_ids
        if known is not None:
            untrained = known.untrained(self._other, table.sides[self._other])
            if (keep & untrained).any():
                warn_user(
                    f"{np.count_nonzero(keep & untrained)} of {len(table)} "
                    f"records are left out: training has seen no id of their "
                    f"{self._other}, whose vectors are random."
                )
            keep &= ~untrained
        if not keep.any():
            raise DataError(
                "There must be a record to learn from, of weight above 0 and "
                f"with a known {self._other}"
                + (", labelled 1" if self._is_ranking else "")
                + f". Received: {len(table)} records, none of which is one"
            )
        return table.take(np.flatnonzero(keep))

    def _read_candidates(self, corpus, columns):
        config, tokenizers = self._model.config, self._model.tokenizers
        other = config.side(self._other)
        known = self._model.trained_ids
        if corpus is not None:
            loaded = read_source(
                corpus,
                config,
                tokenizers,
                columns,
                (self._other,),
                label=False,
                verbose=0,
            )
            loaded.report.raise_for_errors()
            rows = loaded.table.sides[self._other]
            _, first = np.unique(global_ids(rows), return_index=True)
            rows = rows.take(first)
        elif other.max_seq_len == 1:
            ids = np.arange(1, other.vocab_size)
            rows = Sequences.from_any(ids[:, np.newaxis], self._other)
        else:
            raise ValueError(
                "`corpus` must hold the objects of the other side, which new "
                f"ones are told from, where a row of {self._other} is more "
                "than one id. Received: corpus=None"
            )
        if known is not None:
            rows = rows.take(
                np.flatnonzero(~known.untrained(self._other, rows))
            )
        if len(rows) > _MOST_CANDIDATES:
            generator = np.random.default_rng(0)
            drawn = generator.choice(len(rows), _MOST_CANDIDATES, replace=False)
            rows = rows.take(np.sort(drawn))
        return rows

    def _encoded(self, side, rows):
        """Returns the vectors of a few rows, without tracing the encoder."""
        encoder = (self._model.encoder0, self._model.encoder1)[int(side[-1])]
        encodings = encoder(self._padded(side, rows), training=False)
        return tf.cast(encodings, tf.float32).numpy()

    def _padded(self, side, rows):
        longest = self._model.config.side(side).max_seq_len
        numbers = tf.range(len(rows), dtype=tf.int64)
        return PaddedRows(rows, longest).gather(numbers)

    def _encoder(self, side):
        return _encoder(self._model, side)

    def _linear(self, vectors):
        """Returns directions and constants: `score = direction @ x + constant`.

        Args:
            vectors: `(rows, dim)` of the other side.
        """
        vectors = vectors.astype(np.float64)
        if self._kind is heads.InBatchSoftmax:
            return self._logit_directions(vectors), np.zeros(len(vectors))
        product, own, other, bias = self._slopes(vectors.shape[1])
        return product * vectors + own, vectors @ other + bias

    def _slopes(self, dim):
        """Returns what makes a score of a vector `x` and a partner `y`.

        `score = (product * x) @ y + own @ x + other @ y + bias`.
        """
        scores = self._model.get_layer("scores")
        kernel = np.asarray(scores.kernel, np.float64)[:, 0]
        bias = float(np.asarray(scores.bias)[0]) if scores.use_bias else 0.0
        product = np.zeros(dim)
        halves = dict.fromkeys(_OTHER, np.zeros(dim))
        start = 0
        for name in self._model.config.comparator_list:
            size = {"dot": 1, "hadamard": dim, "concat": 2 * dim}[name]
            part = kernel[start : start + size]
            start += size
            if name == "concat":
                halves = {"in0": part[:dim], "in1": part[dim:]}
            else:
                product += part
        return product, halves[self._side], halves[self._other], bias

    def _logit_directions(self, vectors):
        layer = self._model.get_layer("pair_vectors")
        if layer.similarity == "cosine":
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            # The temperature goes into the length, which is free.
            return vectors / np.maximum(lengths, 1e-12)
        if layer.log_temperature is None:
            return vectors / layer.temperature
        return vectors / np.exp(float(np.asarray(layer.log_temperature)))

    def _shrinkage(self, directions):
        """Returns the penalty and the vector that it shrinks to."""
        own = self._model.config.token_embedding_l2
        centre = np.zeros(directions.shape[1])
        if self._kind is heads.Regression and not own:
            centre = self._mean_vector()
        if self._penalty is not None:
            return self._penalty, centre
        return max(own, np.mean(directions**2)), centre

    def _mean_vector(self):
        number = int(self._side[-1])
        table = self._model.token_embeddings[number].embeddings
        known = np.ones(table.shape[0], bool)
        if self._model.trained_ids is not None:
            seen = self._model.trained_ids.sides.get(self._side, known)
            known = seen if seen.any() else known
        known = known.copy()
        known[0] = False  # padding
        return np.asarray(table)[known].mean(axis=0, dtype=np.float64)


def fold_in_instantly(
    model: str | os.PathLike[str],
    train: Source,
    *,
    model_dir: str | os.PathLike[str],
    columns: PairColumns = DEFAULT_COLUMNS,
    first_new_ids: Mapping[str, int] | None = None,
    penalty: float | None = None,
    overwrite: bool = False,
    verbose: int = 1,
) -> Object2Vec:
    """Adds new ids of one side to a model by `InstantFoldIn`.

    Known objects keep their vectors and their outputs to the bit, as with
    `fold_in`. Where a row of the other side is more than one id, the rows of
    `train` are the negatives of `in_batch_softmax` and `bpr`.

    Args:
        model: Model directory of a trained model.
        train: Records of new objects with known partners: files, a mapping
            or a `PairTable`. Records of known objects are negatives at most.
        model_dir: Folder for the new model.
        columns: `PairColumns` of the data. Defaults to `in0`, `in1` and
            `label`.
        first_new_ids: As for `fold_in`. Defaults to `None`.
        penalty: As for `InstantFoldIn`. Defaults to `None`.
        overwrite: bool. Whether a model that is there is replaced. Defaults
            to `False`.
        verbose: 0 or 1. Defaults to `1`.

    Returns:
        The model with the new ids, as `load_model(model_dir)` loads it.

    Raises:
        FileExistsError: If the folder holds a model and is not to be
            overwritten.
        ValueError: If the model cannot be folded into without training, or
            the data hold no new id, or new ids of both sides.
        DataError: If rows are unusable.
    """
    directory = ModelDirectory(model_dir)
    directory.output.check()
    directory.refuse_model(overwrite)
    old = load_model(model)
    new = find_new_ids(old, train, columns, first_new_ids or {})
    if len(new.first_ids) > 1:
        raise ValueError(
            "`train` must hold new ids of one side alone: the partners of a "
            "new object must be known. Received: new ids of in0 and in1"
        )
    loaded = read_source(new.pairs, new.config, new.tokenizers, verbose=0)
    loaded.report.raise_for_errors()
    ((side, first),) = new.first_ids.items()
    rows = _rows(old, side, first, new, penalty)
    if verbose:
        print(new.summary)
    grown = with_larger_tables(old, new.config)
    grown.tokenizers = new.tokenizers
    table = grown.token_embeddings[int(side[-1])]
    for id_, (vector, variances) in rows.items():
        place = slice(id_, id_ + 1)
        write_rows(table.embeddings, place, vector[np.newaxis])
        if variances is not None:
            logarithms = np.log(variances)[np.newaxis]
            write_rows(table.log_variances.embeddings, place, logarithms)
    grown.trained_ids = _trained_ids(old, new, side, [*rows])
    with directory.output.replaced() as folder:
        ModelDirectory(folder).write_made(grown)
    return grown


def _rows(
    model: Object2Vec,
    side: str,
    first: int,
    new: NewIds,
    penalty: float | None,
) -> dict[int, tuple[np.ndarray, np.ndarray | None]]:
    """Returns vector and variances of each new id."""
    other = _OTHER[side]
    corpus = None
    if model.config.side(other).max_seq_len > 1:
        corpus = new.pairs.of_sides([other])
    fold_in = InstantFoldIn(model, side, penalty, corpus)
    if fold_in.is_bag:
        raise ValueError(
            f"`model` needs no folding in of {side}, where a row is a bag of "
            f"ids of {other}: encode the bag of a new object (`o2v embed`, "
            "`InstantFoldIn`)."
        )
    ids = new.pairs.sides[side].values
    order = np.argsort(ids, kind="stable")
    order = order[ids[order] >= first]
    found, starts = np.unique(ids[order], return_index=True)
    groups = np.split(order, starts[1:])
    return {
        int(id_): fold_in.row(new.pairs.take(rows))
        for id_, rows in zip(found, groups, strict=True)
    }


def _trained_ids(old, new, side, ids):
    if old.trained_ids is None:
        return None
    trained = TrainedIds(new.config)
    trained.sides[side][ids] = True
    if new.config.tied_token_embedding_weight:
        trained.sides = dict.fromkeys(trained.sides, trained.sides[side])
    trained.join(old.trained_ids)
    return trained


def _encoder(model, side):
    return (model.encoder0, model.encoder1)[int(side[-1])].layers[-1]


def _is_bag(config, side):
    """Whether a row of the side is a bag of single ids of the other side."""
    if len(config.sides) < 2:
        return False
    shares_ids = (
        config.exclude_query_tokens
        or config.tied_token_embedding_weight
        or config.enc1_network == "enc0"
    )
    own, other = config.side(side), config.side(_OTHER[side])
    is_bag = own.network == "pooled_embedding" and own.max_seq_len > 1
    return bool(shares_ids and is_bag and other.max_seq_len == 1)


def _unsupported(model, side):
    """Returns why a side cannot be folded in without training, or `""`."""
    config = model.config
    if len(config.sides) < 2:
        return f'output_layer="{config.output_layer}", which has no pairs'
    own = config.side(side)
    encoder = _encoder(model, side)
    if type(encoder) is not PooledEmbedding:
        return f"{side} in the encoder {type(encoder).__name__}"
    if own.max_seq_len > 1:
        return f"{side} of up to {own.max_seq_len} ids a row"
    if encoder.token_weighting != "none":
        return f"{side} with token_weighting={encoder.token_weighting!r}"
    kind = type(model.head)
    if isinstance(encoder.token_embedding, GaussianEmbedding):
        other = type(_encoder(model, _OTHER[side]))
        reason = f"token_embedding_kl={config.token_embedding_kl} with the "
        if kind is not heads.Regression:
            return reason + f"head {kind.__name__}"
        if other is not PooledEmbedding:
            return reason + f"encoder {other.__name__} of {_OTHER[side]}"
    if kind in (heads.InBatchSoftmax, heads.BPR):
        negatives = config.negative_sampling_side
        if negatives == side:
            return f"new objects of {side} with negative_sampling_side={side}"
    if kind is heads.InBatchSoftmax:
        return ""
    if kind not in (heads.Regression, heads.BPR):
        return f"the head {kind.__name__}"
    if config.mlp_layers:
        return f"mlp_layers={config.mlp_layers}"
    others = {*config.comparator_list} - {"dot", "hadamard", "concat"}
    if others:
        return f"the comparator {min(others)}"
    return ""
