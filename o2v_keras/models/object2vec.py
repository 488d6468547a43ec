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
from o2v_keras.models.token_tables import FrozenTables
from o2v_keras.models.token_tables import row_penalty
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.pretrained_vectors import Coverage

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
            # Behind an MLP nothing keeps the sign, but it begins right.
            kernel = self.get_layer("scores").kernel
            kernel.assign(-kernel)
        add_weight_decay(config, self.trainable_weights, tables)
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
        """Fits like `keras.Model.fit`; loads pretrained vectors first.

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
        resting = self._frozen_tables()
        if resting:
            given = call.arguments.get("callbacks") or []
            call.arguments["callbacks"] = [FrozenTables(resting), given]
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
        """Returns the loss, in training with the row penalty."""
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
        """Sets all weights; pretrained vectors are not loaded any more."""
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

    def _frozen_tables(self):
        """Returns the epochs for which each gated table rests."""
        tables = dict(zip(("enc0", "enc1"), self.token_embeddings, strict=True))
        return {
            tables[side]: encoder.freeze_epochs
            for side, encoder in self.config.token_tables.items()
            if encoder.freeze_epochs
        }

    def compile_as_configured(self) -> None:
        """Compiles anew, with a new optimizer, as the configuration says."""
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
