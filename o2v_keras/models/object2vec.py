"""The Object2Vec model."""

import contextlib
import contextvars
import inspect
import os
import random

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.config.encoder_config import UNLIMITED
from o2v_keras.data.batches.in_batch_targets import exchanged_sides
from o2v_keras.data.text.pair_tokenizers import PairTokenizers
from o2v_keras.layers.comparator import Comparator
from o2v_keras.layers.feed_forward import FeedForward
from o2v_keras.layers.pair_vectors import PairVectors
from o2v_keras.layers.token_embedding import TokenEmbedding
from o2v_keras.models.bpr_loss import BPRLoss
from o2v_keras.models.encoder_factory import make_encoder
from o2v_keras.models.global_batch_loss import GlobalBatchLoss
from o2v_keras.models.head import first_bias
from o2v_keras.models.head import make_head
from o2v_keras.models.head import similarity_sign
from o2v_keras.models.in_batch_softmax_loss import InBatchSoftmaxLoss
from o2v_keras.models.in_batch_softmax_metric import InBatchSoftmaxMetric
from o2v_keras.models.optimizer_factory import make_optimizer
from o2v_keras.models.optimizer_factory import needs_steps
from o2v_keras.models.optimizer_factory import plan_learning_rate
from o2v_keras.models.optimizer_factory import steps_per_epoch
from o2v_keras.models.pairwise_mean import PairwiseMean
from o2v_keras.models.pretrained_tables import fill_tables
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.models.token_tables import RestingTables
from o2v_keras.models.token_tables import row_penalty
from o2v_keras.text.pretrained_vectors import Coverage
from o2v_keras.user_warning import warn_user

# Whether this thread is within a step of `fit` or `evaluate`, where a loss
# takes the place of scores; replicas take their steps in threads of their own.
_IN_STEP = contextvars.ContextVar("in_step", default=False)


