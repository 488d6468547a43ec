"""Exports trained models for model servers."""

import lazy_loader

from o2v_keras.start_tensorflow import quiet_start

# The name is in `__init__.pyi` and imported when first used: the command shows
# its help and the errors of its arguments without importing TensorFlow, which
# takes seconds.
_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name):
    with quiet_start():
        return _imported(name)
