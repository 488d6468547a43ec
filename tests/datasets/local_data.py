"""Data that may not be redistributed."""

import os
import pathlib

import pytest


def require_local_data(*folders):
    """Skips the test where `O2V_DATA_DIR` lacks one of the folders."""
    local = os.environ.get("O2V_DATA_DIR")
    for folder in folders:
        if not local or not pathlib.Path(local, folder).is_dir():
            pytest.skip(f"needs {folder} in the folder that O2V_DATA_DIR names")
