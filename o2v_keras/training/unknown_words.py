"""How much of the texts a vocabulary does not know."""

from collections.abc import Mapping

from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.text.pair_tokenizers import PairTokenizers


def unknown_words(
    tables: Mapping[str, object], tokenizers: PairTokenizers
) -> str:
    """Says which share of the words of each channel has no id of its own.

    Args:
        tables: Channel -> its pairs. What is not a `PairTable`, since it is
            read anew in every epoch, is passed over.
        tokenizers: `PairTokenizers` of the sides that hold texts.

    Returns:
        A line, or `""` where there are no texts in memory.

    Example:
    >>> from o2v_keras.data.text.tokenizers.word_tokenizer import WordTokenizer
    >>> from o2v_keras.data.text.vocabulary import Vocabulary
    >>> tokenizers = PairTokenizers(in0=WordTokenizer(Vocabulary(["dog"])))
    >>> table = PairTable.from_arrays([[2, 1], [2, 2]], [[1], [1]])
    >>> unknown_words({"train": table}, tokenizers)
    'unknown words: train in0 25.0 %'
    """
    shares = [
        f"{channel} {side} "
        f"{tokenizer.unknown_share(table.sides[side].values):.1%}"
        for channel, table in tables.items()
        if isinstance(table, PairTable)
        for side, tokenizer in tokenizers.sides.items()
    ]
    text = ", ".join(shares).replace("%", " %")
    return f"unknown words: {text}" if shares else ""
