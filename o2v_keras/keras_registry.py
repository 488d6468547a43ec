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
from typing import Any

# Class -> module of this package. A test compares them with the decorators in
# the sources.
CLASSES = {
    "BPR": "heads.bpr",
    "BPRLoss": "losses.bpr",
    "BiLSTM": "encoders.bilstm",
    "BiLSTMEncoder": "layers.bilstm_encoder",
    "CategoriesTokenizer": "text.tokenizers.lookup_tokenizers",
    "CategoryTokenizer": "text.tokenizers.lookup_tokenizers",
    "Classification": "heads.classification",
    "CoSENT": "heads.cosent",
    "CoSENTLoss": "losses.cosent",
    "Comparator": "layers.comparator",
    "ConcatenatedEncoder": "encoders.concatenated_encoder",
    "DenseAdadelta": "optimizers.dense_optimizers",
    "DenseAdagrad": "optimizers.dense_optimizers",
    "DenseAdam": "optimizers.dense_optimizers",
    "DenseRMSprop": "optimizers.dense_optimizers",
    "DenseSGD": "optimizers.dense_optimizers",
    "Embedding": "heads.embedding",
    "EmbeddingLoss": "losses.embedding",
    "FeedForward": "layers.feed_forward",
    "GlobalBatchLoss": "losses.global_batch_loss",
    "GaussianEmbedding": "layers.gaussian_embedding",
    "HCNN": "encoders.hcnn",
    "HCNNEncoder": "layers.hcnn_encoder",
    "IdDropout": "layers.id_dropout",
    "InBatchSoftmax": "heads.in_batch_softmax",
    "InBatchSoftmaxLoss": "losses.in_batch_softmax",
    "KerasHubEncoder": "encoders.keras_hub_encoder",
    "LossMetric": "losses.loss_metric",
    "NGramTokenizer": "text.tokenizers.ngram_tokenizer",
    "Object2Vec": "models.object2vec",
    "PairTokenizers": "text.pair_tokenizers",
    "PairVectors": "layers.pair_vectors",
    "PairwiseMean": "losses.bpr",
    "PooledEmbedding": "encoders.pooled_embedding",
    "PooledEmbeddingEncoder": "layers.pooled_embedding_encoder",
    "PositiveSimilarity": "heads.similarity",
    "Regression": "heads.regression",
    "RowSparseAdadelta": "optimizers.row_sparse_optimizers",
    "RowSparseAdagrad": "optimizers.row_sparse_optimizers",
    "RowSparseAdam": "optimizers.row_sparse_optimizers",
    "RowSparseLossScale": "optimizers.row_sparse_optimizers",
    "RowSparseRMSprop": "optimizers.row_sparse_optimizers",
    "RowSparseSGD": "optimizers.row_sparse_optimizers",
    "SentencepieceTokenizer": "text.tokenizers.sentencepiece_tokenizer",
    "SequenceLimit": "layers.sequence_limit",
    "TokenEmbedding": "layers.token_embedding",
    "Transformer": "encoders.transformer",
    "TransformerEncoder": "layers.transformer_encoder",
    "UnicodeScriptTokenizer": "text.tokenizers.lookup_tokenizers",
    "WarmupSchedule": "optimizers.warmup_schedule",
    "WeightAverage": "optimizers.weight_average",
    "WordTokenizer": "text.tokenizers.lookup_tokenizers",
    "WordpieceTokenizer": "text.tokenizers.wordpiece_tokenizer",
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
        module = f"o2v_keras.{module}"
        placeholder = _Placeholder(name, (), {"__module__": module})
        # A class that is imported already stays; one that is imported later
        # replaces its placeholder.
        registry.setdefault(f"o2v_keras>{name}", placeholder)


class _Placeholder(type):
    """A class that imports the class of its name and module when used."""

    def __getattr__(cls, name):
        return getattr(_imported(cls), name)

    def __call__(cls, *args: Any, **kwargs: Any):
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
            loader: Any = _Loader(spec.loader)
            spec.loader = loader
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
