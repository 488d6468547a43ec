"""Limits of the REST and the gRPC port, which TF Serving does not have."""

import os

MAX_BODY_BYTES = 100 * 1000 * 1000
MAX_JSON_VALUES = 10 * 1000 * 1000

# Requests under way or waiting, for each of REST and gRPC.
MAX_CONCURRENT_REQUESTS = 128


def worker_count() -> int:
    """Returns how many requests run at a time, for each of REST and gRPC."""
    return 4 * (os.cpu_count() or 1)
