"""The Object2Vec model."""

import inspect
import os

import keras
import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.in_batch_targets import directions
from o2v_keras.data.target_vectors import with_target_dim
from o2v_keras.heads.similarity import similarity_sign
from o2v_keras.layers.gaussian_embedding import GaussianEmbedding
from o2v_keras.losses import BPRLoss
from o2v_keras.losses import CoSENTLoss
from o2v_keras.losses import EmbeddingLoss
from o2v_keras.losses import GlobalBatchLoss
from o2v_keras.losses import InBatchSoftmaxLoss
from o2v_keras.models.averaged_weights import averages_shown
from o2v_keras.models.graph import add_weight_decay
from o2v_keras.models.graph import dtype_policy
from o2v_keras.models.graph import make_head
from o2v_keras.models.graph import seeded
from o2v_keras.models.make_encoders import config_of
from o2v_keras.models.make_encoders import encoder_class
from o2v_keras.models.make_encoders import encoder_models
from o2v_keras.models.make_encoders import make_encoders
from o2v_keras.models.model_arguments import model_arguments
from o2v_keras.models.model_arguments import second_encoder
from o2v_keras.models.optimizer_factory import make_optimizer
from o2v_keras.models.optimizer_factory import needs_steps
from o2v_keras.models.optimizer_factory import plan_steps
from o2v_keras.models.optimizer_factory import steps_per_epoch
from o2v_keras.models.prefixes import Prefixes
from o2v_keras.models.pretrained_tables import fill_tables
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.models.shared_encoders import revived_encoders
from o2v_keras.models.shared_encoders import serialized_encoders
from o2v_keras.models.steps_at_once import StepsOfFit
from o2v_keras.models.steps_at_once import steps_at_once
from o2v_keras.models.text_model import TextModel
from o2v_keras.models.token_tables import FrozenTables
from o2v_keras.models.token_tables import prepared_tables
from o2v_keras.models.token_tables import row_penalty
from o2v_keras.models.token_weighting import is_sif
from o2v_keras.models.token_weighting import set_counts
from o2v_keras.models.token_weighting import set_sif_weights
from o2v_keras.models.token_weighting import weights_of
from o2v_keras.text.pretrained_vectors import Coverage

# Their metrics of the same name are means over real rows.
_OWN_LOSSES = (
    BPRLoss,
    CoSENTLoss,
    EmbeddingLoss,
    GlobalBatchLoss,
    InBatchSoftmaxLoss,
)


