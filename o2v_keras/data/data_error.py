"""The errors for data that cannot be used."""


class DataError(ValueError):
    """Data cannot be used; the message says what, where and what to do."""


class UnreadableError(DataError):
    """A file cannot be read, now or at all."""
