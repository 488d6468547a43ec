"""Clients for TF Serving, or a server that speaks its APIs."""

import importlib

# Imported when first asked for: the REST client needs no TensorFlow, which
# takes seconds to start.
_PUBLIC = {
    "AsyncGrpcClient": "serving.client.async_grpc_client",
    "GrpcClient": "serving.client.grpc_client",
    "RestClient": "serving.client.rest_client",
    "ServerError": "serving.client.server_error",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
