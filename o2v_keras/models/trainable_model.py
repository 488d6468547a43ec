"""How a model of pairs learns, and what it needs before."""

import inspect
import os
from typing import Any

import keras
import numpy as np

from o2v_keras.data.batches.in_batch_targets import directions
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.losses import BPRLoss
from o2v_keras.losses import CoSENTLoss
from o2v_keras.losses import EmbeddingLoss
from o2v_keras.losses import GlobalBatchLoss
from o2v_keras.losses import InBatchSoftmaxLoss
from o2v_keras.models.averaged_weights import averages_shown
from o2v_keras.models.optimizer_factory import make_optimizer
from o2v_keras.models.optimizer_factory import needs_steps
from o2v_keras.models.optimizer_factory import plan_steps
from o2v_keras.models.optimizer_factory import steps_per_epoch
from o2v_keras.models.pretrained_tables import fill_tables
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.models.steps_at_once import StepsOfFit
from o2v_keras.models.steps_at_once import steps_at_once
from o2v_keras.models.text_model import TextModel
from o2v_keras.models.token_tables import FrozenTables
from o2v_keras.models.token_tables import row_penalty
from o2v_keras.models.token_weighting import set_counts
from o2v_keras.models.token_weighting import set_sif_weights
from o2v_keras.text.pretrained_vectors import Coverage

# Their metrics of the same name are means over real rows.
_OWN_LOSSES = (
    BPRLoss,
    CoSENTLoss,
    EmbeddingLoss,
    GlobalBatchLoss,
    InBatchSoftmaxLoss,
)


