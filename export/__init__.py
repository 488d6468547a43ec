"""Exports trained models for model servers."""

import lazy_loader

# The name is in `__init__.pyi` and imported when first used: the command shows
# its help and the errors of its arguments without importing TensorFlow, which
# takes seconds.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
