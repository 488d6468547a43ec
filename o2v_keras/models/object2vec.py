"""The Object2Vec model."""

import contextlib
import contextvars
import inspect
import os

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.in_batch_targets import exchanged_sides
from o2v_keras.models.bpr_loss import BPRLoss
from o2v_keras.models.encoder_factory import make_encoder
from o2v_keras.models.global_batch_loss import GlobalBatchLoss
from o2v_keras.models.graph import add_weight_decay
from o2v_keras.models.graph import dtype_policy
from o2v_keras.models.graph import make_comparison
from o2v_keras.models.graph import make_loss
from o2v_keras.models.graph import make_pair_vectors
from o2v_keras.models.graph import make_token_embeddings
from o2v_keras.models.graph import seeded
from o2v_keras.models.head import first_bias
from o2v_keras.models.head import similarity_sign
from o2v_keras.models.in_batch_softmax_loss import InBatchSoftmaxLoss
from o2v_keras.models.optimizer_factory import make_optimizer
from o2v_keras.models.optimizer_factory import needs_steps
from o2v_keras.models.optimizer_factory import plan_learning_rate
from o2v_keras.models.optimizer_factory import steps_per_epoch
from o2v_keras.models.pretrained_tables import fill_tables
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.models.steps_at_once import StepsOfFit
from o2v_keras.models.steps_at_once import steps_at_once
from o2v_keras.models.token_tables import FrozenTables
from o2v_keras.models.token_tables import row_penalty
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.pretrained_vectors import Coverage

# Whether this thread runs a step of `fit` or `evaluate`, where the in-batch
# loss needs vectors instead of scores. Each replica runs in its own thread.
_IN_STEP = contextvars.ContextVar("in_step", default=False)


