"""What a benchmark was run on."""

import os
import platform

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf


def machine() -> str:
    """Returns processor, cores and versions in one line."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, NumPy {np.__version__}, "
        f"pyarrow {pa.__version__}"
    )
