"""The hyperparameters of an Object2Vec model and its training."""

import dataclasses
import importlib
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from o2v_keras.config.encoder_config import EncoderConfig
from o2v_keras.config.json_object import read_json_object
from o2v_keras.config.resolve import ENCODER_FIELDS
from o2v_keras.config.resolve import resolved_encoders
from o2v_keras.config.resolve import without_auto
from o2v_keras.config.rules import Boolean
from o2v_keras.config.rules import Choice
from o2v_keras.config.rules import ChoiceOrClass
from o2v_keras.config.rules import Integer
from o2v_keras.config.rules import IntegerList
from o2v_keras.config.rules import NameList
from o2v_keras.config.rules import Number
from o2v_keras.config.rules import Options
from o2v_keras.config.rules import Path
from o2v_keras.config.rules import Rule
from o2v_keras.config.sagemaker_strings import check_known
from o2v_keras.config.sagemaker_strings import parsed
from o2v_keras.config.validation import check_bpr
from o2v_keras.config.validation import check_cosent
from o2v_keras.config.validation import check_embedding
from o2v_keras.config.validation import check_encoder
from o2v_keras.config.validation import check_gaussian_tables
from o2v_keras.config.validation import check_matryoshka
from o2v_keras.config.validation import check_own_encoder
from o2v_keras.config.validation import check_retrieval
from o2v_keras.config.validation import check_shared_encoder
from o2v_keras.config.validation import check_tied_tables
from o2v_keras.config.validation import check_token_pooling
from o2v_keras.config.validation import check_weight_averaging
from o2v_keras.registry import COMPARATORS

NETWORKS = ("hcnn", "bilstm", "pooled_embedding", "transformer")
TOKENIZERS = (
    "words",
    "unicode_script",
    "wordpiece",
    "sentencepiece",
    "ngrams",
    "category",
    "categories",
)
_TOKENIZER = ChoiceOrClass(("", *TOKENIZERS))

# SageMaker's default. It applies to losses alone: SageMaker stops by no other
# metric.
_LOSS_TOLERANCE = 0.01
_LOSSES = (
    "loss",
    "cross_entropy",
    "mean_squared_error",
    "in_batch_softmax",
    "bpr",
    "embedding",
    "cosent",
)


