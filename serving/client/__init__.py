"""Clients for TF Serving, or a server that speaks its APIs."""

import lazy_loader

# The names are in `__init__.pyi` and imported when first used: the REST client
# needs no TensorFlow, which takes seconds to start.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