@keras.saving.register_keras_serializable(package="o2v_keras")
class Object2Vec(keras.Model):
    """Two encoders, a comparator, an MLP and a head.

    `scores = head(mlp(comparator(encoder0(in0), encoder1(in1))))`. For `bpr`
    the head has no bias; with `dot` and no MLP it returns the dot product.
    The encoders share no weights, except one token table with
    `tied_token_embedding_weight`.

    The constructor compiles the model by `config`, without XLA; call
    `compile` to change that. The loss covers the real rows of the global
    batch. `weight_decay` applies to matrices, not to biases, as in MXNet,
    and to the rows of `row_sparse` token tables that a batch looks up.
    `token_embedding_l2` is added to the training loss but not to the
    reported loss. Initial weights and dropout masks depend on `config.seed`
    alone.

    `keras.models.load_model` loads what `save` wrote, and an encoder saved
    alone, once `o2v_keras` is imported; `from_config(get_config())` makes
    the same model with initial weights. `keras.models.clone_model` returns a
    plain functional model, whatever its `clone_function`: it has no `config`,
    `encoder0`, tokenizers, `weight_decay` or `token_embedding_l2`, unties
    tied tables, and cannot train `in_batch_softmax` and `bpr`.

    If `config` names pretrained vectors, the first `fit` loads them, unless
    the weights come from a file or `set_weights`.

    Args:
        config: `Object2VecConfig`.
        **kwargs: Base model arguments such as `name`.

    Call arguments:
        inputs: dict of `in0` and `in1`, each int `(batch, length)`, padded
            with 0; lengths may differ between sides and calls.

    Output shape:
        float32: for `output_layer="softmax"` probabilities
        `(batch, num_classes)`, otherwise `(batch, 1)`; for
        `"in_batch_softmax"` the `similarity` of the encodings.

    Attributes:
        trained_ids: `TrainedIds`, or `None` if unknown. `train` and
            `load_model` of a model directory set it, `fit` does not.

    Raises:
        TypeError: If `config` is no `Object2VecConfig`.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=4, enc0_vocab_size=9, enc_dim=8, mlp_dim=8
    ... )
    >>> model = Object2Vec(config)
    >>> in0, in1 = np.array([[3, 1, 2], [5, 0, 0]]), np.array([[7], [8]])
    >>> model({"in0": in0, "in1": in1}).shape
    TensorShape([2, 2])
    >>> model.encoder0(in0).shape
    TensorShape([2, 8])

    Reference:
    - Graphs, layer order and parameter counts are those in the training logs
      of SageMaker's container.
    """

    def __init__(self, config, **kwargs):
        if not isinstance(config, Object2VecConfig):
            raise TypeError(
                "`config` must be an Object2VecConfig. "
                f"Received: config={config!r}"
            )
        with seeded(config.seed), dtype_policy(config.dtype_policy):
            # Layers.
            tables = make_token_embeddings(config)
            encoder0 = make_encoder(
                config.encoder0, tables[0], input_name="in0", name="encoder0"
            )
            encoder1 = make_encoder(
                config.encoder1, tables[1], input_name="in1", name="encoder1"
            )
            compare = make_comparison(config)
            pair_vectors = make_pair_vectors(config)

            # Graph.
            inputs = {
                name: keras.Input((None,), dtype="int64", name=name)
                for name in ("in0", "in1")
            }
            pair = [encoder0(inputs["in0"]), encoder1(inputs["in1"])]
            super().__init__(inputs=inputs, outputs=compare(pair), **kwargs)

        # Config.
        self.config = config
        self.encoder0 = encoder0
        self.encoder1 = encoder1
        self.token_embeddings = tables
        self.pair_vectors = pair_vectors
        self.trained_ids = None
        self.needs_vectors = any(
            encoder.pretrained_embedding_file
            for encoder in config.token_tables.values()
        )
        self._tokenizers = PairTokenizers()
        if similarity_sign(self) < 0:
            # An MLP leaves the sign unconstrained; this sets the initial one.
            kernel = self.get_layer("scores").kernel
            kernel.assign(-kernel)
        add_weight_decay(config, self.trainable_weights, tables)
        self.compile_as_configured()

    def __reduce__(self):
        # Keras copies by a `.keras` file, which has no tokenizers.
        return _with_tokenizers, (*super().__reduce__(), self.tokenizers)

    @property
    def tokenizers(self):
        """`PairTokenizers` of the sides that hold texts; can be set.

        A model directory, `copy.deepcopy` and pickles keep them; a `.keras`
        file does not.

        Raises:
            TypeError: If set to anything else.
            ValueError: If the configuration has other vocabulary sizes.
        """
        return self._tokenizers

    @tokenizers.setter
    def tokenizers(self, tokenizers):
        if not isinstance(tokenizers, PairTokenizers):
            raise TypeError(
                "`tokenizers` must be PairTokenizers. "
                f"Received: tokenizers={tokenizers!r}"
            )
        for name, tokenizer in tokenizers.sides.items():
            size = getattr(self.config, f"enc{name[-1]}_vocab_size")
            if tokenizer.vocab_size != size:
                raise ValueError(
                    "`tokenizers` must have the vocabulary sizes of the "
                    "model's configuration; make the model of "
                    "tokenizers.configure(config). Received: "
                    f"enc{name[-1]}_vocab_size={size} and a tokenizer of "
                    f"{tokenizer.vocab_size} ids"
                )
        self._tokenizers = tokenizers

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
        to 0 over `config.epochs` epochs with the first call's steps.

        Raises:
            ValueError: If pretrained vectors are missing or unusable, or the
                number of steps of an epoch is unknown and a cosine needs it.
        """
        call = inspect.signature(super().fit).bind(*args, **kwargs)
        if needs_steps(self.optimizer):
            steps = self.config.epochs * steps_per_epoch(call.arguments)
            plan_learning_rate(self.optimizer, steps)
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
        return super().fit(*call.args, **call.kwargs)

    def call(self, inputs, training=None, mask=None):
        if self.pair_vectors is None or not _IN_STEP.get():
            return super().call(inputs, training=training, mask=mask)
        pair = [
            encoder(inputs[name], training=training)
            for name, encoder in (
                ("in0", self.encoder0),
                ("in1", self.encoder1),
            )
        ]
        return self.pair_vectors(pair)

    def compile(self, *args, **kwargs):
        """Compiles like `keras.Model.compile`."""
        super().compile(*args, **kwargs)
        if self.steps_per_execution == 1:
            self.steps_per_execution = StepsOfFit(1)
        if self.pair_vectors is not None:
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

    def train_step(self, data):
        with _in_step():
            return super().train_step(data)

    def test_step(self, data):
        with _in_step():
            return super().test_step(data)

    def compute_loss(
        self,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """Returns the loss; in training with the row penalty."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if training and self.config.token_embedding_l2:
            loss += row_penalty(
                self.config, self.token_embeddings, x, sample_weight
            )
        return loss

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
        )
        self.needs_vectors = False
        return coverages

    def initialize_bias(self, labels, weights=None) -> None:
        """Sets the head's bias to predict the average training label.

        `train` calls it. Before `model.fit` it saves the epochs that would
        learn the bias, and predictions for unseen objects start at the mean
        instead of 0. Heads without a bias (`in_batch_softmax`, `bpr`) are
        unchanged.

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
        if self.config.output_layer in ("in_batch_softmax", "bpr"):
            return
        bias = first_bias(self.config, labels, weights)
        self.get_layer("scores").bias.assign(bias)

    def set_weights(self, weights):
        """Sets all weights; `fit` then loads no pretrained vectors."""
        super().set_weights(weights)
        self.needs_vectors = False

    def load_own_variables(self, store):
        # Called when weights are loaded from a file.
        super().load_own_variables(store)
        self.needs_vectors = False

    def get_metrics_result(self):
        """Returns the metrics; `loss` is the mean over real rows.

        Keras's `loss` includes fill rows of weight 0 and regularization.
        """
        results = super().get_metrics_result()
        own = GlobalBatchLoss | InBatchSoftmaxLoss | BPRLoss
        if isinstance(self.loss, own):
            results["loss"] = results.get(self.loss.name, results["loss"])
        return results

    def get_config(self):
        return {"config": self.config.to_dict(), "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        values = Object2VecConfig.from_dict(config["config"])
        return cls(values, name=config["name"])

    def _build_loss_and_metrics(self):
        # Keras would build them for the shape of scores at the first batch.
        sides = len(exchanged_sides(self.config.negative_sampling_side))
        y_true = keras.ops.ones((2, 2 + 2 * sides), "int64")
        y_pred = keras.ops.zeros((2, 2, self.config.enc_dim))
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

    def compile_as_configured(self) -> None:
        """Compiles the model by its configuration, with a new optimizer."""
        loss, metrics = make_loss(self.config)
        self.compile(
            optimizer=make_optimizer(self.config),
            loss=loss,
            weighted_metrics=metrics,
            jit_compile=False,
        )


@contextlib.contextmanager
def _in_step():
    token = _IN_STEP.set(True)
    try:
        yield
    finally:
        _IN_STEP.reset(token)


def _with_tokenizers(revive, arguments, tokenizers):
    model = revive(*arguments)
    model.tokenizers = tokenizers
    return model
