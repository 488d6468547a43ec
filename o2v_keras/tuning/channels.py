"""The data of a search, read once."""

import os

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.target_vectors import with_target_file
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.training.advice import unknown_words
from o2v_keras.training.channels import LoadedChannels
from o2v_keras.training.channels import load_channels
from o2v_keras.training.channels import training_tokenizers


class TuningData:
    """Caches the training and validation data for a search's configurations.

    Configurations share tables and tokenizers unless they differ in settings
    that these depend on.

    Args:
        train: Training data: files, a mapping of columns or a `PairTable`.
        validation: Validation data, in any of these forms.
        columns: `PairColumns` of both. Defaults to `in0`, `in1`, `label`.
        auxiliary: Folder of relative paths of vocabularies and vectors.
            Defaults to `None`: the working directory.
        verbose: 0 or 1. Defaults to `1`.

    Example:
    >>> pairs = {"in0": [[1], [2]], "in1": [[3], [4]], "label": [0, 1]}
    >>> held_out = {"in0": [[1]], "in1": [[4]], "label": [0]}
    >>> data = TuningData(pairs, held_out)
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> _, first = data.load(config)
    >>> _, second = data.load(config.replace(enc_dim=8))
    >>> first is second
    True
    """

    def __init__(
        self,
        train: Source,
        validation: Source,
        columns: PairColumns = DEFAULT_COLUMNS,
        auxiliary: str | os.PathLike[str] | None = None,
        verbose: int = 1,
    ):
        self._sources = {"train": train, "validation": validation}
        self._columns = columns
        self._auxiliary = auxiliary
        self._say = print if verbose else lambda *_: None
        self._verbose = verbose
        self._tokenizers = {}
        self._channels = {}

    def load(
        self, config: Object2VecConfig
    ) -> tuple[Object2VecConfig, LoadedChannels]:
        """Returns the configuration with learned vocabulary sizes, and data.

        Args:
            config: `Object2VecConfig`; `vocab_size` of a side of texts is the
                largest size of its vocabulary.

        Raises:
            ValueError: If a tokenizer cannot be learned from the texts.
            DataError: If data are unusable.
        """
        config = with_target_file(config, self._auxiliary)
        key = _vocabulary_key(config)
        tokenizers = self._tokenizers.get(key)
        if tokenizers is None:
            tokenizers = self._learn(config)
            self._tokenizers[key] = tokenizers
        config = tokenizers.configure(config)
        key += _table_key(config)
        if key not in self._channels:
            self._channels[key] = self._read(config, tokenizers)
        return config, self._channels[key]

    def _learn(self, config):
        tokenizers = training_tokenizers(
            config,
            self._sources["train"],
            self._columns,
            None,
            None,
            self._auxiliary,
            self._verbose,
        )
        if tokenizers.sides:
            self._say(tokenizers)
        return tokenizers

    def _read(self, config, tokenizers):
        labels = TrainingLabels(config)
        tables = load_channels(
            self._sources, config, tokenizers, labels, columns=self._columns
        )
        if tokenizers.sides:
            self._say(unknown_words(tables, tokenizers))
        return LoadedChannels(tables, tokenizers, labels)


def fingerprints(channels: LoadedChannels) -> dict[str, str]:
    """Returns the fingerprint of each table.

    Args:
        channels: `LoadedChannels` from a `TuningData`.

    Returns:
        Name of the channel, with the fingerprint of its tokenizers if there
        are any -> fingerprint of the table.
    """
    words = channels.tokenizers.fingerprint()
    by = "" if words is None else f" by tokenizers {words}"
    return {
        f"{name}{by}": table.fingerprint()
        for name, table in channels.tables.items()
    }


def _vocabulary_key(config):
    """Returns the settings that vocabularies depend on."""
    sides = [
        (side.tokenizer, side.vocab_size, side.min_count)
        + (side.hash_buckets, side.vocab_file)
        # A folder has a tokenizer of its own.
        + (side.pretrained_embedding_file,)
        for side in (config.encoder0, config.encoder1)
    ]
    return (*sides, config.sides, config.shares_tokenizer)


def _table_key(config):
    """Returns the settings that checks and tallies of labels depend on."""
    return (
        config.output_layer,
        config.num_classes,
        config.target_embedding_file,
        config.negative_sampling_rate > 0,
        config.token_weighting == "sif" or config.token_embedding_kl > 0,
    )
