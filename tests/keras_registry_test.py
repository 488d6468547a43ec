"""`import o2v_keras` is enough for Keras to load what it saved."""

import ast
import copy
import importlib
import json
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras.encoders import PooledEmbedding
from o2v_keras.keras_registry import CLASSES
from o2v_keras.losses import CoSENTLoss
from o2v_keras.optimizers import RowSparseAdam
from o2v_keras.optimizers import WarmupSchedule
from o2v_keras.optimizers import WeightAverage
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer

ROOT = pathlib.Path(__file__).parents[1]
IDS = {"in0": np.array([[3, 1, 2], [5, 0, 0]]), "in1": np.array([[7], [8]])}

# Arguments of each class, other than its defaults.
_SIZES = {"vocab_size": 9, "max_seq_len": 3, "output_dim": 4}
_TABLE = {
    **_SIZES,
    "token_embedding_dim": 6,
    "id_dropout": 0.5,
    "unknown_id": 2,
}
ARGUMENTS = {
    "BPR": {"negative_sampling_rate": 3},
    "BPRLoss": {"negatives": 2},
    "BiLSTM": {**_TABLE, "layers": 2},
    "BiLSTMEncoder": {"output_dim": 4, "layers": 2, "use_cudnn": False},
    "CategoriesTokenizer": {},
    "CategoryTokenizer": {},
    "Classification": {"num_classes": 5},
    "CoSENT": {"similarity_scale": 5.0},
    "CoSENTLoss": {"scale": 5.0},
    "Comparator": {"operations": ["concat"]},
    "ConcatenatedEncoder": {
        **_SIZES,
        "encoders": [PooledEmbedding(**_SIZES | {"output_dim": 2})] * 2,
        "scales": [0.5, 2.0],
        "normalize": True,
    },
    "DenseAdadelta": {"learning_rate": 0.25, "rho": 0.5},
    "DenseAdagrad": {"learning_rate": 0.25, "epsilon": 0.5},
    "DenseAdam": {"learning_rate": 0.25, "beta_1": 0.5},
    "DenseRMSprop": {"learning_rate": 0.25, "rho": 0.5},
    "DenseSGD": {"learning_rate": 0.25, "momentum": 0.5},
    "Embedding": {"embedding_side": "in1"},
    "EmbeddingLoss": {"kind": "mean_squared_error", "similarity_weight": 0.5},
    "FeedForward": {"units": 3, "layers": 2, "activation": "tanh"},
    "GlobalBatchLoss": {"kind": "mean_squared_error", "name": "own"},
    "GaussianEmbedding": {"vocab_size": 9, "output_dim": 4, "gated": True},
    "HCNN": {**_TABLE, "layers": 2, "filter_width": 5},
    "HCNNEncoder": {"output_dim": 4, "layers": 2, "filter_width": 5},
    "IdDropout": {"rate": 0.5, "unknown_id": 2, "seed": 7},
    "InBatchSoftmax": {"similarity": "dot", "hard_negatives": 3},
    "InBatchSoftmaxLoss": {
        "side": "in0",
        "hard_negatives": 2,
        "same_side_negatives": True,
        "hardness_strength": 5.0,
    },
    "LossMetric": {"loss": CoSENTLoss(scale=5.0)},
    "NGramTokenizer": {"hash_buckets": 8},
    "Object2Vec": {
        "encoder0": Object2VecConfig(
            enc0_max_seq_len=3,
            enc0_vocab_size=9,
            enc_dim=4,
            mlp_dim=4,
            tied_token_embedding_weight=True,
        )
    },
    "PairTokenizers": {"in0": WordTokenizer()},
    "PairVectors": {
        "temperature": 0.5,
        "learn_temperature": True,
        "symmetric": True,
    },
    "PairwiseMean": {"kind": "bpr", "negatives": 2, "name": "own"},
    "PooledEmbedding": {**_SIZES, "dropout": 0.5},
    "PooledEmbeddingEncoder": {"dropout": 0.5},
    "PositiveSimilarity": {"places": [2, 3], "least": 0.5},
    "Regression": {},
    "RowSparseAdadelta": {"learning_rate": 0.25, "row_l2": 0.5},
    "RowSparseAdagrad": {"learning_rate": 0.25, "row_l2": 0.5},
    "RowSparseAdam": {"learning_rate": WarmupSchedule(0.5, "cosine", 3)},
    "RowSparseLossScale": {"inner_optimizer": RowSparseAdam(row_l2=0.5)},
    "RowSparseRMSprop": {"learning_rate": 0.25, "row_l2": 0.5},
    "RowSparseSGD": {
        "learning_rate": 0.25,
        "row_l2": 0.5,
        "average": WeightAverage("ema", 0.5),
    },
    "SentencepieceTokenizer": {},
    "SequenceLimit": {"max_length": 3},
    "TokenEmbedding": {"vocab_size": 9, "output_dim": 4, "gated": True},
    "Transformer": {**_TABLE, "layers": 1, "heads": 2},
    "TransformerEncoder": {"output_dim": 4, "heads": 2, "pooling": "first"},
    "UnicodeScriptTokenizer": {},
    "WarmupSchedule": {"learning_rate": 0.5, "kind": "cosine"},
    "WeightAverage": {"kind": "tail", "decay": 0.5, "start_step": 9},
    "WordTokenizer": {"name": "own"},
    "WordpieceTokenizer": {"name": "own"},
}