@keras.saving.register_keras_serializable(package="o2v_keras")
class Object2Vec(keras.Model):
    """Two encoders, a comparator, an MLP and a head.

    `scores = head(mlp(comparator(encoder0(in0), encoder1(in1))))`; for `bpr`
    the head has no bias, and by `dot` without MLP it leaves the product as it
    is. The encoders never share weights, except one token table when
    `tied_token_embedding_weight` is set.

    The model comes compiled as the configuration says: optimizer, learning
    rate, loss over the real rows of the global batch, metrics, no XLA;
    `weight_decay` times a weight is added to its gradient, to matrices and
    not to biases, as MXNet did, and to rows of token tables only where a
    batch touches them if these are `row_sparse`. `token_embedding_l2` is part
    of what training minimizes, and of no loss that is told. `compile` it anew
    to train it otherwise. The initial weights and the dropout masks follow
    from `config.seed` alone.

    Where `config` names pretrained vectors, the first `fit` loads them; until
    then tables hold their initial weights. A model that got its weights
    otherwise, from a file or by `set_weights`, does not read them again.

    Args:
        config: `Object2VecConfig`.
        **kwargs: Base model arguments such as `name`.

    Call arguments:
        inputs: dict of `in0` and `in1`, each int `(batch, length)`, padded
            with 0; lengths may differ between sides and calls.

    Output shape:
        `(batch, num_classes)` float32 probabilities; `(batch, 1)` float32
        for `output_layer="mean_squared_error"` and `"bpr"`, and for
        `"in_batch_softmax"`, where it is the `similarity` of the two
        encodings.

    Attributes:
        trained_ids: `TrainedIds`, or `None` where it is not known which ids
            training has seen: `train` and `load_model` of a model directory
            set it, `fit` does not.

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
    - Graphs, layer order and parameter counts are those that SageMaker's
      container prints in its training logs.
    """

    def __init__(self, config, **kwargs):
        if not isinstance(config, Object2VecConfig):
            raise TypeError(
                "`config` must be an Object2VecConfig. "
                f"Received: config={config!r}"
            )
        with _seeded(config.seed), _policy(config.dtype_policy):
            # Layers.
            tables = _token_embeddings(config)
            encoder0 = make_encoder(
                config.encoder0, tables[0], input_name="in0", name="encoder0"
            )
            encoder1 = make_encoder(
                config.encoder1, tables[1], input_name="in1", name="encoder1"
            )
            compare = _comparison(config)
            pair_vectors = _pair_vectors(config)

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
            # Behind an MLP nothing keeps the sign, but it begins right.
            kernel = self.get_layer("scores").kernel
            kernel.assign(-kernel)
        self._decay_weights()
        self.compile_as_configured()

    def __reduce__(self):
        # Keras's own copies hold what a `.keras` file holds.
        return _with_tokenizers, (*super().__reduce__(), self.tokenizers)

    @property
    def tokenizers(self):
        """`PairTokenizers` of the sides that hold texts; may be set.

        They are no part of the `.keras` file: a model directory holds them
        beside it. Copies (`copy.deepcopy`) and pickles have them.

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
        """Steps that `fit` and `evaluate` take at once; may be set.

        Set to more than 1, TensorFlow takes that many steps without Python
        in between, and callbacks see the last of them only. Works on one
        device; the steps are the same.
        """
        return self._steps_per_execution

    @steps_per_execution.setter
    def steps_per_execution(self, steps):
        # Keras keeps functions made for the number before, and then counts
        # this many steps for each of theirs: parts of the data go missing.
        self._steps_per_execution = steps
        self.train_function = None
        self.test_function = None
        self.predict_function = None

    def fit(self, *args, **kwargs):
        """As `keras.Model.fit`; loads pretrained vectors at first.

        Tables rest in the epochs that `config` says, counted from 0: a later
        call goes on with `initial_epoch`.

        A cosine falls to 0 over the configuration's `epochs` of as many steps
        as the first call's have.

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
        resting = self._resting_tables()
        if resting:
            given = call.arguments.get("callbacks") or []
            call.arguments["callbacks"] = [RestingTables(resting), given]
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
        """As `keras.Model.compile`."""
        super().compile(*args, **kwargs)
        if self.pair_vectors is not None:
            self._build_loss_and_metrics()

    def compile_from_config(self, config):
        # Keras's own gives up where a model has a `compile` of its own.
        self.compile(**keras.saving.deserialize_keras_object(config))
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
        """As `keras.Model.compute_loss`; in training with the row penalty."""
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
            auxiliary: Folder from which relative paths count. Defaults to
                `None`: the working directory.

        Returns:
            What was found for each table with pretrained vectors; `str` of
            it is a sentence.

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
        """Begins the head's bias where it is right on average.

        `train` does so by itself. Before `model.fit` it spares the first
        epochs, and answers for objects that training never sees begin at the
        mean instead of 0. Heads without a bias (`in_batch_softmax`, `bpr`)
        stay as they are.

        Args:
            labels: `(rows,)`. The training labels: classes, whose log-odds
                the bias takes, or values, whose mean it takes. Negatives that
                the configuration has drawn are counted besides.
            weights: `(rows,)`. How much each row counts. Defaults to `None`:
                all alike.

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
        """As `keras.Model.set_weights`."""
        super().set_weights(weights)
        self.needs_vectors = False

    def load_own_variables(self, store):
        # Called when weights come from a file, those of the tables included.
        super().load_own_variables(store)
        self.needs_vectors = False

    def get_metrics_result(self):
        """Returns the metrics, `loss` among them, over real rows.

        Keras averages its own loss over all rows, fill rows of weight 0 and
        regularization included.
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
        # At the first batch Keras would build them for scores.
        sides = len(exchanged_sides(self.config.negative_sampling_side))
        y_true = keras.ops.ones((2, 2 + 2 * sides), "int64")
        y_pred = keras.ops.zeros((2, 2, self.config.enc_dim))
        self.compute_loss(None, y_true, y_pred, training=False)
        self.compute_metrics(None, y_true, y_pred)
        self.reset_metrics()

    def _resting_tables(self):
        """Returns the epochs for which each gated table rests."""
        tables = dict(zip(("enc0", "enc1"), self.token_embeddings, strict=True))
        return {
            tables[side]: encoder.freeze_epochs
            for side, encoder in self.config.token_tables.items()
            if encoder.freeze_epochs
        }

    def _decay_weights(self):
        if not self.config.weight_decay:
            return
        # The gradient of an L2 penalty is twice its factor times the weight.
        penalty = keras.regularizers.L2(self.config.weight_decay / 2)
        # A penalty would read the tables; their optimizer sees to touched rows.
        row_sparse = self.config.token_embedding_storage_type == "row_sparse"
        tables = {id(table.embeddings) for table in self.token_embeddings}
        for weight in self.trainable_weights:
            if row_sparse and id(weight) in tables:
                continue
            if len(weight.shape) > 1:
                weight.regularizer = penalty

    def compile_as_configured(self) -> None:
        """Compiles anew, with a new optimizer, as the configuration says."""
        if self.config.output_layer == "softmax":
            loss = GlobalBatchLoss("cross_entropy")
            metrics = [
                keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
                keras.metrics.SparseCategoricalCrossentropy(name=loss.name),
            ]
        elif self.config.output_layer == "in_batch_softmax":
            loss = InBatchSoftmaxLoss(
                self.config.negative_sampling_side,
                self.config.sampling_bias_correction,
                self.config.hard_negatives,
            )
            metrics = [InBatchSoftmaxMetric(loss)]
        elif self.config.output_layer == "bpr":
            negatives = self.config.negative_sampling_rate
            loss = BPRLoss(negatives)
            metrics = [
                PairwiseMean("pairwise_accuracy", negatives),
                PairwiseMean("bpr", negatives, name=loss.name),
            ]
        else:
            loss = GlobalBatchLoss("mean_squared_error")
            metrics = [
                keras.metrics.MeanSquaredError(name=loss.name),
                keras.metrics.RootMeanSquaredError(),
                keras.metrics.MeanAbsoluteError(),
            ]
        self.compile(
            optimizer=make_optimizer(self.config),
            loss=loss,
            weighted_metrics=metrics,
            jit_compile=False,
        )


