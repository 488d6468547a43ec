"""Splits words into pieces."""

import json
import os
import random
from collections.abc import Iterable
from typing import Any
from typing import ClassVar

import keras
import tensorflow as tf
import tensorflow_text as tf_text
from tensorflow_text.tools.wordpiece_vocab import (
    wordpiece_tokenizer_learner_lib as learner,
)

from o2v_keras.text.tokenizers.count_parts import count_parts
from o2v_keras.text.tokenizers.lookup_tokenizers import VocabularyTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.tokenizers.lookup_tokenizers import split_words
from o2v_keras.text.tokenizers.normalization import BERT_PUNCTUATION
from o2v_keras.text.tokenizers.normalization import MAX_TEXT_BYTES
from o2v_keras.text.tokenizers.normalization import bert_normalized
from o2v_keras.text.tokenizers.tokenizer import Tokenizer
from o2v_keras.text.tokenizers.tokenizer_json import Rule
from o2v_keras.text.tokenizers.tokenizer_json import TokenizerJson
from o2v_keras.text.tokenizers.tokenizer_json import special_tokens_alone
from o2v_keras.text.vocabulary import Vocabulary

CONTINUATION = "##"
SAMPLE_TEXTS = 20_000

_UNKNOWN = "[UNK]"
_MAX_WORD_BYTES = 100
# Of Hugging Face's `WordPiece`; UTF-8 has at most 4 bytes a character.
_MAX_WORD_CHARACTERS = 100
_MAX_BERT_WORD_BYTES = 4 * _MAX_WORD_CHARACTERS
# As many as the learner takes by itself.
_MAX_CHARACTERS = 1000


@keras.saving.register_keras_serializable(package="o2v_keras")
class WordpieceTokenizer(VocabularyTokenizer):
    """Ids of the pieces of words.

    The words are those of `WordTokenizer`. Each word is split from the left
    into the longest pieces of the vocabulary; pieces inside a word begin with
    `##`. A word that has no such split, or is longer than 100 bytes, has the
    single id 1. A text without words has no ids.

    Args:
        vocabulary: `Vocabulary` of the pieces, without hash buckets. Defaults
            to `None`: `load_assets` reads it.
        bert: dict of `lowercase`, `strip_accents` and `handle_chinese_chars`,
            each a bool: texts are normalized as Hugging Face's
            `BertNormalizer` does, and a word may have 100 characters.
            `from_file` reads it from a `tokenizer.json`. Defaults to `None`:
            texts are normalized as for `WordTokenizer`.
        drop_unknown: bool. Whether unknown words have no id, as in model2vec.
            Defaults to `False`.
        **kwargs: Base layer arguments such as `name`.

    Raises:
        ValueError: If the vocabulary has hash buckets.

    Example:
    >>> tokenizer = WordpieceTokenizer(Vocabulary(["dog", "##s", "##house"]))
    >>> tokenizer.tokenize(["Doghouses", "dog cat"])
    <tf.RaggedTensor [[2, 4, 3], [2, 1]]>

    Reference:
    - [Song et al., 2020](https://arxiv.org/abs/2012.15524)
    """

    kind: ClassVar[str] = "wordpiece"

    def __init__(
        self,
        vocabulary: Vocabulary | None = None,
        bert: dict[str, bool] | None = None,
        drop_unknown: bool = False,
        **kwargs: Any,
    ):
        self._bert = bert and dict(bert)
        self.drop_unknown = drop_unknown
        super().__init__(vocabulary, **kwargs)

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        if vocabulary.hash_buckets:
            raise ValueError(
                "`vocabulary` must have no hash buckets: pieces leave no "
                f"unknown word to hash. Received: vocabulary={vocabulary}"
            )
        super().set_vocabulary(vocabulary)
        self._pieces = tf_text.FastWordpieceTokenizer(
            ["[PAD]", _UNKNOWN, *vocabulary.words],
            suffix_indicator=CONTINUATION,
            max_bytes_per_word=(
                _MAX_BERT_WORD_BYTES if self._bert else _MAX_WORD_BYTES
            ),
            unknown_token=_UNKNOWN,
            token_out_type=tf.int64,
            no_pretokenization=True,
        )

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        _ = self.vocabulary
        if self._bert:
            words = bert_normalized(texts, **self._bert)
            words = split_words(words, BERT_PUNCTUATION)
            words = words.with_values(_without_long_words(words.values))
        else:
            words = WordTokenizer.split(texts)
        ids = self._pieces.tokenize(words).merge_dims(1, 2)
        if self.drop_unknown:
            ids = tf.ragged.boolean_mask(ids, ids != 1)
        return ids

    def word_ids(self) -> dict[str, int]:
        ids = super().word_ids()
        return {w: i for w, i in ids.items() if not w.startswith(CONTINUATION)}

    def get_config(self):
        return {
            **super().get_config(),
            "bert": self._bert,
            "drop_unknown": self.drop_unknown,
        }

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        min_count: int = 1,
        hash_buckets: int = 0,
    ) -> Tokenizer:
        if vocab_size is None:
            raise ValueError(
                "`vocab_size` must be the number of ids at most for word "
                "pieces. Received: vocab_size=None"
            )
        return cls(learn_wordpieces(texts, vocab_size, min_count))

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], hash_buckets: int = 0
    ) -> Tokenizer:
        """Reads a vocabulary, or Hugging Face's `tokenizer.json`.

        The ids of a `tokenizer.json` stay, but padding has id 0 and unknown
        words id 1, in exchange with the tokens there; without padding in the
        file all ids are one more first. No `[CLS]` or `[SEP]` is added, and
        the file's truncation and padding do not apply. Special tokens in a
        text are words like any other.

        Args:
            path: `.json` or `.txt` for `Vocabulary.load`, or a
                `tokenizer.json` with the model `WordPiece`, the normalizer
                `BertNormalizer` and the pre-tokenizer `BertPreTokenizer`.
            hash_buckets: Must be 0.

        Raises:
            DataError: If the file is neither, or asks for something that
                this class does not do.
        """
        file = TokenizerJson.read(path)
        if file is None:
            return super().from_file(path, hash_buckets)
        return cls(*_bert_vocabulary(file))


