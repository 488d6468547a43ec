"""What one request may take; TF Serving itself has no such limits."""

import os

MAX_BODY_BYTES = 100 * 1000 * 1000
# In all bodies that the REST port has received and not yet answered.
MAX_BODIES_BYTES = 1000 * 1000 * 1000
MAX_NESTING = 1000
MAX_JSON_VALUES = 10 * 1000 * 1000

# NumPy's, where TensorFlow takes 254 dimensions.
MAX_RANK = 64

# Requests under way or waiting, for each of REST and gRPC.
MAX_CONCURRENT_REQUESTS = 128

# Threads of gRPC beyond those that run models: each may wait for a message.
MAX_WAITING_CALLS = 32

# How long a gRPC message may take to come, and how long if calls that wait
# for theirs hold every thread.
MESSAGE_SECONDS = 30.0
MESSAGE_SECONDS_IF_FULL = 5.0

# How long a connection to the gRPC port may take to say that it speaks gRPC,
# and how long it is kept without a call.
HANDSHAKE_MS = 10_000
IDLE_CONNECTION_MS = 30_000


def worker_count() -> int:
    """Returns how many requests run at a time, for each of REST and gRPC."""
    return 4 * (os.cpu_count() or 1)