def _field(rule: Rule, default: Any = dataclasses.MISSING) -> Any:
    return dataclasses.field(default=default, metadata={"rule": rule})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Object2VecConfig:
    """Hyperparameters under their SageMaker names and defaults.

    Fields marked "Ours" are not SageMaker's. `enc1_*` describes the second
    encoder. `enc1_network="enc0"` copies every setting of the first one (not
    its weights); an `enc1_*` value must then be equal. A `pooled_embedding`
    encoder has no projection, so its `token_embedding_dim` follows `enc_dim`.
    After construction every field holds its resolved value. Immutable; use
    `replace` for a variant.

    Args:
        enc0_max_seq_len: int, at least 1. Longer sequences of `in0` are cut
            to their first ids. Required, except for categories, which have
            one id.
        enc0_vocab_size: int, at least 2. Ids of `in0` are below it. Required,
            except for categories, and for word pieces whose vocabulary is
            that of a file. For the vocabulary of a tokenizer it is the
            largest size; training then sets the actual one.
        enc0_network: str. `"hcnn"`, `"bilstm"`, `"pooled_embedding"`, ours
            `"transformer"`, or a class of your own,
            `"my_package.my_module:MyEncoder"` (see
            `o2v_keras.encoders.Encoder`) or its name in Keras's registry,
            `"my_package>MyEncoder"`. Defaults to `"hcnn"`.
        enc0_options: dict. Arguments of a class of your own, besides the
            `vocab_size`, `max_seq_len` and `output_dim` that it always gets.
            Ours. Defaults to `{}`.
        enc0_layers: `"auto"` or int, at least 1. `"auto"` is 4 for `hcnn`,
            2 for `transformer` and 1 for the others. Defaults to `"auto"`.
        enc0_cnn_filter_width: int, at least 1. Tokens that a filter of `hcnn`
            spans. Defaults to `3`.
        enc0_heads: int, at least 1. Attention heads of a `transformer`;
            `enc_dim` must be a multiple of twice as many. Ours. Defaults to
            `4`.
        enc0_feed_forward_dim: `"auto"` or int, at least 1. Hidden width of a
            `transformer`'s feed-forward layers. Ours. Defaults to `"auto"`: 4
            times `enc_dim`.
        enc0_token_embedding_dim: int, at least 2. Width of the token table;
            `enc_dim` for `pooled_embedding`. Defaults to `300`.
        enc0_pretrained_embedding_file: str. Path of word vectors, or of a
            folder of static token vectors with their tokenizer. Defaults to
            `""` (none).
        enc0_vocab_file: str. Path of the word ids, for pretrained vectors
            and for the tokenizer. Defaults to `""` (none).
        enc0_freeze_pretrained_embedding: bool. Whether pretrained vectors stay
            as they are. Defaults to `True`.
        enc0_freeze_epochs: int, at least 0. Number of first epochs in which
            pretrained vectors are frozen; needs
            `enc0_freeze_pretrained_embedding=False`. Ours. Defaults to `0`.
        enc0_tokenizer: str. Turns the texts of `in0` into ids: `"words"`,
            `"unicode_script"`, `"wordpiece"`, `"sentencepiece"`, `"ngrams"`,
            `"category"`, `"categories"`, or the registered name of a
            `Tokenizer` of your own. Ours. Defaults to `""`: `in0` holds ids.
        enc0_min_count: int, at least 1. Words that occur less often in the
            training texts are unknown. Ours. Defaults to `1`.
        enc0_hash_buckets: int, at least 0. Number of ids to which unknown
            words, or character n-grams, are hashed. Ours. Defaults to `0`.
        enc0_id_dropout: float, 0 to 1. Share of training rows of `in0` whose
            first token is replaced by the unknown id, which learns to stand
            for ids unseen in training. Ours. Defaults to `0.0`.
        enc0_unknown_id: int, at least 0. The unknown id; required with
            `enc0_id_dropout` if `in0` holds ids. Ours. Defaults to `0`:
            none, or the tokenizer's.
        enc1_network: str. A network, or `"enc0"`: a copy of enc0's settings.
            Defaults to `"enc0"`.
        enc1_max_seq_len: int. Required unless `enc1_network` is `"enc0"`.
        enc1_vocab_size: int. Required unless `enc1_network` is `"enc0"`.
        enc1_*: The other fields have the rules and defaults of `enc0_*`.
        enc_dim: int, at least 4. Width of both encodings. Defaults to
            `4096`.
        matryoshka_dims: tuple of int or comma-separated str. Widths below
            `enc_dim`. Training minimizes the mean of the loss of the whole
            encodings and of the losses of their first numbers, as many as
            each width says: these prefixes then serve as smaller encodings.
            The head is the same and sees zeros after a prefix; with
            `in_batch_softmax` prefixes learn the similarities of whole
            encodings. Ours. Defaults to `()`: whole encodings alone.
        tied_token_embedding_weight: bool. Whether both sides share one token
            table. Defaults to `False`.
        shared_encoder: bool. Whether both sides share one encoder with all
            its weights, its token table included (a siamese model). Ours.
            Defaults to `False`.
        token_embedding_storage_type: str. `"dense"` or `"row_sparse"`.
            Defaults to `"dense"`.
        token_weighting: str. The weight of a token in the mean of
            `pooled_embedding`: `"none"`, `"learned"` (trained, from 1 on), or
            `"sif"`, `0.001 / (0.001 + p)` with the share `p` of the token in
            the training data. Ours. Defaults to `"none"`.
        token_combiner: str. What `pooled_embedding` makes of its tokens:
            `"mean"`, or `"sqrtn"`, their sum over the root of their number.
            Ours. Defaults to `"mean"`.
        comparator_list: tuple of str or comma-separated str. Distinct names
            in any order: `"hadamard"`, `"concat"`, `"abs_diff"`, ours `"dot"`,
            `"cosine"` and `"block_cosine"`, or a registered name. Defaults to
            `("hadamard", "concat", "abs_diff")`.
        mlp_layers: int, at least 0. Hidden layers after the comparator.
            Defaults to `2`.
        mlp_dim: int, at least 2. Their width. Defaults to `512`.
        mlp_activation: str. Their activation: `"tanh"`, `"relu"` or
            `"linear"`. Defaults to `"linear"`.
        output_layer: str. `"softmax"`, `"mean_squared_error"` or one of ours:
            `"in_batch_softmax"` scores by `similarity` alone, without
            comparator, MLP and head, and classifies each positive against
            the other objects of its batch; `"bpr"` ranks each record (all
            must be positives, labelled 1) above its own
            `negative_sampling_rate` negatives; `"cosent"` ranks pairs by the
            cosine of their encodings as their labels do, without comparator,
            MLP and head; `"embedding"` learns the vectors of
            `target_embedding_file` from one side of the data alone. Defaults
            to `"softmax"`.
        num_classes: int, at least 2. Number of classes; used by `softmax`
            alone. Defaults to `2`.
        similarity: str. The score of `in_batch_softmax`: `"cosine"` or
            `"dot"`. Ours. Defaults to `"cosine"`.
        temperature: float, at least 1e-6. `in_batch_softmax` divides
            similarities by it. Ours. Defaults to `0.05`.
        learn_temperature: bool. Whether the temperature is trained, from
            `temperature` on. Ours. Defaults to `False`.
        sampling_bias_correction: bool. Whether `in_batch_softmax` subtracts
            the logarithm of an object's frequency from its logits. Frequent
            objects are negatives more often; this offsets it. Ours. Defaults
            to `True`.
        hard_negatives: int, at least 0. `in_batch_softmax` uses this many
            negatives with the highest logits for a positive; 0 uses all.
            Ours. Defaults to `0`.
        same_side_negatives: bool. Whether `in_batch_softmax` also takes the
            batch's other objects of the query's own side as negatives.
            Ours. Defaults to `False`.
        exclude_query_tokens: bool. Whether `in_batch_softmax` leaves out
            negatives that are tokens of the query, such as the films of a
            user's bag; ids of both sides must be of one vocabulary. Ours.
            Defaults to `False`.
        hardness_strength: float, at least 0. `in_batch_softmax` weights a
            negative by the exponential of this times its cosine with the
            query; 0 weights all alike. Ours. Defaults to `0.0`.
        mined_negatives: int, at least 0. Negatives that `in_batch_softmax`
            adds to a batch for each record: the nearest in the whole corpus.
            Ours. Defaults to `0`.
        mining_epochs: int, at least 1. Epochs between two searches for
            `mined_negatives`. Ours. Defaults to `1`.
        similarity_scale: float, at least 1e-6. `cosent` multiplies
            differences of cosines by it. Ours. Defaults to `20.0`.
        target_embedding_file: str. Path of the vectors that `embedding`
            learns, a `.npy` file of shape `(rows, width)`; the label of a
            record is the number of its row, from 0. Ours. Defaults to `""`
            (none).
        target_embedding_dim: int, at least 1. Width of these vectors; where
            it is not `enc_dim`, a projection learns to give them, which
            embeddings and exports leave out. Ours. Defaults to `None`: that
            of the file.
        embedding_side: str. The side that `embedding` reads, `"in0"` or
            `"in1"`; the data need no other. `enc0_*` describe its encoder.
            Ours. Defaults to `"in0"`.
        embedding_loss: str. `"cosine"` (1 minus the cosine) or
            `"mean_squared_error"` of a vector and its target. Ours. Defaults
            to `"cosine"`.
        similarity_distillation_weight: float, at least 0. Weight of the
            second part of the loss of `embedding`: the squared differences
            of the cosines between the vectors of a batch and the cosines
            between their targets. Ours. Defaults to `1.0`.
        dropout: float, 0 to 1. Share of the units that training drops after
            the pooled mean, between convolutions or LSTMs, and after every
            layer of the MLP. Defaults to `0.0`.
        optimizer: str. `"adam"`, `"adagrad"`, `"adadelta"`, `"rmsprop"` or
            `"sgd"`, with Keras's other defaults. Defaults to `"adam"`.
        learning_rate: float, at least 1e-6. That of the optimizer. Defaults
            to `0.0004`.
        learning_rate_schedule: str. `"constant"`, or `"cosine"`, which
            decays the rate to 0 over all `epochs`. Ours. Defaults to
            `"constant"`.
        warmup_steps: int, at least 0. First steps, in which the rate rises
            from 0. Ours. Defaults to `0`.
        weight_decay: float, at least 0. This times the weight is added to
            the gradient. Defaults to `0.0`.
        token_embedding_l2: float, at least 0. L2 penalty that each example
            adds for every row that it looks up. Unlike `weight_decay` it
            shrinks a row once per occurrence, as matrix factorization of
            ratings needs it. Ours. Defaults to `0.0`.
        token_embedding_kl: float, at least 0. Above 0, token embeddings are
            Gaussians, samples of which are trained (variational inference);
            predictions use their means. This times their KL divergence from
            the prior, over the number of examples, is added to the loss: 1
            for likelihoods (`softmax`), twice the variance of the noise in
            the labels for squared errors. `train`, or
            `model.set_token_counts`, counts the tokens. Ours. Defaults to
            `0.0`.
        global_clipnorm: float, at least 0. Largest norm of all gradients
            together; larger ones are scaled down. 0 disables it. Ours.
            Defaults to `0.0`.
        weight_averaging: str. `"ema"` or `"tail"`: validation and the saved
            model have an average of the weights after each step, an
            exponential moving one or the mean of the last epochs
            (`WeightAverage`); `"none"`: the last weights. Ours. Defaults to
            `"none"`.
        weight_averaging_decay: float, 0 to 0.999999. The share of an average
            that `"ema"` keeps in a step, after its warmup. Ours. Defaults to
            `0.999`.
        weight_averaging_epochs: int, at least 1, at most `epochs`. The last
            of `epochs` that `"tail"` averages; an early stop comes before.
            Ours. Defaults to `1`.
        mini_batch_size: int, at least 1. Rows of one step over all replicas,
            negatives included; for `bpr` as many whole groups of a record
            and its negatives as fit. Defaults to `32`.
        epochs: int, at least 1. At most; early stopping may end training
            before. Defaults to `30`.
        early_stopping_patience: int, at least 1. Epochs without improvement
            before training stops. Defaults to `3`.
        early_stopping_tolerance: float, at least 1e-6. Least absolute
            improvement of the monitored metric. Defaults to `None`: 0.01 for
            losses, 0 for other metrics.
        bucket_width: int, at least 0. Batches hold rows whose lengths fall
            into the same buckets of this width; 0 disables bucketing.
            Defaults to `0`.
        negative_sampling_rate: int, at least 0. Negatives drawn for every
            training record, and for validation and test data that hold
            positives alone. Defaults to `0`.
        negative_sampling_side: str. The side that negatives replace:
            `"in0"`, `"in1"` or `"both"` (either at random). For
            `in_batch_softmax` the side whose objects are negatives; `"both"`
            is the mean of two losses. Ours. Defaults to `"in1"`.
        negative_sampling_distribution: str. `"records"` draws by frequency,
            `"objects"` uniformly over distinct objects. Ours. Defaults to
            `"records"`.
        seed: int, at least 0. Determines initial weights, dropout, row order
            and negatives. Ours. Defaults to `0`.
        dtype_policy: str. `"float32"`, `"mixed_bfloat16"` or
            `"mixed_float16"` (with loss scaling); weights and scores stay
            float32. Ours. Defaults to `"float32"`.

    Raises:
        ValueError: If a value breaks its rule, or two values contradict each
            other. The message names the field, the rule and the value.

    Example:
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=944,
    ...     enc0_network="pooled_embedding",
    ...     enc_dim=64,
    ... )
    >>> config.encoder1.vocab_size, config.encoder1.token_embedding_dim
    (944, 64)

    Reference:
    - SageMaker Developer Guide, "Object2Vec Hyperparameters"; the container
      prints the same defaults.
    """

    enc0_max_seq_len: int | None = _field(Integer(1), None)
    enc0_vocab_size: int | None = _field(Integer(2), None)
    enc0_network: str = _field(ChoiceOrClass(NETWORKS, modules=True), "hcnn")
    enc0_options: dict[str, Any] | None = _field(Options(), None)
    enc0_layers: int | str | None = _field(Integer(1, auto=True), None)
    enc0_cnn_filter_width: int | None = _field(Integer(1), None)
    enc0_heads: int | None = _field(Integer(1), None)
    enc0_feed_forward_dim: int | str | None = _field(
        Integer(1, auto=True), None
    )
    enc0_token_embedding_dim: int | None = _field(Integer(2), None)
    enc0_pretrained_embedding_file: str | None = _field(Path(), None)
    enc0_vocab_file: str | None = _field(Path(), None)
    enc0_freeze_pretrained_embedding: bool | None = _field(Boolean(), None)
    enc0_freeze_epochs: int | None = _field(Integer(0), None)
    enc0_tokenizer: str | None = _field(_TOKENIZER, None)
    enc0_min_count: int | None = _field(Integer(1), None)
    enc0_hash_buckets: int | None = _field(Integer(0), None)
    enc0_id_dropout: float | None = _field(Number(0.0, 1.0), None)
    enc0_unknown_id: int | None = _field(Integer(0), None)
    enc1_network: str = _field(
        ChoiceOrClass(("enc0", *NETWORKS), modules=True), "enc0"
    )
    enc1_options: dict[str, Any] | None = _field(Options(), None)
    enc1_max_seq_len: int | None = _field(Integer(1), None)
    enc1_vocab_size: int | None = _field(Integer(2), None)
    enc1_layers: int | str | None = _field(Integer(1, auto=True), None)
    enc1_cnn_filter_width: int | None = _field(Integer(1), None)
    enc1_heads: int | None = _field(Integer(1), None)
    enc1_feed_forward_dim: int | str | None = _field(
        Integer(1, auto=True), None
    )
    enc1_token_embedding_dim: int | None = _field(Integer(2), None)
    enc1_pretrained_embedding_file: str | None = _field(Path(), None)
    enc1_vocab_file: str | None = _field(Path(), None)
    enc1_freeze_pretrained_embedding: bool | None = _field(Boolean(), None)
    enc1_freeze_epochs: int | None = _field(Integer(0), None)
    enc1_tokenizer: str | None = _field(_TOKENIZER, None)
    enc1_min_count: int | None = _field(Integer(1), None)
    enc1_hash_buckets: int | None = _field(Integer(0), None)
    enc1_id_dropout: float | None = _field(Number(0.0, 1.0), None)
    enc1_unknown_id: int | None = _field(Integer(0), None)
    enc_dim: int = _field(Integer(4), 4096)
    matryoshka_dims: Sequence[int] = _field(IntegerList(1), ())
    tied_token_embedding_weight: bool = _field(Boolean(), False)
    shared_encoder: bool = _field(Boolean(), False)
    token_embedding_storage_type: str = _field(
        Choice(("dense", "row_sparse")), "dense"
    )
    token_weighting: str = _field(Choice(("none", "sif", "learned")), "none")
    token_combiner: str = _field(Choice(("mean", "sqrtn")), "mean")
    comparator_list: Sequence[str] = _field(
        NameList(COMPARATORS), ("hadamard", "concat", "abs_diff")
    )
    mlp_layers: int = _field(Integer(0), 2)
    mlp_dim: int = _field(Integer(2), 512)
    mlp_activation: str = _field(Choice(("tanh", "relu", "linear")), "linear")
    output_layer: str = _field(
        Choice(
            (
                "softmax",
                "mean_squared_error",
                "in_batch_softmax",
                "bpr",
                "cosent",
                "embedding",
            )
        ),
        "softmax",
    )
    num_classes: int = _field(Integer(2), 2)
    similarity: str = _field(Choice(("cosine", "dot")), "cosine")
    temperature: float = _field(Number(1e-6), 0.05)
    learn_temperature: bool = _field(Boolean(), False)
    sampling_bias_correction: bool = _field(Boolean(), True)
    hard_negatives: int = _field(Integer(0), 0)
    same_side_negatives: bool = _field(Boolean(), False)
    exclude_query_tokens: bool = _field(Boolean(), False)
    hardness_strength: float = _field(Number(0.0), 0.0)
    mined_negatives: int = _field(Integer(0), 0)
    mining_epochs: int = _field(Integer(1), 1)
    similarity_scale: float = _field(Number(1e-6), 20.0)
    target_embedding_file: str = _field(Path(), "")
    target_embedding_dim: int | None = _field(Integer(1), None)
    embedding_side: str = _field(Choice(("in0", "in1")), "in0")
    embedding_loss: str = _field(
        Choice(("cosine", "mean_squared_error")), "cosine"
    )
    similarity_distillation_weight: float = _field(Number(0.0), 1.0)
    dropout: float = _field(Number(0.0, 1.0), 0.0)
    optimizer: str = _field(
        Choice(("adam", "adagrad", "adadelta", "rmsprop", "sgd")), "adam"
    )
    learning_rate: float = _field(Number(1e-6), 0.0004)
    learning_rate_schedule: str = _field(
        Choice(("constant", "cosine")), "constant"
    )
    warmup_steps: int = _field(Integer(0), 0)
    weight_decay: float = _field(Number(0.0), 0.0)
    token_embedding_l2: float = _field(Number(0.0), 0.0)
    token_embedding_kl: float = _field(Number(0.0), 0.0)
    global_clipnorm: float = _field(Number(0.0), 0.0)
    weight_averaging: str = _field(Choice(("none", "ema", "tail")), "none")
    weight_averaging_decay: float = _field(Number(0.0, 0.999999), 0.999)
    weight_averaging_epochs: int = _field(Integer(1), 1)
    mini_batch_size: int = _field(Integer(1), 32)
    epochs: int = _field(Integer(1), 30)
    early_stopping_patience: int = _field(Integer(1), 3)
    early_stopping_tolerance: float | None = _field(Number(1e-6), None)
    bucket_width: int = _field(Integer(0), 0)
    negative_sampling_rate: int = _field(Integer(0), 0)
    negative_sampling_side: str = _field(Choice(("in1", "in0", "both")), "in1")
    negative_sampling_distribution: str = _field(
        Choice(("records", "objects")), "records"
    )
    seed: int = _field(Integer(0), 0)
    dtype_policy: str = _field(
        Choice(("float32", "mixed_bfloat16", "mixed_float16")), "float32"
    )

    def __post_init__(self) -> None:
        values, given = {}, set()
        for name, rule in _RULES.items():
            values[name] = getattr(self, name)
            if values[name] is not None:
                values[name] = rule.check(name, values[name])
                given.add(name)
            elif name not in _OPTIONAL:
                raise rule.error(name, None)
        values |= resolved_encoders(values, given)
        if values["output_layer"] == "embedding":
            values["shared_encoder"] = True
        if values["shared_encoder"]:
            values["tied_token_embedding_weight"] = True
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_given", frozenset(given))
        for prefix, encoder in (
            ("enc0", self.encoder0),
            ("enc1", self.encoder1),
        ):
            check_encoder(encoder, prefix, self.weight_decay)
            check_own_encoder(self, encoder, prefix, given)
        if self.shared_encoder:
            check_shared_encoder(self)
        if self.tied_token_embedding_weight:
            check_tied_tables(self.encoder0, self.encoder1)
        check_matryoshka(self)
        check_retrieval(self)
        check_bpr(self)
        check_token_pooling(self)
        check_gaussian_tables(self)
        check_cosent(self)
        check_embedding(self)
        check_weight_averaging(self)

    @classmethod
    def from_hyperparameters(
        cls, hyperparameters: Mapping[str, Any] | str | os.PathLike[str]
    ) -> "Object2VecConfig":
        """Makes a configuration from SageMaker hyperparameters.

        Args:
            hyperparameters: Mapping of names to values, which may be
                strings, or the path of a JSON file that holds one, such as
                SageMaker's `hyperparameters.json`. Strings may be quoted
                (`'"hcnn"'`), as the SDK's estimators write them. Keys of the
                container and the SDK, which begin with `_` or `sagemaker_`,
                are ignored with a warning.

        Raises:
            ValueError: If a name is unknown, a value breaks its rule, or the
                file holds no JSON object.

        Example:
        >>> config = Object2VecConfig.from_hyperparameters({
        ...     "enc0_max_seq_len": "50",
        ...     "enc0_vocab_size": "2000",
        ...     "tied_token_embedding_weight": "true",
        ...     "comparator_list": "hadamard, abs_diff",
        ... })
        >>> config.comparator_list
        ('hadamard', 'abs_diff')
        """
        if isinstance(hyperparameters, str | os.PathLike):
            hyperparameters = read_json_object(
                hyperparameters, "hyperparameters"
            )
        if not isinstance(hyperparameters, Mapping):
            raise ValueError(
                "`hyperparameters` must be a mapping or the path of a JSON "
                f"file. Received: hyperparameters={hyperparameters!r}"
            )
        return cls.from_dict(typed_values(hyperparameters))

    @classmethod
    def recipe(
        cls,
        name: str | None,
        data: object,
        columns: object = None,
        others: Sequence[object] = (),
        verbose: int = 1,
        **given: Any,
    ) -> "Object2VecConfig":
        """Makes a configuration that fits data.

        Args:
            name: Of a recipe: `"retrieval"`, `"ratings"`,
                `"classification"`, `"sentence-similarity"`, `"label-text"` or
                `"sagemaker"`. `None`: the one for such data.
            data: Training data, in any form that `train` takes.
            columns: `PairColumns` of the data. Defaults to `None`: `in0`,
                `in1` and `label`.
            others: Validation and test data, whose ids count as well.
                Defaults to `()`.
            verbose: 0 or 1. Whether to print every value and its reason.
                Defaults to `1`.
            **given: Hyperparameters in place of the recipe's.

        Raises:
            ValueError: If there is no such recipe, it needs other data, or a
                value breaks its rule.
            DataError: If the data cannot be read.

        Example:
        >>> data = {"in0": [7, 8, 9], "in1": [1, 2, 1], "label": [4, 2, 5]}
        >>> Object2VecConfig.recipe(None, data, verbose=0).output_layer
        'mean_squared_error'
        """
        # Recipes look at data, which stand above configurations.
        recipes = importlib.import_module("o2v_keras.recipes")
        recipe = recipes.recipe_for(name, data, columns, others).replace(given)
        if verbose:
            print(recipe)
        return cls(**recipe.hyperparameters)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Object2VecConfig":
        """Makes a configuration from the result of `to_dict`.

        Raises:
            ValueError: If a name is unknown or a value breaks its rule.
        """
        check_known(values, _RULES)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns all resolved values as a dict that JSON can hold."""
        values = dataclasses.asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }

    @property
    def changed(self) -> dict[str, Any]:
        """The values that differ from a field's default, for JSON.

        `from_hyperparameters` makes the same configuration of them.

        Example:
        >>> config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=50)
        >>> config.changed
        {'enc0_max_seq_len': 9, 'enc0_vocab_size': 50}
        """
        defaults = {field.name: field.default for field in _FIELDS}
        values = self.to_dict()
        return {
            name: values[name]
            for name in _RULES
            if name in vars(self)["_given"]
            and getattr(self, name) != defaults[name]
        }

    def replace(self, **changes: Any) -> "Object2VecConfig":
        """Returns a copy with changed fields and resolves the others again.

        Unlike `dataclasses.replace`, it updates values that derive from
        changed fields.

        Example:
        >>> config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=50)
        >>> config.replace(enc0_cnn_filter_width=5).enc1_cnn_filter_width
        5
        """
        values = {name: getattr(self, name) for name in vars(self)["_given"]}
        return type(self).from_dict({**values, **changes})

    @property
    def group_rows(self) -> int:
        """Rows that share a batch: for `bpr` a positive and its negatives.

        Example:
        >>> Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=50).group_rows
        1
        """
        if self.output_layer != "bpr":
            return 1
        return 1 + self.negative_sampling_rate

    def tolerance_of(self, metric: str) -> float:
        """Returns the least improvement of a monitored metric.

        Args:
            metric: Name in an epoch's logs, such as `"val_ndcg@10"`.

        Example:
        >>> config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=50)
        >>> config.tolerance_of("val_loss"), config.tolerance_of("val_mrr")
        (0.01, 0.0)
        """
        if self.early_stopping_tolerance is not None:
            return self.early_stopping_tolerance
        return (
            _LOSS_TOLERANCE if metric.removeprefix("val_") in _LOSSES else 0.0
        )

    @property
    def encoder0(self) -> EncoderConfig:
        """The settings of the encoder of `in0`."""
        return self._encoder("enc0", self.enc0_network)

    @property
    def encoder1(self) -> EncoderConfig:
        """The settings of the encoder of `in1`."""
        copies = self.enc1_network == "enc0"
        return self._encoder(
            "enc1", self.enc0_network if copies else self.enc1_network
        )

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of the data that a training reads.

        Example:
        >>> config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=50)
        >>> config.sides
        ('in0', 'in1')
        """
        if self.output_layer == "embedding":
            return (self.embedding_side,)
        return ("in0", "in1")

    def side(self, name: str) -> EncoderConfig:
        """Returns the settings of the encoder of `"in0"` or `"in1"`."""
        return {"in0": self.encoder0, "in1": self.encoder1}[name]

    @property
    def shares_tokenizer(self) -> bool:
        """Whether both sides use one tokenizer and one vocabulary."""
        alike = self.enc1_network == "enc0" or self.tied_token_embedding_weight
        return bool(self.enc0_tokenizer) and alike

    @property
    def token_tables(self) -> dict[str, EncoderConfig]:
        """The encoder settings that each token table is built from.

        Keys are `"enc0"` and `"enc1"`. A tied table has one of them: the one
        with pretrained vectors if only one has them.

        Example:
        >>> config = Object2VecConfig(
        ...     enc0_max_seq_len=9,
        ...     enc0_vocab_size=50,
        ...     tied_token_embedding_weight=True,
        ... )
        >>> list(config.token_tables)
        ['enc0']
        """
        encoders = {"enc0": self.encoder0, "enc1": self.encoder1}
        if not self.tied_token_embedding_weight:
            return encoders
        first, second = encoders.values()
        only_second = (
            second.pretrained_embedding_file
            and not first.pretrained_embedding_file
        )
        name = "enc1" if only_second else "enc0"
        return {name: encoders[name]}

    def _encoder(self, prefix: str, network: str) -> EncoderConfig:
        values: dict[str, Any] = {
            name: without_auto(
                name, getattr(self, f"{prefix}_{name}"), network, self.enc_dim
            )
            for name in ENCODER_FIELDS
        }
        return EncoderConfig(
            network=network,
            enc_dim=self.enc_dim,
            dropout=self.dropout,
            token_weighting=self.token_weighting,
            token_combiner=self.token_combiner,
            **values,
        )


_FIELDS = dataclasses.fields(Object2VecConfig)
_RULES = {field.name: field.metadata["rule"] for field in _FIELDS}
_OPTIONAL = {field.name for field in _FIELDS if field.default is None}


def typed_values(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parses SageMaker hyperparameters without checking their values.

    Raises:
        ValueError: If a name is unknown.
    """
    return parsed(hyperparameters, _RULES, _OPTIONAL)
