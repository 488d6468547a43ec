"""Object2Vec for Keras 3: embeddings of pairs of objects."""

import lazy_loader

from o2v_keras.keras_registry import enter_classes
from o2v_keras.start_tensorflow import quiet_start

# The names are in `__init__.pyi`, where editors and type checkers read them
# too. Each is imported when first used, so that what needs no TensorFlow
# (checking data, printing help) starts at once.
_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

enter_classes()


def __getattr__(name):
    with quiet_start():
        return _imported(name)
