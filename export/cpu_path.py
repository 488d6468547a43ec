"""Tracing a model for the CPU, whatever machine traces it."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def cpu_path(model: keras.Model) -> Iterator[None]:
    """Keeps cuDNN out of what is traced or run inside; puts it back after.

    Keras chooses cuDNN when an LSTM or GRU is traced, so a graph traced on a
    machine with a GPU would hold ops that a server without one cannot run.

    Args:
        model: Its recurrent layers, at any depth, are switched.

    Example:
    >>> lstm = keras.layers.LSTM(4)
    >>> with cpu_path(keras.Sequential([lstm])):
    ...     lstm.use_cudnn
    False
    >>> lstm.use_cudnn
    'auto'
    """
    # Keras has no public walk over the layers within layers.
    recurrent = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.LSTM | keras.layers.GRU)
    ]
    before = [layer.use_cudnn for layer in recurrent]
    try:
        for layer in recurrent:
            layer.use_cudnn = False
        yield
    finally:
        for layer, value in zip(recurrent, before, strict=True):
            layer.use_cudnn = value
