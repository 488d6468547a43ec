"""How many numbers a vector must have."""

from o2v_keras.data.data_error import DataError


def require_width(where: str, width: int, dim: int) -> None:
    """Holds a vector to the width of the token embedding.

    Args:
        where: File and line, for the message.
        width: Numbers of the vector.
        dim: Numbers of an embedding.

    Raises:
        DataError: If they differ; the message says what to set.

    Example:
    >>> require_width("glove.txt:1", width=50, dim=50)
    """
    if width != dim:
        raise DataError(
            f"{where}: holds a vector of {width} numbers, but the token "
            f"embedding has {dim}. Set `enc*_token_embedding_dim` (for "
            f"`pooled_embedding` `enc_dim`) to {width}, or take a file of "
            f"other vectors."
        )
