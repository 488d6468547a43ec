"""What a benchmark was run on."""

import os
import platform

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from notebooks.sizes import sized


def machine() -> str:
    """Returns processor, cores and versions in one line.

    A second line warns of figures that were made in no time.
    """
    text = (
        f"{platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, NumPy {np.__version__}, "
        f"pyarrow {pa.__version__}"
    )
    return text + sized("", quick="\nO2V_QUICK=1: the figures mean nothing.")
