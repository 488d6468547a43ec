"""The module that an export saves: signatures and variables of a model."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from export.int8_tables import Tables
from export.int8_tables import looked_up_in
from export.request_checks import in0_is_given
from export.request_checks import same_rows
from export.serving_side import serving_side
from export.serving_side import serving_sides
from o2v_keras.evaluation.pair_scores import require_pair_scores
from o2v_keras.layers.table_rows import local_copies
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.prefixes import check_dim
from o2v_keras.models.trainable_model import scores_of
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import EXPORT_MODES
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import MODES
from serving.signatures import SCORES
from serving.signatures import SCORES_SIGNATURE

_NO_TABLES: Tables = {}


class ServingModule(tf.Module):
    """The signatures of an export and their variables.

    The Keras model is no attribute: with one, TF Serving's C++ session, which
    restores variables through the graph, fails with "Could not find variable".
    The functions hold the model in their closures, and `weights` lists the
    variables.

    The constructor traces all functions for the CPU.

    Args:
        model: `Object2Vec`. It is not changed.
        mode: `"both"` signatures, or `"classification"` (scores) or
            `"embedding"` alone. An embedding module lists no variable of the
            comparator, the MLP and the head. `"in0"` or `"in1"`: the tower of
            that side alone, whose signatures both give its embeddings.
            Defaults to `"both"`.
        dim: Width of the embeddings, the first numbers of the encodings, by
            which pairs are scored too. Defaults to `None`: the whole
            encodings.
        tables: Result of `int8_tables`, which the module holds instead of
            the model's token tables. Defaults to none.

    Attributes:
        functions: dict of signature name to `tf.function`. Save these, not
            concrete functions, which lose the defaults of parameters.
        sides: `ServingSide` of `in0` and of `in1`, or of the tower alone,
            which hold tokenizers.
        weights: list of `tf.Variable`.
        tables: list of `Int8Table`.
        config: The model's `Object2VecConfig`.
        facts: dict of `mode` and `dim`, to which JSON values can be added
            for `export.json`.

    Raises:
        TypeError: If `model` is no `Object2Vec`.
        ValueError: If `mode` or `dim` breaks its rule, a tokenizer is missing,
            or the model scores no pairs and `mode` asks for scores.

    Example:
    >>> import o2v_keras
    >>> model = o2v_keras.Object2Vec(
    ...     o2v_keras.Object2VecConfig(
    ...         enc0_max_seq_len=4,
    ...         enc0_vocab_size=9,
    ...         enc0_network="pooled_embedding",
    ...         enc_dim=8,
    ...     )
    ... )
    >>> module = ServingModule(model, mode="embedding")
    >>> list(module.functions)
    ['encoder_embeddings']
    >>> ids = tf.constant([[3, 1, 2], [5, 0, 0]], tf.int64)
    >>> module.functions["encoder_embeddings"](in0=ids)["embeddings"].shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        model: Object2Vec,
        mode: str = "both",
        dim: int | None = None,
        tables: Tables = _NO_TABLES,
    ):
        if not isinstance(model, Object2Vec):
            raise TypeError(
                f"`model` must be an Object2Vec. Received: model={model!r}"
            )
        if mode not in EXPORT_MODES:
            raise ValueError(
                f"`mode` must be one of {', '.join(EXPORT_MODES)}. "
                f"Received: mode={mode!r}"
            )
        if dim is not None:
            check_dim(dim, model.config)
        super().__init__(name="object2vec")
        if mode in (IN0, IN1):
            sides = (serving_side(model, mode),)
            tower = _tower_function(model, tables, dim, *sides)
            # The second name is the one that clients ask for embeddings.
            functions = {SCORES_SIGNATURE: tower, EMBEDDINGS_SIGNATURE: tower}
        else:
            if mode != "embedding":
                require_pair_scores(model)
            sides = serving_sides(model)
            makers = {
                SCORES_SIGNATURE: _scores_function,
                EMBEDDINGS_SIGNATURE: _embeddings_function,
            }
            functions = {
                name: make(model, tables, dim, *sides)
                for name, make in makers.items()
                if mode == "both" or MODES[mode] == name
            }
        read = set()
        with cpu_path(model):
            for function in functions.values():
                graph = function.get_concrete_function().graph
                read |= {id(variable) for variable in graph.variables}
        self.config = model.config
        self.facts = {"mode": mode, "dim": dim or model.config.enc_dim}
        self.functions = functions
        self.sides = sides
        self.tables = list(tables.values())
        self.weights = [
            variable.value
            for variable in model.variables
            if any(id(copy) in read for copy in local_copies(variable))
        ]


