"""What a configuration may ask for and training cannot yet do."""

from o2v_keras.config import Object2VecConfig


def require_trainable(config: Object2VecConfig):
    """Stops a training that would not do what the configuration says.

    Raises:
        ValueError: If the configuration names pretrained vectors; the
            message says what to set instead.

    Example:
    >>> require_trainable(
    ...     Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=9)
    ... )
    """
    for name in ("enc0", "enc1"):
        field = f"{name}_pretrained_embedding_file"
        if getattr(config, field):
            raise ValueError(
                f"Training from pretrained vectors is not part of this "
                f"version: leave `{field}` empty. "
                f"Received: {field}={getattr(config, field)!r}"
            )
