"""Where a training gets its tokenizers from."""

import os

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.text.learn_tokenizers import learn_tokenizers
from o2v_keras.data.text.learn_tokenizers import tokenizer_of_file
from o2v_keras.data.text.pair_tokenizers import PairTokenizers
from o2v_keras.training.model_directory import tokenizers_folder


def training_tokenizers(
    config: Object2VecConfig,
    source: Source,
    columns: PairColumns,
    resumed: str | os.PathLike | None,
    initial_model: str | os.PathLike | None,
    auxiliary: str | os.PathLike | None,
    verbose: int,
) -> PairTokenizers:
    """Returns what makes ids of the texts of a training.

    A training that goes on, or starts from another model's weights, numbers
    words as these were numbered. Others learn from their own texts, all of
    them, however many workers share the rows.

    Args:
        config: Says which sides hold texts.
        source: The training data.
        columns: Where the texts are.
        resumed: Where the tokenizers of the training are that is gone on
            with, or `None`.
        initial_model: The model whose weights come first, or `None`.
        auxiliary: Folder from which a relative `enc*_vocab_file` counts, or
            `None`: the working directory.
        verbose: 0 or 1. Whether to show progress.

    Raises:
        ValueError: If there are no tokenizers beside the weights, or no
            texts in the data.

    Example:
    >>> config = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    >>> columns = PairColumns()
    >>> training_tokenizers(config, [], columns, None, None, None, 0).sides
    {}
    """
    if not (config.enc0_tokenizer or config.enc1_tokenizer):
        return PairTokenizers()
    if resumed is not None:
        return PairTokenizers.load(resumed, config)
    if initial_model is not None:
        folder = tokenizers_folder(initial_model)
        tokenizers = PairTokenizers.load(folder, config)
        _require_its_words(config, tokenizers, auxiliary)
        return tokenizers
    return learn_tokenizers(source, config, columns, auxiliary, verbose)


def _require_its_words(config, tokenizers, auxiliary):
    encoders = {"in0": config.encoder0, "in1": config.encoder1}
    for side, tokenizer in tokenizers.sides.items():
        prefix = f"enc{side[-1]}"
        if not encoders[side].vocab_file:
            continue
        named = tokenizer_of_file(prefix, encoders[side], auxiliary)
        if named.fingerprint() != tokenizer.fingerprint():
            raise ValueError(
                f"`{prefix}_vocab_file` must be left empty, or be that of "
                "`initial_model`, whose vocabulary goes with its weights. "
                f"Received: {prefix}_vocab_file="
                f"{encoders[side].vocab_file!r}"
            )