class TrainableModel(TextModel):
    """A model of ids that learns as its `config` and its `head` say.

    A subclass has `config`, `head`, `prefixes`, `token_embeddings` and
    `token_weights`.
    """

    @property
    def steps_per_execution(self):
        """Steps that `fit` and `evaluate` run per TensorFlow call; can be set.

        Callbacks see only the last of them. Works on one device. Unless it is
        set here or compiled with more than 1, `fit` sets it: see
        `steps_at_once`.
        """
        return self._steps_per_execution

    @steps_per_execution.setter
    def steps_per_execution(self, steps):
        # Keras would keep functions traced for the old number but count the
        # new number of steps for each call, and so skip data.
        self._steps_per_execution = steps
        self.train_function = None
        self.test_function = None
        self.predict_function = None

    def fit(self, *args: Any, **kwargs: Any):
        """Fits like `keras.Model.fit`; loads pretrained vectors first.

        `config` sets the epochs, counted from 0, in which tables are frozen:
        continue in a later call with `initial_epoch`. A cosine schedule falls
        to 0, and `weight_averaging` averages the last of `config.epochs`
        epochs, with the first call's steps. Averaged weights are validated,
        and the model has them afterwards: see `AveragedWeights`.

        Raises:
            ValueError: If pretrained vectors are missing or unusable, counts
                of tokens are not set (`set_token_counts`), or the number of
                steps of an epoch is unknown and a cosine or the average of a
                tail needs it.
        """
        if self.needs_counts:
            raise ValueError(
                '`token_weighting="sif"` and `token_embedding_kl` need '
                "`model.set_token_counts(counts)` before `fit`: how often "
                "each token occurs in the training data. `o2v_keras.train` "
                "does that. Received: "
                f'token_weighting="{self.config.token_weighting}", '
                f"token_embedding_kl={self.config.token_embedding_kl} without "
                "counts"
            )
        call = inspect.signature(super().fit).bind(*args, **kwargs)
        if needs_steps(self.optimizer):
            steps = steps_per_epoch(call.arguments)
            plan_steps(self.optimizer, self.config, steps)
        if self.needs_vectors:
            coverages = self.load_pretrained_vectors()
            if call.arguments.get("verbose") != 0:
                print(*coverages, sep="\n")
        if isinstance(self.steps_per_execution, StepsOfFit):
            steps = steps_at_once(self, call.arguments)
            if steps != self.steps_per_execution:
                self.steps_per_execution = steps
        frozen = self._frozen_tables()
        if frozen:
            given = call.arguments.get("callbacks") or []
            call.arguments["callbacks"] = [FrozenTables(frozen), given]
        with averages_shown(self, call.arguments):
            return super().fit(*call.args, **call.kwargs)

    def compile(
        self,
        optimizer="auto",
        loss="auto",
        metrics="auto",
        weighted_metrics="auto",
        jit_compile=False,
        **kwargs: Any,
    ):
        """Compiles like `keras.Model.compile`.

        Args:
            optimizer: Defaults to `"auto"`: that of `config`.
            loss: Defaults to `"auto"`: that of the head.
            metrics: Defaults to `"auto"`: none but the head's.
            weighted_metrics: Defaults to `"auto"`: those of the head, unless
                `metrics` are given.
            jit_compile: Defaults to `False`.
            **kwargs: Other arguments of `keras.Model.compile`.
        """
        if _is_auto(weighted_metrics):
            given = not _is_auto(metrics)
            weighted_metrics = None if given else self.head.metrics()
        if _is_auto(optimizer):
            optimizer = make_optimizer(self.config)
        self.prefixes.set_metrics(weighted_metrics)
        super().compile(
            optimizer=optimizer,
            loss=self.head.loss() if _is_auto(loss) else loss,
            metrics=None if _is_auto(metrics) else metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=jit_compile,
            **kwargs,
        )
        if self.steps_per_execution == 1:
            self.steps_per_execution = StepsOfFit(1)
        if self.config.output_layer == "in_batch_softmax":
            self._build_loss_and_metrics()

    def get_compile_config(self):
        config = super().get_compile_config()
        if config and self.optimizer is not None:
            optimizer = keras.saving.serialize_keras_object(self.optimizer)
            optimizer["is_built"] = self.optimizer.built
            config["optimizer"] = optimizer
        return config

    def compile_from_config(self, config):
        # Keras's version does nothing if a model overrides `compile`.
        self.compile(**keras.saving.deserialize_keras_object(config))
        # A model that has not trained was saved without slots.
        if config["optimizer"] and config["optimizer"]["is_built"]:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self):
        return [*super().metrics, *self.prefixes.metrics]

    def call(self, inputs, training=None, mask=None):
        if self.prefixes.are_wanted(inputs):
            return self.prefixes.all_outputs(inputs)
        return super().call(inputs, training=training, mask=mask)

    def train_step(self, data):
        return super().train_step(self.prefixes.marked(data))

    def test_step(self, data):
        return super().test_step(self.prefixes.marked(data))

    def predict_step(self, data):
        return scores_of(super().predict_step(data))

    def compute_loss(
        self,
        x: Any = None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """Returns the loss.

        In training it is the mean over the widths of `matryoshka_dims` and
        `enc_dim`, plus the row penalty. sentence-transformers'
        `MatryoshkaLoss` adds them up; a mean keeps the balance of the loss
        with penalties and clipping. `InBatchSoftmaxLoss` teaches prefixes
        the similarities of whole encodings.
        """
        whole, *prefixes = _widths(y_pred)
        loss = super().compute_loss(x, y, whole, sample_weight, training)
        if training and prefixes:
            for outputs in prefixes:
                if isinstance(self.loss, InBatchSoftmaxLoss):
                    outputs = keras.ops.stack([whole, outputs], axis=1)
                loss += super().compute_loss(x, y, outputs, sample_weight)
            loss /= 1 + len(prefixes)
        config = self.config
        if training and (
            config.token_embedding_l2 or config.token_embedding_kl
        ):
            loss += row_penalty(
                self.config, self.token_embeddings, x, sample_weight
            )
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        whole, *prefixes = _widths(y_pred)
        self.prefixes.update_metrics(y, prefixes, sample_weight)
        return super().compute_metrics(x, y, whole, sample_weight)

    def load_pretrained_vectors(
        self, auxiliary: str | os.PathLike[str] | None = None
    ) -> list[Coverage]:
        """Fills the token tables with the vectors that `config` names.

        Args:
            auxiliary: Folder of relative paths. Defaults to `None`: the
                working directory.

        Returns:
            The coverage of each table with pretrained vectors; its `str` is
            a sentence.

        Raises:
            ValueError: If files are missing or unusable; the message names
                file and line.
        """
        first, second = self.token_embeddings
        coverages = fill_tables(
            vector_sources(self.config, auxiliary),
            {"enc0": first, "enc1": second},
            {
                f"enc{name[-1]}": tokenizer.word_ids()
                for name, tokenizer in self.tokenizers.sides.items()
            },
            self.config.seed,
            {
                f"enc{number}": weights
                for number, weights in enumerate(self.token_weights)
                if weights is not None
            },
        )
        self.needs_vectors = False
        return coverages

    def set_token_counts(self, counts, weights=True) -> None:
        """Sets what `token_weighting="sif"` and `token_embedding_kl` need.

        `train` calls it; without these it does nothing.

        Args:
            counts: dict of the sides that training reads, each int
                `(vocab_size,)`: how often each token occurs in the training
                data. Sides with one token table are counted together.
            weights: bool. Whether to set the weights of `sif`; `False` keeps
                those that a model has learned with. Defaults to `True`.

        Raises:
            ValueError: If the counts are not one number for each id.
        """
        first, second = self.token_embeddings
        for side, table in enumerate(self.token_embeddings):
            names = ("in0", "in1") if first is second else (f"in{side}",)
            names = [name for name in names if name in self.config.sides]
            if not names:
                continue
            numbers = np.sum([np.asarray(counts[n]) for n in names], axis=0)
            if weights and self._sif_sides[side]:
                set_sif_weights(self.token_weights[side], numbers)
            if isinstance(table, GaussianEmbedding):
                set_counts(table.counts, numbers)
        self.needs_counts = False

    def initialize_bias(self, labels, weights=None) -> None:
        """Sets the head's bias to predict the average training label.

        `train` calls it. Before `model.fit` it saves the epochs that would
        learn the bias, and predictions for unseen objects start at the mean
        instead of 0. Heads without a bias (`in_batch_softmax`, `bpr`,
        `cosent`) and `embedding` are unchanged.

        Args:
            labels: `(rows,)`. The training labels: classes, whose log-odds
                become the bias, or values, whose mean does. Negatives drawn
                by the configuration are added.
            weights: `(rows,)`. Weights of the rows. Defaults to `None`: ones.

        Example:
        >>> from o2v_keras import Object2Vec
        >>> from o2v_keras import Object2VecConfig
        >>> config = Object2VecConfig(
        ...     enc0_max_seq_len=1, enc0_vocab_size=9, enc_dim=4,
        ...     output_layer="mean_squared_error",
        ... )
        >>> model = Object2Vec(config)
        >>> model.initialize_bias([3.0, 4.0])
        >>> float(model.get_layer("scores").bias[0])
        3.5
        """
        negatives = self.config.negative_sampling_rate
        bias = self.head.first_bias(labels, weights, negatives)
        if bias is not None:
            self.get_layer("scores").bias.assign(bias)

    def set_weights(self, weights):
        """Sets all weights; `fit` then loads no pretrained vectors."""
        super().set_weights(weights)
        self.needs_vectors = self.needs_counts = False

    def load_own_variables(self, store):
        # Called when weights are loaded from a file.
        super().load_own_variables(store)
        self.needs_vectors = self.needs_counts = False

    def get_metrics_result(self):
        """Returns the metrics; `loss` is the mean over real rows.

        Keras's `loss` includes fill rows of weight 0 and regularization.
        """
        results = super().get_metrics_result()
        if isinstance(self.loss, _OWN_LOSSES):
            results["loss"] = results.get(self.loss.name, results["loss"])
        return results

    def _build_loss_and_metrics(self):
        # Keras would build them for the shape of scores at the first batch.
        config = self.config
        pairs = directions(
            config.negative_sampling_side, config.same_side_negatives
        )
        y_true = keras.ops.ones((2, 2 + 2 * len(pairs)), "int64")
        y_pred = {"encodings": keras.ops.zeros((2, 2, config.enc_dim))}
        self.compute_loss(None, y_true, y_pred, training=False)
        self.compute_metrics(None, y_true, y_pred)
        self.reset_metrics()

    def _frozen_tables(self):
        """Returns the number of frozen epochs of each gated table."""
        tables = dict(zip(("enc0", "enc1"), self.token_embeddings, strict=True))
        return {
            tables[side]: encoder.freeze_epochs
            for side, encoder in self.config.token_tables.items()
            if encoder.freeze_epochs
        }


def scores_of(outputs):
    """Returns the scores of a model's outputs.

    Args:
        outputs: What `model(inputs)` returns: scores, or for
            `in_batch_softmax` a dict with them.
    """
    return outputs["scores"] if isinstance(outputs, dict) else outputs


def _is_auto(argument):
    return isinstance(argument, str) and argument == "auto"


def _widths(outputs):
    """Returns what the loss takes, for whole encodings and each prefix."""
    widths = outputs if isinstance(outputs, list) else [outputs]
    return [_of_loss(each) for each in widths]


def _of_loss(outputs):
    return outputs["encodings"] if isinstance(outputs, dict) else outputs
