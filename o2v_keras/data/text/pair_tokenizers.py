"""The tokenizers of a pair's two sides."""

import dataclasses
import hashlib
import os
import pathlib

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.text.tokenizers.load_tokenizer import load_tokenizer
from o2v_keras.data.text.tokenizers.tokenizer import Tokenizer

_FOLDER = "tokenizers"


@dataclasses.dataclass(frozen=True)
class PairTokenizers:
    """What makes ids of the texts of either side.

    Args:
        in0: `Tokenizer`, or `None` where `in0` holds ids. Defaults to `None`.
        in1: The same for `in1`; the very same object if both sides share
            one vocabulary. Defaults to `None`.

    Example:
    >>> PairTokenizers().sides
    {}
    """

    in0: Tokenizer | None = None
    in1: Tokenizer | None = None

    @property
    def sides(self) -> dict[str, Tokenizer]:
        """The tokenizers of the sides that hold texts, by name."""
        sides = {"in0": self.in0, "in1": self.in1}
        return {n: side for n, side in sides.items() if side is not None}

    def configure(self, config: Object2VecConfig) -> Object2VecConfig:
        """Returns the configuration with the sizes of the vocabularies."""
        sizes = {
            f"enc{name[-1]}_vocab_size": tokenizer.vocab_size
            for name, tokenizer in self.sides.items()
        }
        return config.replace(**sizes)

    def fingerprint(self) -> str | None:
        """Digest of all that changes ids; `None` where both sides are ids."""
        if not self.sides:
            return None
        digest = hashlib.blake2b(digest_size=8)
        for name, tokenizer in self.sides.items():
            digest.update(f"{name} {tokenizer.fingerprint()} ".encode())
        return digest.hexdigest()

    def save(self, model_dir: str | os.PathLike) -> None:
        """Writes `tokenizers/in0` and `tokenizers/in1` of a model directory.

        A tokenizer that both sides share is `in0` alone.
        """
        for name, tokenizer in self.sides.items():
            if name == "in0" or tokenizer is not self.in0:
                tokenizer.save(pathlib.Path(model_dir, _FOLDER, name))

    @classmethod
    def load(
        cls, model_dir: str | os.PathLike, config: Object2VecConfig
    ) -> "PairTokenizers":
        """Reads what `save` wrote.

        Args:
            model_dir: The model directory.
            config: Says which sides hold texts.

        Raises:
            ValueError: If a tokenizer is missing or broken.
        """
        folder = pathlib.Path(model_dir, _FOLDER)
        in0 = in1 = None
        if config.enc0_tokenizer:
            in0 = load_tokenizer(folder / "in0")
        if config.shares_tokenizer:
            in1 = in0
        elif config.enc1_tokenizer:
            in1 = load_tokenizer(folder / "in1")
        return cls(in0, in1)
