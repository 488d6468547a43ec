"""Writes the SentencePiece model of a `tokenizer.json`."""

import struct
from collections.abc import Iterable

from o2v_keras.data.data_error import DataError
from o2v_keras.text.tokenizers.tokenizer_json import Rule
from o2v_keras.text.tokenizers.tokenizer_json import TokenizerJson
from o2v_keras.text.tokenizers.tokenizer_json import special_tokens_alone

# Values of `ModelProto.SentencePiece.Type`.
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
# Value of `TrainerSpec.ModelType`.
_BPE = 2

_WORD_START = "\u2581"
_BYTES = {f"<0x{number:02X}>" for number in range(256)}
# What puts a mark before the text and at each blank.
_NORMALIZER = [
    {"type": "Prepend", "prepend": _WORD_START},
    {
        "type": "Replace",
        "pattern": {"String": " "},
        "content": _WORD_START,
    },
]


def sentencepiece_model(file: TokenizerJson) -> bytes:
    """Returns the SentencePiece model that gives the ids of a file.

    The file must be byte-pair encoding with byte fallback, as Llama 2's: its
    merges are those that SentencePiece derives from the pieces and their
    scores. Special tokens are control pieces, which no text gives.

    Args:
        file: `TokenizerJson`.

    Returns:
        A serialized `ModelProto`, the content of a `.model` file.

    Raises:
        DataError: If the file is another tokenizer; the message names what.

    Reference:
    - `sentencepiece_model.proto` and `bpe_model.cc` of SentencePiece
    """
    model = file.model
    tokens = file.tokens
    file.require(_rules(file, {*tokens}), file.refusal)
    ranks = _ranks(file)
    special = {token["content"] for token in file.added}

    def kind(token):
        if token == file.unknown:
            return _UNKNOWN
        if token in special:
            return _CONTROL
        if token in _BYTES:
            return _BYTE
        # A token that no merge makes is in no result of theirs, and
        # SentencePiece makes no control piece of a text.
        return _NORMAL if len(token) == 1 or token in ranks else _CONTROL

    kinds = [kind(token) for token in tokens]
    _require_all_merges(file, tokens, kinds)
    # The first merge has the best score; single characters need none.
    last = len(model["merges"])
    pieces = b"".join(
        _bytes_field(
            1,
            _bytes_field(1, token.encode())
            + _float_field(2, -ranks.get(token, last))
            + _number_field(3, kind),
        )
        for token, kind in zip(tokens, kinds, strict=True)
    )
    trainer = (
        _number_field(3, _BPE)
        + _number_field(35, True)  # byte_fallback
        + _number_field(40, tokens.index(file.unknown))
    )
    normalizer = (
        _number_field(3, True)  # add_dummy_prefix
        + _number_field(4, False)  # remove_extra_whitespaces
        + _number_field(5, True)  # escape_whitespaces
    )
    return pieces + _bytes_field(2, trainer) + _bytes_field(3, normalizer)


def _rules(file, tokens) -> Iterable[Rule]:
    model = file.model
    fallback = bool(model.get("byte_fallback"))
    yield Rule("model.type", file.kind == "BPE", '"BPE"', file.kind)
    yield Rule("model.byte_fallback", fallback, "true", fallback)
    absent = sorted(_BYTES - tokens)
    yield Rule(
        "model.vocab",
        not absent,
        "a vocabulary with a token of each byte, <0x00> to <0xFF>",
        f"none of {', '.join(absent[:3])}" if absent else "",
    )
    yield Rule(
        "model.unk_token",
        file.unknown in tokens,
        "a token of the vocabulary",
        file.unknown,
    )
    for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        value = model.get(name)
        yield Rule(f"model.{name}", not value, "empty", value)
    ignores = bool(model.get("ignore_merges"))
    yield Rule("model.ignore_merges", not ignores, "false", ignores)
    normalizer = file.section("normalizer")
    yield Rule(
        "normalizer",
        normalizer.get("normalizers") == _NORMALIZER,
        f"Prepend and Replace of {_WORD_START!r}, as Llama 2's",
        normalizer or None,
    )
    pre_tokenizer = file.section("pre_tokenizer")
    yield Rule("pre_tokenizer", not pre_tokenizer, "null", pre_tokenizer)
    yield special_tokens_alone(file)


def _merges(file):
    for merge in file.model["merges"]:
        first, second = merge.split(" ") if isinstance(merge, str) else merge
        yield first, second


def _ranks(file):
    """Returns the rank of the first merge that makes each token.

    Raises:
        DataError: If the merges that make a token do not follow each other:
            no score of the token has their order.
    """
    ranks, before = {}, None
    for rank, (first, second) in enumerate(_merges(file)):
        made = first + second
        if made in ranks and made != before:
            raise DataError(
                f"{file.path}: `model.merges` must have all merges that make "
                "a token one after another, as those of a SentencePiece "
                f"model. Received: {made!r} at {ranks[made]} and {rank}"
            )
        ranks.setdefault(made, rank)
        before = made
    return ranks


def _require_all_merges(file, tokens, kinds):
    """Requires that any two pieces that make a piece are a merge.

    SentencePiece merges any two of them.
    """
    merges = {*_merges(file)}
    normal = {
        token
        for token, kind in zip(tokens, kinds, strict=True)
        if kind == _NORMAL
    }
    for token in sorted(normal):
        for place in range(1, len(token)):
            parts = token[:place], token[place:]
            if normal.issuperset(parts) and parts not in merges:
                raise DataError(
                    f"{file.path}: `model.merges` must have each pair of "
                    "tokens that make a token, as those of a SentencePiece "
                    f"model. Received: none of {parts}"
                )


# Protocol buffers' wire format: TensorFlow ships no descriptor of the model.


def _varint(number):
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _number_field(field, number):
    return _varint(field << 3) + _varint(int(number))


def _bytes_field(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _float_field(field, number):
    return _varint(field << 3 | 5) + struct.pack("<f", number)
