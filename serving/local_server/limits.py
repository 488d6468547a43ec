"""What one request may take; TF Serving itself has no such limits."""

MAX_BODY_BYTES = 100 * 1000 * 1000
# In all bodies that the REST port has received and not yet answered.
MAX_BODIES_BYTES = 1000 * 1000 * 1000
MAX_NESTING = 1000
MAX_JSON_VALUES = 10 * 1000 * 1000

# NumPy's, where TensorFlow takes 254 dimensions.
MAX_RANK = 64

# Requests under way or waiting, for each of REST and gRPC.
MAX_CONCURRENT_REQUESTS = 128
