"""Lets Keras load files that hold classes of this package.

`keras.models.load_model` finds a class in Keras's registry, where the
decorator of the class enters it. So that `import o2v_keras` is enough for
loading and still imports no TensorFlow, placeholders are entered when Keras
is imported. They import the classes when Keras asks for them.
"""

import importlib
import importlib.util
import sys
import threading

# A test compares these with the decorators in the sources.
CLASSES = {
    "BPRLoss": "o2v_keras.models.bpr_loss",
    "BiLSTMEncoder": "o2v_keras.layers.bilstm_encoder",
    "Comparator": "o2v_keras.layers.comparator",
    "DenseAdadelta": "o2v_keras.optimizers.dense_optimizers",
    "DenseAdagrad": "o2v_keras.optimizers.dense_optimizers",
    "DenseAdam": "o2v_keras.optimizers.dense_optimizers",
    "DenseRMSprop": "o2v_keras.optimizers.dense_optimizers",
    "DenseSGD": "o2v_keras.optimizers.dense_optimizers",
    "FeedForward": "o2v_keras.layers.feed_forward",
    "GlobalBatchLoss": "o2v_keras.models.global_batch_loss",
    "HCNNEncoder": "o2v_keras.layers.hcnn_encoder",
    "IdDropout": "o2v_keras.layers.id_dropout",
    "InBatchSoftmaxLoss": "o2v_keras.models.in_batch_softmax_loss",
    "InBatchSoftmaxMetric": "o2v_keras.models.in_batch_softmax_metric",
    "Object2Vec": "o2v_keras.models.object2vec",
    "PaddingMask": "o2v_keras.layers.padding_mask",
    "PairVectors": "o2v_keras.layers.pair_vectors",
    "PairwiseMean": "o2v_keras.models.pairwise_mean",
    "PooledEmbeddingEncoder": "o2v_keras.layers.pooled_embedding_encoder",
    "PositiveSimilarity": "o2v_keras.models.head",
    "RowSparseAdadelta": "o2v_keras.optimizers.row_sparse_optimizers",
    "RowSparseAdagrad": "o2v_keras.optimizers.row_sparse_optimizers",
    "RowSparseAdam": "o2v_keras.optimizers.row_sparse_optimizers",
    "RowSparseLossScale": "o2v_keras.optimizers.row_sparse_optimizers",
    "RowSparseRMSprop": "o2v_keras.optimizers.row_sparse_optimizers",
    "RowSparseSGD": "o2v_keras.optimizers.row_sparse_optimizers",
    "SequenceLimit": "o2v_keras.layers.sequence_limit",
    "TokenEmbedding": "o2v_keras.layers.token_embedding",
    "WarmupSchedule": "o2v_keras.optimizers.warmup_schedule",
}


def enter_classes():
    """Enters the placeholders now, or as soon as Keras is imported."""
    if _FINDER not in sys.meta_path:
        # Also if Keras is here: programs remove modules and import them again.
        sys.meta_path.insert(0, _FINDER)
    if sys.modules.get("keras") is not None:
        _enter()


def _enter():
    # Waits if another thread is in the middle of importing Keras.
    keras = importlib.import_module("keras")
    registry = keras.saving.get_custom_objects()
    for name, module in CLASSES.items():
        placeholder = _Placeholder(name, (), {"__module__": module})
        # A class that is imported already stays; one that is imported later
        # replaces its placeholder.
        registry.setdefault(f"o2v_keras>{name}", placeholder)


class _Placeholder(type):
    """A class that imports the class of its name and module when used."""

    def __getattr__(cls, name):
        return getattr(_imported(cls), name)

    def __call__(cls, *args, **kwargs):
        return _imported(cls)(*args, **kwargs)


def _imported(placeholder):
    module = importlib.import_module(placeholder.__module__)
    return getattr(module, placeholder.__name__)


class _Finder:
    """Finds Keras as the other finders do and enters the classes after it.

    It stays in place, as a spec is not always loaded: TensorFlow asks only
    whether there is a Keras, and an import may fail and be tried again.
    """

    def __init__(self):
        self._searching = threading.local()

    def find_spec(self, name, path=None, target=None):
        # Modules of Keras import the package first. A reload keeps the
        # registry.
        done = name != "keras" or name in sys.modules
        if done or getattr(self._searching, "now", False):
            return None
        self._searching.now = True
        try:
            # All finders, because Keras may be installed in another way than
            # in a folder of `sys.path`, and others wrap it as we do.
            spec = importlib.util.find_spec(name)
        finally:
            self._searching.now = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader:
    """Loads a module by its own loader, then enters the classes."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def exec_module(self, module):
        # The module keeps its own loader, for `importlib.resources` and such.
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _enter()


_FINDER = _Finder()
