"""What a model of pairs does with texts."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.encode_texts import holds_texts
from o2v_keras.text.tokenizers.encode_texts import padded_ids


class TextModel(keras.Model):
    """A model of ids that holds the tokenizers of its texts.

    `fit` takes ids, as data sets give them. A subclass has `config`,
    `encoder0` and `encoder1`.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._tokenizers = PairTokenizers()
        # Fields of `config` that tokenizers have set.
        self._named_kinds = ()

    @property
    def tokenizers(self) -> PairTokenizers:
        """`PairTokenizers` of the sides that hold texts; can be set.

        That sets `enc0_tokenizer` and `enc1_tokenizer` of `config` where they
        are empty.

        A `.keras` file, `copy.deepcopy` and pickles hold them with their
        vocabularies, `get_config` without. `clone_model` loses them.

        Raises:
            TypeError: If set to anything else.
            ValueError: If the configuration has other vocabulary sizes.
        """
        return self._tokenizers

    @tokenizers.setter
    def tokenizers(self, tokenizers: PairTokenizers):
        if not isinstance(tokenizers, PairTokenizers):
            raise TypeError(
                "`tokenizers` must be PairTokenizers. "
                f"Received: tokenizers={tokenizers!r}"
            )
        config = self.config
        if self._named_kinds:
            config = config.replace(**dict.fromkeys(self._named_kinds, ""))
        kinds = {}
        for name, tokenizer in tokenizers.sides.items():
            kind = f"enc{name[-1]}_tokenizer"
            configured = getattr(config, kind)
            if not configured:
                kinds[kind] = tokenizer.kind
            elif configured != tokenizer.kind:
                raise ValueError(
                    f"`tokenizers.{name}` must be of the kind that the "
                    f'configuration names, {kind}="{configured}". Received: '
                    f'a tokenizer of the kind "{tokenizer.kind}"'
                )
            size = getattr(self.config, f"enc{name[-1]}_vocab_size")
            if tokenizer.vocab_size != size:
                raise ValueError(
                    "`tokenizers` must have the vocabulary sizes of the "
                    "model's configuration; make the model of "
                    "tokenizers.configure(config). Received: "
                    f"enc{name[-1]}_vocab_size={size} and a tokenizer of "
                    f"{tokenizer.vocab_size} ids"
                )
        self.config = config.replace(**kinds) if kinds else config
        self._named_kinds = tuple(kinds)
        self._tokenizers = tokenizers

    def predict(self, x, *args: Any, **kwargs: Any) -> np.ndarray:
        """Predicts like `keras.Model.predict`, and takes texts.

        Args:
            x: As for Keras. In a dict, a side with a tokenizer may also be
                texts: a list of str, or an array or a tensor of strings.
            *args: As for Keras.
            **kwargs: As for Keras.

        Raises:
            ValueError: If a side without a tokenizer is texts.
        """
        if isinstance(x, Mapping):
            x = {
                name: self._ids_of(name, values)
                if holds_texts(values)
                else values
                for name, values in x.items()
            }
        return super().predict(x, *args, **kwargs)

    def embed_texts(
        self,
        texts: Sequence[str],
        side: str = "in0",
        batch_size: int = 1024,
    ) -> np.ndarray:
        """Returns the encodings of texts.

        A text without words is encoded as an empty sequence of ids; `embed`
        refuses it.

        Args:
            texts: A list of str, or an array or a tensor of strings, `(rows,)`.
            side: `"in0"` (encoder0) or `"in1"` (encoder1). Defaults to `"in0"`.
            batch_size: int. Rows of a step. Defaults to 1024.

        Returns:
            float32 `(rows, enc_dim)`.

        Raises:
            ValueError: If the side has no tokenizer, or `texts` holds no text.
        """
        if side not in ("in0", "in1"):
            raise ValueError(
                f'`side` must be "in0" or "in1". Received: side={side!r}'
            )
        ids = self._ids_of(side, texts)
        encoder = self.encoder1 if side == "in1" else self.encoder0
        return encoder.predict(ids, batch_size, verbose=0).astype("float32")

    def _ids_of(self, side, texts):
        if side not in self.tokenizers.sides:
            raise ValueError(
                f"`{side}` must be ids: the model has no tokenizer for it. Set "
                "`model.tokenizers` to make ids of texts."
            )
        encoders = {"in0": self.config.encoder0, "in1": self.config.encoder1}
        return padded_ids(
            self.tokenizers.sides[side], texts, encoders[side].max_seq_len
        )

    def tokenizers_config(self) -> dict[str, Any]:
        """Returns what `get_config` says of the tokenizers."""
        if not self.tokenizers.sides:
            return {}
        saved = keras.saving.serialize_keras_object(self.tokenizers)
        return {"tokenizers": saved}

    def set_tokenizers_from(self, config: Mapping[str, Any]) -> None:
        """Sets the tokenizers of a `get_config`, without vocabularies.

        Keras then loads the vocabularies from the `.keras` file.
        """
        if "tokenizers" in config:
            self._tokenizers = keras.saving.deserialize_keras_object(
                config["tokenizers"]
            )
