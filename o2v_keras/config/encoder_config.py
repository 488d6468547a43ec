"""The resolved hyperparameters of one encoder."""

import dataclasses
from typing import Any

# Size of a vocabulary before it is learned from data or read from a file.
UNLIMITED = 2**31 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The hyperparameters of one encoder, made by `Object2VecConfig`.

    Every value is resolved: `"auto"` is a number, and a side that copies enc0
    holds enc0's values.

    Args:
        network: str. Name of a built-in encoder, or a class of the user's.
        options: dict. Arguments of a class of the user's.
        layers: int. Number of convolutions, stacked LSTMs or attention layers.
        cnn_filter_width: int. Width of a convolution filter, in tokens.
        heads: int. Number of attention heads of a layer.
        feed_forward_dim: int. Hidden width of a Transformer's feed-forward
            layers.
        max_seq_len: int. Longest sequence; later ids are cut off.
        vocab_size: int. Number of ids, the padding id 0 included.
        token_embedding_dim: int. Width of a token embedding.
        enc_dim: int. Width of the encoding.
        dropout: float. Rate, from 0 to 1.
        token_weighting: str. Weights of tokens in the mean of
            `pooled_embedding`.
        token_combiner: str. Mean or sum of tokens in `pooled_embedding`.
        pretrained_embedding_file: str. Empty for none.
        vocab_file: str. Empty for none.
        freeze_pretrained_embedding: bool. Ignored without a pretrained file,
            as in SageMaker.
        freeze_epochs: int. Number of first epochs in which the token table
            is frozen.
        tokenizer: str. Empty if the side holds ids.
        min_count: int. Occurrences that a word needs to get an id.
        hash_buckets: int. Ids shared by unknown words or n-grams.
        id_dropout: float. Share of training rows whose first token becomes
            `unknown_id`.
        unknown_id: int. Stands for ids unseen in training; 0 for none.
    """

    network: str
    options: dict[str, Any]
    layers: int
    cnn_filter_width: int
    heads: int
    feed_forward_dim: int
    max_seq_len: int
    vocab_size: int
    token_embedding_dim: int
    enc_dim: int
    dropout: float
    token_weighting: str
    token_combiner: str
    pretrained_embedding_file: str
    vocab_file: str
    freeze_pretrained_embedding: bool
    freeze_epochs: int
    tokenizer: str
    min_count: int
    hash_buckets: int
    id_dropout: float
    unknown_id: int

    @property
    def freezes_table(self) -> bool:
        """Whether the token table is frozen in all epochs."""
        has_vectors = bool(self.pretrained_embedding_file)
        return has_vectors and self.freeze_pretrained_embedding
