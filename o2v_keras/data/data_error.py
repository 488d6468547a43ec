"""Errors for unusable data."""


class DataError(ValueError):
    """Data cannot be used; the message says what, where and what to do."""


class UnreadableError(DataError):
    """A file cannot be read, now or at all."""


def read_failure(path: str, error: Exception) -> DataError:
    """Returns the error to raise for an error of arrow or the system.

    Args:
        path: The file.
        error: The original error.

    Returns:
        `UnreadableError`, or `DataError` for a truncated compressed file,
        which a retry cannot read either.

    Example:
    >>> print(read_failure("a.jsonl", OSError("no permission")))
    a.jsonl: cannot be read: no permission
    """
    if "Truncated compressed stream" in str(error):
        return DataError(
            f"{path}: is cut off: its packed content has no end, or it "
            "was never packed. Copy it again from where it is "
            "whole, or pack it again."
        )
    if "zlib inflate failed" in str(error):
        return UnreadableError(
            f"{path}: holds bytes that gzip cannot unpack ({error}). Copy it "
            "again from where it is whole. If it was filled up with zeros, "
            f"`gzip -dc {path}` unpacks what is before them."
        )
    return UnreadableError(f"{path}: cannot be read: {error}")
