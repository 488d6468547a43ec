"""The error for data sets that are not at hand."""

from o2v_keras.data.data_error import DataError


class DatasetError(DataError):
    """A data set is missing or altered; the message says what to do."""
