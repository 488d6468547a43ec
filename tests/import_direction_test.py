"""Who may import whom, checked on the syntax tree of every module.

The tree is read and not the running program, because `import tensorflow`
brings `keras` into `sys.modules` by itself.
"""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("o2v_keras", "export", "serving")
OURS = (*PACKAGES, "tests", "benchmarks", "notebooks", "conftest")

# A part of o2v_keras may import itself, its peers and the parts before it.
ORDER = (
    {
        *("registry", "keras_registry", "start_tensorflow", "progress"),
        *("command", "optional_packages", "palette", "storage"),
        "user_warning",
    },
    {"config"},
    {"data", "text", "datasets"},
    {"pairs", "recipes"},
    {"layers"},
    {"encoders", "losses"},
    {"heads", "optimizers"},
    {"models"},
    {"evaluation"},
    {"training"},
    {"tuning"},
    {"neighbors"},
    {"reports", "downstream"},
    {"command_line"},
)
RANKS = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
UNRANKED = {"__init__", "__main__"}
NOT_FOR_LAYERS = {"config", "data", "datasets"}
# What of o2v_keras the servers and their tools share; none of it has Keras.
FOR_SERVING = (
    "o2v_keras.command",
    "o2v_keras.progress",
    "o2v_keras.start_tensorflow",
    "o2v_keras.storage",
    "o2v_keras.config",
    "o2v_keras.data",
)
# Rooms that import neither Keras nor TensorFlow.
PLAIN = {"storage"}
_FRAMEWORKS = {"keras", "tensorflow"}


def import_errors(path, source):
    """Returns what is wrong with a module's imports.

    Args:
        path: str. Where the module lies below the root, with `/`.
        source: str. Its text.
    """
    parts = pathlib.PurePosixPath(path).with_suffix("").parts
    errors = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        complaints = _form_errors(node)
        for target in _targets(node):
            complaints += _target_errors(parts, target)
        errors += [f"{path}:{node.lineno}: {text}" for text in complaints]
    return errors


def _form_errors(node):
    errors = []
    if len(node.names) > 1:
        errors.append("imports several names in one line")
    if node.names[0].name == "*":
        errors.append("imports *")
    if getattr(node, "level", 0):
        errors.append("imports relatively")
    return errors


