"""The Object2Vec model."""

from typing import Any

import keras

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.target_vectors import with_target_dim
from o2v_keras.heads.similarity import similarity_sign
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
from o2v_keras.models.prefixes import Prefixes
from o2v_keras.models.shared_encoders import revived_encoders
from o2v_keras.models.shared_encoders import serialized_encoders
from o2v_keras.models.token_tables import prepared_tables
from o2v_keras.models.token_weighting import is_sif
from o2v_keras.models.token_weighting import weights_of
from o2v_keras.models.trainable_model import TrainableModel
from o2v_keras.models.trained_ids import TrainedIds


@keras.saving.register_keras_serializable(package="o2v_keras")
class Object2Vec(TrainableModel):
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
        **hyperparameters: Any,
    ):
        encoder1 = second_encoder(encoder0, encoder1, head, hyperparameters)
        hyperparameters = model_arguments(
            encoder0, encoder1, comparators, head, seed, hyperparameters
        )
        config: Any = None
        given: Any = (encoder0, encoder1)
        if isinstance(encoder0, Object2VecConfig):
            config, given = encoder0, None
        policy = hyperparameters["dtype_policy"]
        with seeded(hyperparameters["seed"]), dtype_policy(policy):
            # Layers.
            own = make_encoders(config) if given is None else given
            encoder0, encoder1 = encoder_models(own, hyperparameters)
            if config is None:
                dim = encoder0.output.shape[1]
                config = config_of(own[0], own[1], dim, hyperparameters)
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
        self.trained_ids: TrainedIds | None = None
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


def _layers_with_weights(model):
    layers = model._flatten_layers(include_self=False)
    return [layer for layer in layers if layer.weights]