def test_all_decorated_classes_are_listed():
    decorated = {}
    for file in (ROOT / "o2v_keras").rglob("*.py"):
        parts = file.relative_to(ROOT / "o2v_keras").with_suffix("").parts
        module = ".".join(parts)
        for node in ast.walk(ast.parse(file.read_text())):
            for decorator in getattr(node, "decorator_list", []):
                if "register_keras_serializable(" in ast.unparse(decorator):
                    assert "'o2v_keras'" in ast.unparse(decorator)
                    decorated[node.name] = module
    assert decorated == CLASSES


# A backbone of keras-hub has a test of its own.
@pytest.mark.parametrize("name", sorted({*CLASSES} - {"KerasHubEncoder"}))
def test_config_rebuilds_the_object(name):
    cls = getattr(importlib.import_module(f"o2v_keras.{CLASSES[name]}"), name)
    # Two layers of one class have different default names.
    own = {"name": "own"} if issubclass(cls, keras.Layer) else {}
    made = cls(**{**own, **ARGUMENTS[name]})
    config = made.get_config()
    assert cls.from_config(copy.deepcopy(config)).get_config() == config
    written = json.dumps(keras.saving.serialize_keras_object(made))
    revived = keras.saving.deserialize_keras_object(json.loads(written))
    assert type(revived) is cls
    assert json.dumps(keras.saving.serialize_keras_object(revived)) == written


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of models, and of what they return for `IDS`."""
    folder = tmp_path_factory.mktemp("saved")
    for storage in ("dense", "row_sparse"):
        model = small_model(token_embedding_storage_type=storage)
        model.save(folder / f"untrained_{storage}.keras")
        model.fit(IDS, np.array([0, 1]), verbose=0)
        model.save(folder / f"model_{storage}.keras")
        model.encoder0.save(folder / f"encoder_{storage}.keras")
        np.savez(
            folder / f"{storage}.npz",
            scores=model.predict(IDS, verbose=0),
            encodings=model.encoder0.predict(IDS["in0"], verbose=0),
        )
    return folder


def small_model(**changes):
    config = Object2VecConfig(
        enc0_max_seq_len=4, enc0_vocab_size=9, enc_dim=4, mlp_dim=4, **changes
    )
    return Object2Vec(config)


LOADING = """
import warnings
import numpy as np
warnings.simplefilter("error", UserWarning)
assert [m for m in sys.modules if m.startswith("o2v_keras.")] == [
    "o2v_keras.keras_registry", "o2v_keras.start_tensorflow"
]
ids = {"in0": np.array([[3, 1, 2], [5, 0, 0]]), "in1": np.array([[7], [8]])}
for storage in ("dense", "row_sparse"):
    expected = np.load(f"{storage}.npz")
    encoder = load_model(f"encoder_{storage}.keras", safe_mode=True)
    encodings = encoder.predict(ids["in0"], verbose=0)
    np.testing.assert_array_equal(encodings, expected["encodings"])
    model = load_model(f"model_{storage}.keras", safe_mode=True)
    assert type(model) is o2v_keras.Object2Vec
    scores = model.predict(ids, verbose=0)
    np.testing.assert_array_equal(scores, expected["scores"])
    untrained = load_model(f"untrained_{storage}.keras", safe_mode=True)
    untrained.fit(ids, np.array([0, 1]), verbose=0)
    np.testing.assert_array_equal(
        untrained.predict(ids, verbose=0), expected["scores"]
    )
