"""Backbones of keras-hub as encoders of ids."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from o2v_keras.encoders.encoder import Encoder
from o2v_keras.layers.transformer_encoder import POOLINGS
from o2v_keras.optional_packages import import_extra
from o2v_keras.text.tokenizers.wordpiece_tokenizer import CONTINUATION
from o2v_keras.text.tokenizers.wordpiece_tokenizer import WordpieceTokenizer
from o2v_keras.text.vocabulary import Vocabulary

_INPUTS = {"token_ids", "padding_mask"}
_KNOWN_INPUTS = {*_INPUTS, "segment_ids"}


@keras.saving.register_keras_serializable(package="o2v_keras")
class KerasHubEncoder(Encoder):
    """Encodes a sequence with a BERT-like backbone and pools its steps.

    A row of ids becomes a row of the backbone: padding is left out wherever
    it stands, the start and the end token are added, and segment ids, where
    the backbone takes them, are 0. A row of padding alone has the start and
    the end token alone. Layers that the steps do not need, such as BERT's
    `pooled_dense`, are frozen.

    Ids are those of the backbone, except that 0 is padding and, for a
    tokenizer of ours, 1 stands for unknown words: each of the two has traded
    places with the backbone's own id (`pad_token_id`, `unk_token_id`).
    `wordpiece_tokenizer` makes a tokenizer of such ids of keras-hub's.

    Args:
        backbone: `keras_hub.models.Backbone` with the inputs `token_ids` and
            `padding_mask`, and perhaps `segment_ids`, that gives
            `(batch, length, output_dim)` or has it as `sequence_output`.
        pooling: str. `"mean"` of all steps, the start and the end token
            included, or the `"first"` one, the start token. Defaults to
            `"mean"`.
        max_seq_len: int. Longer sequences are cut to their first ids.
            Defaults to `None`: the backbone's `max_sequence_length`, less the
            start and the end token.
        start_token_id: int. The backbone's id of the token before a sequence,
            such as `[CLS]`. Defaults to `None`: none is added.
        end_token_id: int. The backbone's id of the token behind a sequence,
            such as `[SEP]`. Defaults to `None`: none is added.
        pad_token_id: int. The backbone's id of padding. Defaults to `0`.
        unk_token_id: int. The backbone's id of unknown words. Defaults to
            `1`, which leaves ids as they are.
        **kwargs: `id_dropout` and `unknown_id` of `Encoder`, and arguments of
            Keras layers.

    Call arguments:
        inputs: int64 `(batch, length)`, padded with 0; any length.
        training: bool. Whether the backbone applies dropout.

    Output shape:
        `(batch, output_dim)`, the width of the backbone.

    Raises:
        MissingExtraError: If keras-hub is not installed.
        TypeError: If `backbone` is no model.
        ValueError: If the backbone has other inputs, `pooling` is unknown, or
            `max_seq_len` is longer than the backbone allows.

    Example:
    ```python
    encoder = KerasHubEncoder.from_preset("bert_tiny_en_uncased")
    encoder.trainable = False  # or trained with the rest
    model = Object2Vec(encoder, encoder)
    ```

    Reference:
    - [KerasHub](https://keras.io/keras_hub/)
    - [Reimers and Gurevych, 2019](https://arxiv.org/abs/1908.10084) (mean of
      BERT's steps)
    """

    def __init__(
        self,
        backbone,
        pooling="mean",
        max_seq_len=None,
        start_token_id=None,
        end_token_id=None,
        pad_token_id=0,
        unk_token_id=1,
        **kwargs: Any,
    ):
        if not isinstance(backbone, keras.Model):
            raise TypeError(
                "`backbone` must be a keras_hub backbone; "
                "`KerasHubEncoder.from_preset` takes the name of one. "
                f"Received: backbone={backbone!r}"
            )
        inputs = _input_names(backbone)
        if not _INPUTS <= inputs <= _KNOWN_INPUTS:
            raise ValueError(
                "`backbone` must have the inputs token_ids and padding_mask, "
                "and segment_ids at most beside them, as BERT's. Received: a "
                f"backbone with the inputs {', '.join(sorted(inputs))}"
            )
        if pooling not in POOLINGS:
            raise ValueError(
                '`pooling` must be "mean" or "first". '
                f"Received: pooling={pooling!r}"
            )
        added = [start_token_id, end_token_id]
        longest = getattr(backbone, "max_sequence_length", None)
        if longest is not None:
            longest -= sum(token is not None for token in added)
        if max_seq_len is None:
            max_seq_len = longest
        elif longest is not None and max_seq_len > longest:
            raise ValueError(
                f"`max_seq_len` must be at most {longest}, the backbone's "
                "max_sequence_length without start and end token. "
                f"Received: max_seq_len={max_seq_len}"
            )
        super().__init__(
            backbone.vocabulary_size,
            max_seq_len,
            _steps(backbone.output).shape[-1],
            **kwargs,
        )
        self.backbone = _without_idle_weights(backbone)
        self.pooling = pooling
        self.start_token_id = start_token_id
        self.end_token_id = end_token_id
        self.pad_token_id = pad_token_id
        self.unk_token_id = unk_token_id

    @classmethod
    def from_preset(cls, preset, **kwargs: Any):
        """Makes an encoder of a preset's backbone and its tokenizer's ids.

        Args:
            preset: str. A name of keras-hub's, such as
                `"bert_tiny_en_uncased"`, which is downloaded, or the folder of
                a preset.
            **kwargs: Arguments of `KerasHubEncoder`.

        Raises:
            MissingExtraError: If keras-hub is not installed.
        """
        models = _keras_hub().models
        backbone = models.Backbone.from_preset(preset)
        tokenizer = models.Tokenizer.from_preset(preset)
        return cls(backbone, **{**special_token_ids(tokenizer), **kwargs})

    def encode(self, ids, mask, training=None):
        rows = tf.concat(
            [
                *_column(ids, self.start_token_id),
                tf.ragged.boolean_mask(self._backbone_ids(ids), mask),
                *_column(ids, self.end_token_id),
            ],
            axis=1,
        )
        token_ids = rows.to_tensor(self.pad_token_id)
        # Backbones need a step, and Keras warns of attention over only one.
        missing = tf.maximum(2 - tf.shape(token_ids)[1], 0)
        token_ids = tf.pad(
            token_ids, [[0, 0], [0, missing]], constant_values=self.pad_token_id
        )
        real = tf.sequence_mask(rows.row_lengths(), tf.shape(token_ids)[1])
        inputs = {
            "token_ids": ops.cast(token_ids, "int32"),
            "padding_mask": ops.cast(real, "int32"),
            "segment_ids": ops.zeros_like(token_ids, dtype="int32"),
        }
        outputs = self.backbone(
            {name: inputs[name] for name in _input_names(self.backbone)},
            training=training,
        )
        return self._pool(_steps(outputs), real)

    def _backbone_ids(self, ids):
        theirs = ids
        moved = _moved_ids(self.pad_token_id, self.unk_token_id)
        for ours, their in moved.items():
            theirs = ops.where(ops.equal(ids, ours), their, theirs)
        return theirs

    def _pool(self, steps, real):
        if self.pooling == "first":
            return ops.cast(steps[:, 0], self.compute_dtype)
        dtype = keras.backend.result_type(steps.dtype, "float32")
        weights = ops.cast(real, dtype)  # (batch, steps)
        total = ops.matmul(weights[:, None, :], ops.cast(steps, dtype))
        count = ops.maximum(ops.sum(weights, axis=1, keepdims=True), 1)
        return ops.cast(ops.squeeze(total, 1) / count, self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        # The backbone has them.
        del config["vocab_size"], config["output_dim"]
        return {
            **config,
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "pooling": self.pooling,
            "start_token_id": self.start_token_id,
            "end_token_id": self.end_token_id,
            "pad_token_id": self.pad_token_id,
            "unk_token_id": self.unk_token_id,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config["backbone"], dict):
            # Enters its classes into Keras's registry.
            _keras_hub()
            config["backbone"] = keras.saving.deserialize_keras_object(
                config["backbone"]
            )
        return super().from_config(config)


def special_token_ids(tokenizer) -> dict[str, int]:
    """Returns the arguments of `KerasHubEncoder` that a tokenizer knows.

    Args:
        tokenizer: `keras_hub.tokenizers.Tokenizer` of a backbone.
    """
    ids = {
        name: getattr(tokenizer, name, None)
        for name in ("start_token_id", "end_token_id", "pad_token_id")
    }
    if getattr(tokenizer, "oov_token", None) is not None:
        ids["unk_token_id"] = tokenizer.token_to_id(tokenizer.oov_token)
    return {name: id_ for name, id_ in ids.items() if id_ is not None}


def wordpiece_tokenizer(tokenizer) -> WordpieceTokenizer:
    """Makes a tokenizer of ours of keras-hub's WordPiece tokenizer.

    Texts are normalized as Hugging Face's `BertNormalizer` does it. The ids
    are those that `KerasHubEncoder` takes with the `pad_token_id` and
    `unk_token_id` of the tokenizer. No start or end token is added, since the
    encoder adds them.

    Args:
        tokenizer: `keras_hub.tokenizers.WordPieceTokenizer`, such as a
            `BertTokenizer`, with a token for padding.

    Raises:
        ValueError: If it is another tokenizer or splits texts otherwise.

    Example:
    ```python
    theirs = keras_hub.models.BertTokenizer.from_preset("bert_tiny_en_uncased")
    ours = wordpiece_tokenizer(theirs)
    ```
    """
    ids = special_token_ids(tokenizer)
    is_wordpiece = isinstance(
        tokenizer, _keras_hub().tokenizers.WordPieceTokenizer
    )
    if (
        not is_wordpiece
        or "pad_token_id" not in ids
        or not tokenizer.split
        or tokenizer.suffix_indicator != CONTINUATION
    ):
        raise ValueError(
            "`tokenizer` must be a keras_hub WordPieceTokenizer with a token "
            f'for padding, split=True and suffix_indicator="{CONTINUATION}", '
            f"such as a BertTokenizer. Received: {tokenizer}"
        )
    words = tokenizer.get_vocabulary()
    moved = _moved_ids(ids["pad_token_id"], ids["unk_token_id"])
    return WordpieceTokenizer(
        Vocabulary([words[moved.get(i, i)] for i in range(2, len(words))]),
        bert={
            "lowercase": tokenizer.lowercase,
            "strip_accents": tokenizer.strip_accents,
            "handle_chinese_chars": tokenizer.split_on_cjk,
        },
    )


def _keras_hub():
    return import_extra("keras_hub", "keras-hub", "KerasHubEncoder")


def _without_idle_weights(backbone):
    """Freezes the layers that the steps do not need, such as BERT's pooler.

    Keras warns of weights without a gradient.
    """
    steps = keras.Model(backbone.inputs, _steps(backbone.output))
    for layer in backbone.layers:
        if layer not in steps.layers:
            layer.trainable = False
    return backbone


def _input_names(backbone):
    return {tensor.name for tensor in keras.tree.flatten(backbone.inputs)}


def _column(ids, token):
    """Returns `[(batch, 1)]` of a token, or nothing if there is none."""
    return [] if token is None else [ops.full_like(ids[:, :1], token)]


def _moved_ids(pad, unknown):
    """Returns the ids of ours that the backbone has elsewhere.

    0 trades places with the backbone's padding, then 1 with its unknown word.
    """
    theirs = {id_: id_ for id_ in (0, 1, pad, unknown)}
    theirs[0], theirs[pad] = pad, 0
    place = next(ours for ours, their in theirs.items() if their == unknown)
    theirs[1], theirs[place] = theirs[place], theirs[1]
    return {ours: their for ours, their in theirs.items() if ours != their}


def _steps(outputs):
    """Returns `(batch, length, width)` of what a backbone gives."""
    if isinstance(outputs, dict):
        return outputs["sequence_output"]
    return outputs