def _without_long_words(words):
    too_long = tf.strings.length(words, "UTF8_CHAR") > _MAX_WORD_CHARACTERS
    # Beyond the limit in bytes, and so an unknown word.
    return tf.where(too_long, "x" * (_MAX_BERT_WORD_BYTES + 1), words)


def _bert_vocabulary(file: TokenizerJson):
    """Returns the vocabulary and the normalization of a `tokenizer.json`."""
    model = file.model
    normalizer = file.section("normalizer")
    lowercase = normalizer.get("lowercase")
    accents = normalizer.get("strip_accents")
    known = {*(model.get("vocab") or {}), *(t["content"] for t in file.added)}

    def is_value(place, section, name, expected):
        value = section.get(name)
        named = json.dumps(expected)
        return Rule(f"{place}.{name}", value == expected, named, value)

    file.require(
        (
            is_value("model", model, "type", "WordPiece"),
            is_value("model", model, "continuing_subword_prefix", CONTINUATION),
            is_value(
                "model", model, "max_input_chars_per_word", _MAX_WORD_CHARACTERS
            ),
            Rule(
                "model.unk_token",
                file.unknown in known,
                "a token of the vocabulary",
                file.unknown,
            ),
            is_value("normalizer", normalizer, "type", "BertNormalizer"),
            is_value("normalizer", normalizer, "clean_text", True),
            Rule(
                "normalizer.lowercase",
                isinstance(lowercase, bool),
                "true or false",
                lowercase,
            ),
            is_value(
                "pre_tokenizer",
                file.section("pre_tokenizer"),
                "type",
                "BertPreTokenizer",
            ),
            special_tokens_alone(file),
        ),
        "other tokenizers than BERT's are not reproduced",
    )
    tokens = file.tokens
    return Vocabulary([tokens[id_] for id_ in file.ids[2:]]), {
        "lowercase": lowercase,
        "strip_accents": lowercase if accents is None else accents,
        "handle_chinese_chars": bool(normalizer.get("handle_chinese_chars")),
    }


def learn_wordpieces(
    texts: Iterable[str], vocab_size: int, min_count: int = 1
) -> Vocabulary:
    """Learns a vocabulary of word pieces with TensorFlow Text's learner.

    Time grows with the number of distinct words (20,000 definitions of
    WordNet, 8,000 ids: 40 s), so it learns from a random sample of at most
    `SAMPLE_TEXTS` texts, with a fixed seed. The most frequent characters, at
    most 1,000 and a third of `vocab_size`, are pieces by themselves, both at
    the start of a word and inside it; words with other characters are
    skipped. The most frequent longer pieces of the learner follow.

    Args:
        texts: Texts, read once.
        vocab_size: Most ids, padding and unknown words included.
        min_count: Least count of a word in the sample. Defaults to 1.

    Raises:
        ValueError: If no word is left, or `vocab_size` is too small for the
            characters of any word.

    Example:
    >>> pieces = learn_wordpieces(["low lowest", "new newest"], 60)
    >>> pieces.words[-4:]
    ('low', 'lowest', 'new', 'newest')
    """
    counts = count_parts(WordTokenizer.split, _sample(texts))
    words = Vocabulary.from_counts(counts, min_count).words
    room = max(vocab_size - 2, 0)
    characters = min(_MAX_CHARACTERS, room // 3)
    pieces = learner.learn(
        [(word, counts[word]) for word in words],
        vocab_size,
        reserved_tokens=[],
        lower_thresh=1,
        max_unique_chars=characters,
        joiner=CONTINUATION,
    )
    if not pieces:
        raise ValueError(
            "`vocab_size` must be larger: no word is made of the "
            f"{characters} most frequent characters alone. "
            f"Received: vocab_size={vocab_size}"
        )
    # The learner may return too many pieces. Single characters come first, so
    # that every word of known characters has pieces.
    pieces.sort(key=lambda piece: len(piece.removeprefix(CONTINUATION)) > 1)
    return Vocabulary(pieces[:room])


def _sample(texts):
    """Draws texts with equal chances, in one pass."""
    generator = random.Random(0)
    sample = []
    for number, text in enumerate(texts):
        place = number
        if number >= SAMPLE_TEXTS:
            place = generator.randrange(number + 1)
        if place < SAMPLE_TEXTS:
            # Tokenizers cut longer texts anyway; memory need not hold them.
            sample[place : place + 1] = [text[:MAX_TEXT_BYTES]]
    return sample
