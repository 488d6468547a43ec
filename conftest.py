"""Pytest setup shared by the tests and the docstring examples."""

import importlib.util
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

_BEAM = ("o2v_keras/data", "o2v_keras/pairs", "serving")
# Jobs on Apache Beam, which has an environment of its own.
collect_ignore_glob = (
    []
    if importlib.util.find_spec("apache_beam")
    else [f"{place}/beam/*" for place in _BEAM]
)

# Tests that download data sets say where.
os.environ["O2V_CACHE_DIR"] = ""

# Two logical CPU devices, so that distribution is tested on any machine. They
# must exist before TensorFlow starts its devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)


def pytest_make_parametrize_id(val, argname):
    """Names bytes by their argument.

    Packed bytes hold the time they were made: named by them, a test has
    another name in each of xdist's processes, which then run nothing.
    """
    return argname if isinstance(val, bytes) else None


@pytest.fixture(autouse=True)
def _fresh_keras_state():
    # Freeing memory takes a quarter of a second a test.
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace):
    doctest_namespace.update(keras=keras, np=np, tf=tf)
