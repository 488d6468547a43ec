"""Learns vocabularies of word pieces."""

import random
from collections.abc import Iterable

from tensorflow_text.tools.wordpiece_vocab import (
    wordpiece_tokenizer_learner_lib as learner,
)

from o2v_keras.text.tokenizers.count_parts import count_parts
from o2v_keras.text.tokenizers.normalization import MAX_TEXT_BYTES
from o2v_keras.text.tokenizers.word_tokenizer import WordTokenizer
from o2v_keras.text.tokenizers.wordpiece_tokenizer import CONTINUATION
from o2v_keras.text.vocabulary import Vocabulary

SAMPLE_TEXTS = 20_000

# As many as the learner takes by itself.
_MAX_CHARACTERS = 1000


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
