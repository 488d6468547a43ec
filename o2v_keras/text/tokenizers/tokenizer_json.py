"""Reads `tokenizer.json`, the file of Hugging Face's tokenizers."""

import json
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from o2v_keras.data.data_error import DataError
from o2v_keras.text.vocabulary import is_reserved


class Rule(NamedTuple):
    """What a tokenizer of ours requires of a `tokenizer.json`.

    Args:
        name: The place in the file, such as `"model.unk_token"`.
        is_met: Whether the file meets it.
        expected: What the place must hold, for the message.
        received: What it holds.
    """

    name: str
    is_met: bool
    expected: object
    received: object


class TokenizerJson:
    """A `tokenizer.json`.

    Args:
        path: The file, for messages.
        content: Its content.

    Attributes:
        kind: str. Type of the model, such as `"WordPiece"` or `"BPE"`.
        model: dict. Section `model`.
        added: list of dict. Section `added_tokens`.
        unknown: str or `None`. The token of unknown words.

    Example:
    >>> file = TokenizerJson("tokenizer.json", {
    ...     "model": {
    ...         "type": "WordPiece",
    ...         "vocab": {"dog": 0, "cat": 1, "[UNK]": 2},
    ...         "unk_token": "[UNK]",
    ...     },
    ... })
    >>> file.tokens
    ['dog', 'cat', '[UNK]']
    >>> file.ids  # of the ids 0 (padding), 1 (unknown words), 2 and 3 of ours
    [-1, 2, 1, 0]
    """

    def __init__(
        self, path: str | os.PathLike[str], content: Mapping[str, Any]
    ):
        self.path = os.fspath(path)
        self.content = content
        self.model = content["model"]
        # Files of old versions name no type.
        self.kind = self.model.get("type")
        self.added = content.get("added_tokens") or []
        self.unknown = self.model.get("unk_token")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "TokenizerJson | None":
        """Reads a file; returns `None` if it is no `tokenizer.json`."""
        try:
            content = json.loads(pathlib.Path(path).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        is_one = isinstance(content, dict) and isinstance(
            content.get("model"), dict
        )
        return cls(path, content) if is_one else None

    def section(self, name: str) -> Mapping[str, Any]:
        """Returns a section such as `normalizer`, empty if it is `null`."""
        return self.content.get(name) or {}

    def require(self, rules: Iterable[Rule], reason: str) -> None:
        """Raises `DataError` for the first rule that is not met."""
        for rule in rules:
            if not rule.is_met:
                raise DataError(
                    f"{self.path}: `{rule.name}` must be {rule.expected}, "
                    f"since {reason}. Received: {rule.received!r}"
                )

    @property
    def tokenizer(self) -> str:
        """The kind of tokenizer that reproduces it, as in `enc0_tokenizer`.

        Raises:
            DataError: If none does; the message says why.
        """
        if self.kind == "WordPiece":
            return "wordpiece"
        fallback = self.model.get("byte_fallback")
        rule = Rule(
            "model",
            self.kind == "BPE" and bool(fallback),
            "BERT's WordPiece, or BPE with byte_fallback as Llama 2's",
            f"{self.kind}, byte_fallback={fallback}",
        )
        self.require([rule], self.refusal)
        return "sentencepiece"

    @property
    def refusal(self) -> str:
        """Why tokenizers of other kinds are not reproduced."""
        if self.kind == "Unigram":
            return (
                "the Unigram of Hugging Face's tokenizers gives some texts "
                "other ids than SentencePiece. As `enc0_vocab_file` a `.model` "
                "of SentencePiece is read, its vectors from a `.npy`"
            )
        names = {
            part.get("type")
            for name in ("normalizer", "pre_tokenizer", "decoder")
            for part in _parts(self.section(name))
        }
        if "ByteLevel" in names:
            return (
                "TensorFlow Text has no byte-level BPE (ByteLevel, as in "
                "GPT-2 and Llama 3)"
            )
        return "other tokenizers than BERT's and Llama 2's are not reproduced"

    @property
    def tokens(self) -> list[str]:
        """The tokens in the order of the file's ids.

        Raises:
            DataError: If the ids do not count from 0.
        """
        ids = dict(self.model.get("vocab") or {})
        ids.update((t.get("content"), t.get("id")) for t in self.added)
        tokens = sorted(ids, key=ids.__getitem__)
        if not tokens or [ids[t] for t in tokens] != list(range(len(tokens))):
            raise DataError(
                f"{self.path}: the ids of `model.vocab` and `added_tokens` "
                "must count from 0, without gaps."
            )
        return tokens

    @property
    def ids(self) -> list[int]:
        """The file's id of each id of ours; -1 for a padding it lacks.

        BERT's ids stay, but padding gets id 0 and unknown words id 1, in
        exchange with the tokens there; if the file has no padding, all ids
        are one more first. The ids of other models are one more, as for
        SentencePiece.
        """
        tokens = self.tokens
        ids = list(range(len(tokens)))
        if self.kind != "WordPiece":
            return [-1, *ids]
        padding = [id_ for id_ in ids if is_reserved(tokens[id_], 0)]
        if padding:
            _exchange(ids, 0, padding[0])
        else:
            ids = [-1, *ids]
        _exchange(ids, 1, ids.index(tokens.index(self.unknown)))
        return ids


def _parts(section):
    """Returns a section and what a sequence in it holds."""
    names = ("normalizers", "pretokenizers", "decoders")
    return [section, *(p for name in names for p in section.get(name) or ())]


def _exchange(ids, first, second):
    ids[first], ids[second] = ids[second], ids[first]


def special_tokens_alone(file: TokenizerJson) -> Rule:
    """Returns the rule that all added tokens are special.

    Others would be found in texts before the model splits them.
    """
    others = [t.get("content") for t in file.added if not t.get("special")]
    return Rule("added_tokens", not others, "special tokens alone", others)