def _targets(node):
    """Dotted names, those that `from` takes out of a module included."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return []
    return [f"{node.module}.{alias.name}" for alias in node.names]


def _target_errors(parts, target):
    if _is_in(target, "keras.src"):
        return [f"imports {target}, which is Keras's own"]
    package, names = parts[0], target.split(".")
    if names[0] not in OURS:
        if package == "serving" and "keras" in names[:2]:
            return ["serving imports keras"]
        if parts[1:2] and parts[1] in PLAIN and names[0] in _FRAMEWORKS:
            return [f"{parts[1]} imports {names[0]}"]
        return []
    if package == "o2v_keras" and names[0] == "o2v_keras":
        return _order_errors(parts[1], names)
    if package == "export":
        allowed = names[0] in ("export", "o2v_keras")
        allowed |= _is_in(target, "serving.signatures")
    elif package == "serving":
        rooms = ("serving", *FOR_SERVING)
        allowed = any(_is_in(target, room) for room in rooms)
    else:
        allowed = names[0] == package
    return [] if allowed else [f"{package} imports {target}"]


def _order_errors(part, names):
    if part in UNRANKED:
        return []
    if part not in RANKS:
        return [f"{part} has no place in the order"]
    wanted = names[1] if len(names) > 1 else "__init__"
    if wanted not in RANKS:
        return [f"{part} imports from the package itself"]
    forbidden = part == "layers" and wanted in NOT_FOR_LAYERS
    if forbidden or RANKS[wanted] > RANKS[part]:
        return [f"{part} imports {wanted}"]
    return []


def _is_in(target, module):
    return f"{target}.".startswith(f"{module}.")


MODULES = sorted(
    file.relative_to(ROOT).as_posix()
    for package in PACKAGES
    for file in (ROOT / package).rglob("*.py")
)


def test_modules_import_only_what_they_may():
    errors = []
    for path in MODULES:
        errors += import_errors(path, (ROOT / path).read_text())
    assert errors == []


def test_all_packages_were_found():
    assert {path.partition("/")[0] for path in MODULES} == set(PACKAGES)


@pytest.mark.parametrize(
    ("path", "line", "complaint"),
    [
        (
            "o2v_keras/config/a.py",
            "from o2v_keras.data.b import c",
            "config imports data",
        ),
        (
            "o2v_keras/models/a.py",
            "import o2v_keras.training.b",
            "models imports training",
        ),
        (
            "o2v_keras/layers/a.py",
            "from o2v_keras.config import B",
            "layers imports config",
        ),
        (
            "o2v_keras/layers/a.py",
            "from o2v_keras import datasets",
            "layers imports datasets",
        ),
        (
            "o2v_keras/registry.py",
            "from o2v_keras.config import B",
            "registry imports config",
        ),
        (
            "o2v_keras/data/a.py",
            "from o2v_keras import Object2Vec",
            "data imports from the package itself",
        ),
        (
            "o2v_keras/data/a.py",
            "from o2v_keras.__main__ import main",
            "data imports from the package itself",
        ),
        (
            "o2v_keras/novel/a.py",
            "from o2v_keras.config import B",
            "novel has no place in the order",
        ),
        (
            "o2v_keras/training/a.py",
            "def f():\n    from export import export_saved_model",
            "o2v_keras imports export.export_saved_model",
        ),
        (
            "o2v_keras/__main__.py",
            "import serving.signatures",
            "o2v_keras imports serving.signatures",
        ),
        (
            "export/a.py",
            "from serving.signatures2 import SCORES",
            "export imports serving.signatures2.SCORES",
        ),
        (
            "export/a.py",
            "from tests.checks import check_layer",
            "export imports tests.checks.check_layer",
        ),
        (
            "serving/a.py",
            "import o2v_keras.models",
            "serving imports o2v_keras.models",
        ),
        (
            "serving/a.py",
            "import o2v_keras",
            "serving imports o2v_keras",
        ),
        (
            "o2v_keras/storage/a.py",
            "from o2v_keras.config import B",
            "storage imports config",
        ),
        (
            "o2v_keras/storage/a.py",
            "import tensorflow as tf",
            "storage imports tensorflow",
        ),
        ("serving/a.py", "import keras", "serving imports keras"),
        (
            "serving/a.py",
            "from tensorflow import keras",
            "serving imports keras",
        ),
        (
            "o2v_keras/layers/a.py",
            "from keras import src",
            "imports keras.src, which is Keras's own",
        ),
        (
            "export/a.py",
            "from keras.src.layers import LSTM",
            "imports keras.src.layers.LSTM, which is Keras's own",
        ),
        ("serving/a.py", "from . import b", "imports relatively"),
        (
            "serving/a.py",
            "from json import dump, load",
            "imports several names in one line",
        ),
        ("serving/a.py", "import io, os", "imports several names in one line"),
        ("serving/a.py", "from json import *", "imports *"),
    ],
)
def test_bad_import_is_found(path, line, complaint):
    assert [error.split(": ")[1] for error in import_errors(path, line)] == [
        complaint
    ]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("o2v_keras/__init__.py", "from o2v_keras.training.a import b"),
        ("o2v_keras/__main__.py", "from o2v_keras import train"),
        ("o2v_keras/layers/a.py", "from o2v_keras.layers.b import c"),
        ("o2v_keras/layers/a.py", "from o2v_keras.registry import c"),
        ("o2v_keras/datasets/a.py", "from o2v_keras.data.b import c"),
        ("export/a.py", "from o2v_keras.models.b import c"),
        ("export/a.py", "from serving.signatures import SCORES"),
        ("export/a.py", "from serving import signatures"),
        ("serving/a.py", "from serving.b import c"),
        ("serving/a.py", "from tensorflow import dtypes"),
        ("serving/a.py", "from o2v_keras.storage.b import c"),
        ("serving/a.py", "from o2v_keras.data.b import c"),
        ("serving/a.py", "import o2v_keras.config"),
        ("o2v_keras/data/a.py", "from o2v_keras.storage.b import c"),
        ("o2v_keras/layers/a.py", "from keras import ops"),
    ],
)
def test_good_import_passes(path, line):
    assert import_errors(path, line) == []