"""


# One process each, as the first import of Keras counts.
@pytest.mark.parametrize(
    "imports",
    [
        pytest.param(
            """
            import o2v_keras
            assert not {"tensorflow", "keras"} & sys.modules.keys()
            from keras.saving import load_model
            """,
            id="o2v_keras_keras",
        ),
        pytest.param(
            """
            from keras.models import load_model
            import o2v_keras
            """,
            id="keras_o2v_keras",
        ),
        pytest.param(
            """
            import o2v_keras
            import tensorflow as tf
            load_model = tf.keras.models.load_model
            """,
            id="o2v_keras_tensorflow",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_import_of_the_package_is_enough_to_load(imports, saved):
    run(textwrap.dedent(imports) + LOADING, saved)


def test_a_name_in_the_registry_stands_for_its_class(monkeypatch):
    # As in a process that has not imported the class.
    registry = keras.saving.get_custom_objects()
    monkeypatch.delitem(registry, "o2v_keras>DenseAdam")
    importlib.import_module("o2v_keras.keras_registry").enter_classes()
    named = keras.saving.get_registered_object("o2v_keras>DenseAdam")
    real = importlib.import_module("o2v_keras.optimizers").DenseAdam
    assert named is not real
    assert type(named(learning_rate=0.5)) is real
    assert type(keras.optimizers.get("o2v_keras>DenseAdam")) is real
    assert named.build is real.build


def test_a_model_that_never_trained_can_be_copied():
    model = small_model()
    expected = model.predict(IDS, verbose=0)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(copied) is Object2Vec
        np.testing.assert_array_equal(copied.predict(IDS, verbose=0), expected)


def test_a_clone_is_a_compiled_functional_model():
    clone = keras.models.clone_model(small_model())
    assert isinstance(clone, keras.Model) and not isinstance(clone, Object2Vec)
    clone.fit(IDS, np.array([0, 1]), verbose=0)


@pytest.mark.parametrize("optimizer", [None, "adam"])
def test_a_model_compiled_otherwise_can_be_copied(optimizer):
    model = small_model()
    model.compile(optimizer, loss="sparse_categorical_crossentropy")
    copied = copy.deepcopy(model)
    assert type(copied.optimizer) is type(model.optimizer)


def test_slots_of_a_trained_optimizer_are_loaded(saved):
    model = keras.saving.load_model(saved / "model_row_sparse.keras")
    slots = {variable.path: variable for variable in model.optimizer.variables}
    assert float(model.optimizer.iterations) == 1
    assert any(np.any(slots[path]) for path in slots if "velocity" in path)


# A package `keras` whose import can fail, in place of the slow real one.
KERAS = """
import os
import importlib.resources
assert importlib.resources.files("keras").joinpath("__init__.py").is_file()
class saving:
    objects = {}
    def get_custom_objects(objects=objects):
        return objects
if os.environ.pop("FAIL", None):
    raise OSError("half way")
"""
IS_ENTERED = 'assert "o2v_keras>Object2Vec" in keras.saving.objects\n'


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import keras.layers", id="submodule_first"),
        pytest.param(
            "import importlib.util\n"
            "assert importlib.util.find_spec('keras').origin\n"
            "import keras",
            id="looked_for_first",
        ),
        pytest.param(
            "import os; os.environ['FAIL'] = '1'\n"
            "try: import keras\n"
            "except OSError: import keras",
            id="fails_half_way",
        ),
        pytest.param(
            "import keras; del sys.modules['keras']; import keras",
            id="removed",
        ),
        pytest.param(
            "import keras, importlib; keras.saving.objects.clear()\n"
            "importlib.reload(o2v_keras)",
            id="cleared_and_reloaded",
        ),
        pytest.param(
            "import importlib; importlib.reload(o2v_keras); import keras\n"
            "importlib.reload(keras); importlib.reload(o2v_keras)\n"
            "assert sum('o2v' in type(f).__module__ for f in sys.meta_path)"
            " == 1",
            id="reloaded",
        ),
        pytest.param(
            "import importlib.util\n"
            "class Wrapper:\n"
            "    busy = False\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if self.busy: return None\n"
            "        self.busy = True\n"
            "        spec = importlib.util.find_spec(name)\n"
            "        self.busy = False\n"
            "        return spec\n"
            "sys.meta_path[:] = [Wrapper(), *sys.meta_path, Wrapper()]\n"
            "import keras",
            id="finders_that_wrap",
        ),
        pytest.param(
            "import threading, importlib\n"
            "names = ['keras', 'o2v_keras', 'keras.layers'] * 8\n"
            "del sys.modules['o2v_keras']\n"
            "threads = [threading.Thread(target=importlib.import_module, "
            "args=[name]) for name in names]\n"
            "for thread in threads: thread.start()\n"
            "for thread in threads: thread.join(60)\n"
            "import keras",
            id="threads",
        ),
    ],
)
def test_keras_may_be_imported_in_any_way(code, tmp_path):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras/__init__.py").write_text(KERAS)
    (tmp_path / "keras/layers.py").write_text("")
    start = "import o2v_keras\n"
    end = "assert type(keras.__loader__).__name__ == 'SourceFileLoader'\n"
    end += "assert keras.__spec__.loader is keras.__loader__\n"
    run(f"{start}{code}\nimport keras\n{IS_ENTERED}{end}", tmp_path)


def test_a_process_that_keeps_keras_out_imports_the_package(tmp_path):
    run("sys.modules['keras'] = None; import o2v_keras", tmp_path)


def run(code, folder):
    finished = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
