"""Counts the parts of texts."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterable

import tensorflow as tf

from o2v_keras.text.tokenizers.text_batches import text_batches


def count_parts(
    split: Callable[[tf.Tensor], tf.RaggedTensor], texts: Iterable[str]
) -> Counter[str]:
    """Counts the distinct parts of texts, in one pass over them.

    Memory holds one batch of texts and all distinct parts.

    Args:
        split: Splits strings `(batch,)` into parts `(batch, None)`, such as
            `LookupTokenizer.split`. Bytes that are no UTF-8 count as U+FFFD.
        texts: Texts.

    Example:
    >>> counts = count_parts(tf.strings.split, ["to be or", "not to be"])
    >>> counts["to"], counts["not"]
    (2, 1)
    """

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )
    def count(batch):
        parts, _, counts = tf.unique_with_counts(split(batch).values, tf.int64)
        return parts, counts

    # TensorFlow would warn of retracing at the fifth vocabulary.
    count = count.get_concrete_function()
    total = Counter()
    for batch in text_batches(texts):
        parts, counts = count(batch)
        names = (part.decode(errors="replace") for part in parts.numpy())
        for name, number in zip(names, counts.numpy().tolist(), strict=True):
            total[name] += number
    return total
