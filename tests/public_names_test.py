"""The names that users import, which `__init__.pyi` lists for editors too."""

import importlib
import json
import pathlib
import subprocess
import sys

import pytest

import o2v_keras

ROOT = pathlib.Path(__file__).parents[1]
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


def test_an_editor_knows_types_and_finds_misspellings(tmp_path):
    lines = (
        "import o2v_keras",
        "from export import export_saved_model",
        "from o2v_keras import encoders, train",
        "from serving.client import RestClient",
        'reveal_type(train(None, "a.csv", model_dir="model"))',
        "reveal_type(encoders.HCNN)",
        'reveal_type(RestClient("a:1").status())',
        'export_saved_model(o2v_keras.load_model("m"), "e", modee="both")',
        "o2v_keras.trainn",
    )
    (tmp_path / "app.py").write_text("\n".join(lines))
    settings = {"extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    words = (sys.executable, "-m", "basedpyright", "--outputjson")
    finished = subprocess.run(
        [*words, "--pythonpath", sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = json.loads(finished.stdout)["generalDiagnostics"]
    assert [each["message"].partition('" is "')[2] for each in found[:3]] == [
        'TrainingResult"',
        'type[HCNN]"',
        'list[ModelVersion]"',
    ]
    assert [each["message"] for each in found[3:]] == [
        'No parameter named "modee"',
        '"trainn" is not a known attribute of module "o2v_keras"',
    ]