@contextlib.contextmanager
def cpu_path(model: keras.Model) -> Iterator[None]:
    """Disables cuDNN in recurrent layers within the context.

    Keras chooses cuDNN when an LSTM or GRU is traced, so a graph traced on a
    machine with a GPU would hold ops that a server without one cannot run.

    Args:
        model: Model whose recurrent layers, at any depth, are changed.

    Example:
    >>> lstm = keras.layers.LSTM(4)
    >>> with cpu_path(keras.Sequential([lstm])):
    ...     lstm.use_cudnn
    False
    >>> lstm.use_cudnn
    'auto'
    """
    # Keras has no public walk over the layers within layers.
    recurrent = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.LSTM | keras.layers.GRU)
    ]
    before = [layer.use_cudnn for layer in recurrent]
    try:
        for layer in recurrent:
            layer.use_cudnn = False
        yield
    finally:
        for layer, value in zip(recurrent, before, strict=True):
            layer.use_cudnn = value


def encoder_of(model: Object2Vec, side: str) -> keras.Model:
    """Returns the encoder of `"in0"` or of `"in1"`."""
    return {IN0: model.encoder0, IN1: model.encoder1}[side]


def scorer_of(model: Object2Vec, dim: int | None) -> keras.Model:
    """Returns a model of the scores alone, without what only the loss needs.

    Args:
        model: `Object2Vec`, whose layers are shared.
        dim: Width of the encodings that are compared. `None`: the whole ones.
    """
    outputs = model.output if dim is None else model.prefixes.outputs(dim)
    return keras.Model(model.input, scores_of(outputs))


def _scores_function(model, tables, dim, side0, side1):
    scorer = scorer_of(model, dim)

    def scores(in0, in1):
        in0, in1 = same_rows(side0.checked(in0), side1.checked(in1))
        ids = {IN0: side0.ids(in0), IN1: side1.ids(in1)}
        with looked_up_in(tables):
            values = scorer(ids, training=False)
        return {SCORES: tf.cast(values, tf.float32)}

    return _signature(scores, side0, side1)


def _embeddings_function(model, tables, dim, side0, side1):
    # SignatureDef.defaults takes only tensors.
    def embeddings(in0=side0.absent, in1=side1.absent):
        values = tf.cond(
            in0_is_given(in0, in1),
            lambda: _encode(model, tables, dim, side0, in0),
            lambda: _encode(model, tables, dim, side1, in1),
        )
        return {EMBEDDINGS: values}

    return _signature(embeddings, side0, side1)


def _tower_function(model, tables, dim, side):
    def embeddings(values):
        return {EMBEDDINGS: _encode(model, tables, dim, side, values)}

    return _signature(embeddings, side)


def _encode(model, tables, dim, side, values):
    ids = side.ids(side.checked(values))
    encoder = encoder_of(model, side.name)
    # In the function, because saving traces it again.
    with looked_up_in(tables):
        encoding = encoder(ids, training=False)
    return tf.cast(encoding[:, :dim], tf.float32)


def _signature(function, *sides):
    return tf.function(
        function,
        input_signature=[side.spec for side in sides],
        autograph=False,
    )
