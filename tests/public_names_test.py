"""The names that users import, which `__init__.pyi` lists for editors too."""

import importlib
import subprocess
import sys

import pytest

import o2v_keras

PACKAGES = ("o2v_keras", "export", "serving.client")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_can_be_imported(package):
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)
    for name in dir(module):
        own = getattr(getattr(module, name), "__name__", name)
        assert own.endswith(name)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_refused(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=f"{package} attribute Objct2Vec"):
        _ = module.Objct2Vec
    code = f"from {package} import Objct2Vec"
    with pytest.raises(ImportError, match="cannot import name 'Objct2Vec'"):
        exec(code)


@pytest.mark.parametrize(
    "line",
    [
        "import o2v_keras, export, serving.client",
        "from o2v_keras import Object2VecConfig, PairColumns, PairTable",
        "from serving.client import RestClient",
    ],
)
def test_what_needs_no_tensorflow_imports_none(line):
    code = f"{line}\nimport sys\nsys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_beside_modules_of_the_same_name_are_functions():
    # `training/train.py` is imported by others first.
    importlib.import_module("o2v_keras.training.train")
    importlib.import_module("o2v_keras.tuning.tune")
    assert callable(o2v_keras.train) and callable(o2v_keras.tune)