def _token_embeddings(config):
    if UNLIMITED in (config.enc0_vocab_size, config.enc1_vocab_size):
        raise ValueError(
            "`config` must have the size of a learned vocabulary of "
            "categories: `learn_tokenizers(data, config).configure(config)` "
            "sets it, and so does `train`. Received: `vocab_size` unset"
        )
    tied = config.tied_token_embedding_weight
    tables = [
        TokenEmbedding(
            encoder.vocab_size,
            encoder.token_embedding_dim,
            gated=encoder.freeze_epochs > 0,
            trainable=not encoder.freezes_table,
            name="token_embedding" if tied else f"token_embedding{number}",
        )
        for number, encoder in enumerate(config.token_tables.values())
    ]
    return (tables[0], tables[-1])


def _comparison(config):
    """Returns what makes scores of two encodings."""
    # Scores stay float32 under mixed precision: they are what is compared
    # with labels and what leaves the exported model.
    if config.output_layer == "in_batch_softmax":
        return Comparator(
            [config.similarity], dtype="float32", name="comparator"
        )
    comparator = Comparator(config.comparator_list, name="comparator")
    mlp = FeedForward(
        config.mlp_dim,
        config.mlp_layers,
        activation=config.mlp_activation,
        dropout=config.dropout,
        name="mlp",
    )
    head = make_head(config)
    return lambda pair: head(mlp(comparator(pair)))


def _pair_vectors(config):
    """Returns what the loss compares in place of scores, or `None`."""
    if config.output_layer != "in_batch_softmax":
        return None
    layer = PairVectors(
        config.similarity,
        config.temperature,
        config.learn_temperature,
        dtype="float32",
        name="pair_vectors",
    )
    layer.build([(None, config.enc_dim)] * 2)
    return layer


@contextlib.contextmanager
def _in_step():
    token = _IN_STEP.set(True)
    try:
        yield
    finally:
        _IN_STEP.reset(token)


@contextlib.contextmanager
def _seeded(seed):
    """Makes the seeds that Keras draws follow from `seed`.

    An initializer or a dropout layer without a seed of its own draws one
    from Python's generator, whose state is put back afterwards.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


@contextlib.contextmanager
def _policy(name):
    """Gives the layers made within a dtype policy."""
    before = keras.config.dtype_policy()
    if before.name not in (name, "float32"):
        warn_user(
            f"The model is made with config.dtype_policy={name!r}; Keras's "
            f"global policy {before.name!r} does not reach it. Set "
            f"dtype_policy in the configuration, which is saved with it.",
        )
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _with_tokenizers(revive, arguments, tokenizers):
    model = revive(*arguments)
    model.tokenizers = tokenizers
    return model
