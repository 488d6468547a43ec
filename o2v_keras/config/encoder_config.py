"""One encoder's hyperparameters with everything resolved."""

import dataclasses

# Size of a vocabulary of categories that is still to be learned.
UNLIMITED = 2**31 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """What one encoder is built from; made by `Object2VecConfig`.

    Nothing is left open here: `layers` is a number where the configuration
    says `"auto"`, and an encoder that copies enc0 holds enc0's values.

    Args:
        network: str. Name of the encoder in the registry.
        layers: int. Number of convolutions or of stacked LSTMs.
        cnn_filter_width: int. Tokens that one convolution filter spans.
        max_seq_len: int. Ids used of a sequence; later ones are cut off.
        vocab_size: int. Number of ids, the padding id 0 included.
        token_embedding_dim: int. Width of the token embedding.
        enc_dim: int. Width of the encoding.
        dropout: float. Rate, from 0 to 1.
        pretrained_embedding_file: str. Empty when there is none.
        vocab_file: str. Empty when there is none.
        freeze_pretrained_embedding: bool. Has an effect only beside a
            pretrained file, as in SageMaker.
        freeze_epochs: int. Epochs in which pretrained vectors rest first.
        tokenizer: str. Empty where the side holds ids.
        min_count: int. How often a word must be there to have an id.
        hash_buckets: int. Ids for unknown words or n-grams.
        id_dropout: float. Share of rows whose first token becomes the
            unknown id in training.
        unknown_id: int. The id of what training has not seen; 0 if none.
    """

    network: str
    layers: int
    cnn_filter_width: int
    max_seq_len: int
    vocab_size: int
    token_embedding_dim: int
    enc_dim: int
    dropout: float
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
        """Whether the token table keeps its pretrained vectors for good."""
        has_vectors = bool(self.pretrained_embedding_file)
        return has_vectors and self.freeze_pretrained_embedding