@keras.saving.register_keras_serializable(package="o2v_keras")
class Object2Vec(TextModel):
    """Two encoders, a comparator, an MLP and a head.

    `scores = head(mlp(comparator(encoder0(in0), encoder1(in1))))`. For `bpr`
    the head has no bias; with `dot` and no MLP it returns the dot product.

    A model is made of two encoders, or of an `Object2VecConfig`, which makes
    them from SageMaker's hyperparameters. The encoders may share nothing,
    one token table, or be one encoder (a siamese model).

    The constructor compiles the model by its configuration, without XLA; call
    `compile` to change that. The loss covers the real rows of the global
    batch. `weight_decay` applies to matrices, not to biases, as in MXNet,
    and to the rows of `row_sparse` token tables that a batch looks up.
    `token_embedding_l2` is added to the training loss but not to the
    reported loss, and so are the losses of the prefixes that
    `matryoshka_dims` names. Metrics of a prefix are reported as `name_dim_D`.
    Initial weights and dropout masks of the layers that the
    model makes depend on `seed` alone.

    `keras.models.load_model` loads what `save` wrote, and an encoder saved
    alone, once `o2v_keras` is imported; `from_config(get_config())` makes
    the same model with initial weights. `keras.models.clone_model` returns a
    plain functional model, whatever its `clone_function`: it has no `config`,
    `encoder0`, tokenizers, `weight_decay` or `token_embedding_l2`, unties
    tied tables, and cannot train `in_batch_softmax` and `bpr`.

    If a configuration names pretrained vectors, the first `fit` loads them,
    unless the weights come from a file or `set_weights`.

    Args:
        encoder0: `Encoder`, or any other Keras layer or model, from ids of
            `in0`, int64 `(batch, length)` padded with 0, to encodings,
            `(batch, dim)`. Or an `Object2VecConfig`, and nothing else but
            `name`.
        encoder1: The encoder of `in1`, with encodings of the same size; may
            be `encoder0`. Left out with `heads.Embedding`, whose model has
            one encoder.
        comparators: Names of comparator operations, `comparator_list`.
            Defaults to `("hadamard", "concat", "abs_diff")`.
        head: One of `o2v_keras.heads`: what the model predicts, and the loss
            it learns by. Defaults to `heads.Classification()`.
        seed: int, at least 0. Defaults to `0`.
        name: str. Defaults to `None`.
        **hyperparameters: Other fields of `Object2VecConfig`, such as
            `mlp_layers` or `learning_rate`. An encoder
            without attributes `vocab_size` and `max_seq_len` needs
            `enc0_vocab_size` and `enc0_max_seq_len` (or `enc1_*`).

    Call arguments:
        inputs: dict of `in0` and `in1`, each int `(batch, length)`, padded
            with 0; lengths may differ between sides and calls. With
            `"embedding"` of `embedding_side` alone.

    Output shape:
        float32 scores: for `output_layer="softmax"` probabilities
        `(batch, num_classes)`, otherwise `(batch, 1)`. For
        `"in_batch_softmax"` a dict of `scores`, the `similarity` of the
        encodings, and `encodings`, `(batch, 2, dim)`, scaled so that their
        dot products are the logits of the loss; `predict` returns the
        scores. For `"embedding"` vectors `(batch, target_embedding_dim)`.

    Attributes:
        config: `Object2VecConfig`; if the model is made of encoders, the one
            that describes it, as far as hyperparameters can: not arguments
            that are objects. `from_config(get_config())` makes the same model.
        encoder0, encoder1: `keras.Model` of each side, ids to encodings. The
            same one with `"embedding"`.
        prefixes: `Prefixes`; `prefixes.outputs(dim)` are the symbolic outputs
            for the first `dim` numbers of the encodings.
        token_embeddings: The `TokenEmbedding` of each side; `None` for an
            encoder without one.
        token_weights: For each side the `TokenEmbedding` of width 1 with the
            weights of tokens; `None` without `token_weighting`.
        trained_ids: `TrainedIds`, or `None` if unknown. `train` and
            `load_model` of a model directory set it, `fit` does not.

    Raises:
        TypeError: If there is neither a configuration nor two encoders.
        ValueError: If encoders and hyperparameters do not fit together.

    Example:
    >>> from o2v_keras.encoders import HCNN, PooledEmbedding
    >>> model = Object2Vec(
    ...     HCNN(vocab_size=9, max_seq_len=4, output_dim=8),
    ...     PooledEmbedding(vocab_size=20, max_seq_len=1, output_dim=8),
    ...     mlp_dim=8,
    ... )
    >>> in0, in1 = np.array([[3, 1, 2], [5, 0, 0]]), np.array([[7], [8]])
    >>> model({"in0": in0, "in1": in1}).shape
    TensorShape([2, 2])
    >>> model.encoder0(in0).shape
    TensorShape([2, 8])

    Reference:
    - Graphs, layer order and parameter counts are those in the training logs
      of SageMaker's container.
    """

    def __init__(
        self,
        encoder0,
        encoder1=None,
        comparators=None,
        head=None,
        seed=0,
        name=None,
        **hyperparameters,
    ):
        encoder1 = second_encoder(encoder0, encoder1, head, hyperparameters)
        hyperparameters = model_arguments(
            encoder0, encoder1, comparators, head, seed, hyperparameters
        )
        config, given = None, (encoder0, encoder1)
        if isinstance(encoder0, Object2VecConfig):
            config, given = encoder0, None
        policy = hyperparameters["dtype_policy"]
        with seeded(hyperparameters["seed"]), dtype_policy(policy):
            # Layers.
            own = make_encoders(config) if given is None else given
            encoder0, encoder1 = encoder_models(own, hyperparameters)
            if config is None:
                dim = encoder0.output.shape[1]
                config = config_of(*own, dim, hyperparameters)
            config = with_target_dim(config)
            if head is None:
                head = make_head(config)

            # Graph.
            inputs = {
                name: keras.Input((None,), dtype="int64", name=name)
                for name in config.sides
            }
            encoders = {"in0": encoder0, "in1": encoder1}
            pair = [encoders[name](ids) for name, ids in inputs.items()]
            outputs = head.outputs(pair, config)
            super().__init__(inputs=inputs, outputs=outputs, name=name)
        dims = config.matryoshka_dims
        self.prefixes = Prefixes(inputs, pair, outputs, dims)

        # Config.
        self.config = config
        self.head = head
        self.encoder0 = encoder0
        self.encoder1 = encoder1
        self.token_embeddings = prepared_tables(config, own)
        self.token_weights = tuple(map(weights_of, own))
        # Their weights follow from `set_token_counts`.
        self._sif_sides = tuple(map(is_sif, own))
        self.needs_counts = any(self._sif_sides) or bool(
            config.token_embedding_kl
        )
        self.trained_ids = None
        self.needs_vectors = any(
            encoder.pretrained_embedding_file
            for encoder in config.token_tables.values()
        )
        self._given = given
        if similarity_sign(self) < 0:
            # An MLP leaves the sign unconstrained; this sets the initial one.
            kernel = self.get_layer("scores").kernel
            kernel.assign(-kernel)
        tables = (*self.token_embeddings, *self.token_weights)
        add_weight_decay(config, self.trainable_weights, tables)
        self.compile()

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

    def fit(self, *args, **kwargs):
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
        **kwargs,
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
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """Returns the loss.

        In training it is the mean over the widths of `matryoshka_dims` and
        `enc_dim`, plus the row penalty. sentence-transformers'
        `MatryoshkaLoss` adds them up; a mean keeps the balance of the loss
        with penalties and clipping.
        """
        whole, *prefixes = _widths(y_pred)
        loss = super().compute_loss(x, y, whole, sample_weight, training)
        if training and prefixes:
            for outputs in prefixes:
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
        self, auxiliary: str | os.PathLike | None = None
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

    def set_token_counts(self, counts) -> None:
        """Sets what `token_weighting="sif"` and `token_embedding_kl` need.

        `train` calls it; without these it does nothing.

        Args:
            counts: dict of the sides that training reads, each int
                `(vocab_size,)`: how often each token occurs in the training
                data. Sides with one token table are counted together.

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
            if self._sif_sides[side]:
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

    def get_config(self):
        config = {"config": self.config.to_dict(), "name": self.name}
        config |= self.tokenizers_config()
        frozen = [
            number
            for number, layer in enumerate(_layers_with_weights(self))
            if not layer.trainable
        ]
        if frozen:
            config["frozen_layers"] = frozen
        if self._given is None:
            return config
        config["head"] = keras.saving.serialize_keras_object(self.head)
        return config | serialized_encoders(*self._given)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        values = Object2VecConfig.from_dict(config["config"])
        if "encoder0" in config:
            model = cls(
                *revived_encoders(config),
                head=keras.saving.deserialize_keras_object(config["head"]),
                name=config["name"],
                **values.to_dict(),
            )
        else:
            for encoder in (values.encoder0, values.encoder1):
                # A file that is loaded does not choose what is imported.
                encoder_class(encoder.network)
            model = cls(values, name=config["name"])
        model.set_tokenizers_from(config)
        layers = _layers_with_weights(model)
        for number in config.get("frozen_layers", ()):
            layers[number].trainable = False
        return model

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


def _layers_with_weights(model):
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if layer.weights]


def _is_auto(argument):
    return isinstance(argument, str) and argument == "auto"


def _widths(outputs):
    """Returns what the loss takes, for whole encodings and each prefix."""
    widths = outputs if isinstance(outputs, list) else [outputs]
    return [_of_loss(each) for each in widths]


def _of_loss(outputs):
    return outputs["encodings"] if isinstance(outputs, dict) else outputs
