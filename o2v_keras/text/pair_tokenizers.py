"""The tokenizers of a pair's two sides."""

import dataclasses
import hashlib
import os
import pathlib
from typing import TYPE_CHECKING

import numpy as np

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.pair_table import PairTable

# TensorFlow takes seconds to start, and data of ids need no tokenizer.
if TYPE_CHECKING:
    from o2v_keras.text.tokenizers.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class PairTokenizers:
    """The tokenizers of the two sides of a pair.

    Args:
        in0: `Tokenizer`, or `None` if `in0` holds ids. Defaults to `None`.
        in1: `Tokenizer` of `in1`, or `None`; the same object as `in0` if both
            sides share one vocabulary. Defaults to `None`.

    Example:
    >>> PairTokenizers().sides
    {}
    """

    in0: "Tokenizer | None" = None
    in1: "Tokenizer | None" = None

    @property
    def sides(self) -> dict[str, "Tokenizer"]:
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

    def __str__(self):
        names = {}
        for name, tokenizer in self.sides.items():
            names.setdefault(tokenizer, []).append(name)
        return "\n".join(
            f"{' and '.join(sides)}: texts, by the tokenizer "
            f'"{tokenizer.kind}" of {tokenizer.vocab_size:,} ids'
            for tokenizer, sides in names.items()
        )

    def unknown_rows(self, table: PairTable) -> np.ndarray:
        """Marks the rows that hold an unknown word.

        Different texts with unknown words may have the same ids.

        Args:
            table: `PairTable`.

        Returns:
            bool `(rows,)`.
        """
        found = np.zeros(len(table), bool)
        for name, tokenizer in self.sides.items():
            side = table.sides[name]
            places = np.flatnonzero(tokenizer.is_unknown(side.values))
            found[side.rows_of(places)] = True
        return found

    def fingerprint(self) -> str | None:
        """Digest of the tokenizers; `None` if both sides hold ids."""
        if not self.sides:
            return None
        digest = hashlib.blake2b(digest_size=8)
        for name, tokenizer in self.sides.items():
            digest.update(f"{name} {tokenizer.fingerprint()} ".encode())
        return digest.hexdigest()

    def save(self, folder: str | os.PathLike) -> None:
        """Writes folders `in0` and `in1`; a shared tokenizer only `in0`.

        Args:
            folder: Folder; created if missing.
        """
        for name, tokenizer in self.sides.items():
            if name == "in0" or tokenizer is not self.in0:
                tokenizer.save(pathlib.Path(folder, name))

    @classmethod
    def load(
        cls, folder: str | os.PathLike, config: Object2VecConfig
    ) -> "PairTokenizers":
        """Reads tokenizers that `save` wrote.

        Args:
            folder: Folder of the tokenizers.
            config: `Object2VecConfig`, which sets the sides that hold texts.

        Raises:
            ValueError: If a tokenizer is missing, broken or of another kind.
        """
        folder = pathlib.Path(folder)
        in0 = in1 = None
        if config.enc0_tokenizer:
            in0 = _load(folder / "in0", "enc0", config.enc0_tokenizer)
        if config.shares_tokenizer:
            in1 = in0
        elif config.enc1_tokenizer:
            in1 = _load(folder / "in1", "enc1", config.enc1_tokenizer)
        return cls(in0, in1)


def _load(folder, side, kind):
    from o2v_keras.text.tokenizers.load_tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder)
    if tokenizer.kind != kind:
        raise ValueError(
            f"`{side}_tokenizer` must be that of {folder}, "
            f'"{tokenizer.kind}". Received: {side}_tokenizer="{kind}"'
        )
    return tokenizer
