"""Object2Vec for Keras 3: embeddings of pairs of objects."""

from o2v_keras.keras_registry import enter_classes
from o2v_keras.start_tensorflow import quiet_import

# Imported when first asked for, so that what needs no TensorFlow (checking
# data, printing help) starts at once.
_PUBLIC = {
    "COMPARATORS": "o2v_keras.registry",
    "CategoriesTokenizer": "o2v_keras.text.tokenizers.lookup_tokenizers",
    "CategoryTokenizer": "o2v_keras.text.tokenizers.lookup_tokenizers",
    "CorrelationMetrics": "o2v_keras.training.callbacks.metrics",
    "EarlyStopping": "o2v_keras.training.callbacks.early_stopping",
    "EncoderConfig": "o2v_keras.config",
    "NGramTokenizer": "o2v_keras.text.tokenizers.ngram_tokenizer",
    "NeighborIndex": "o2v_keras.neighbors.neighbor_index",
    "Object2Vec": "o2v_keras.models.object2vec",
    "Object2VecConfig": "o2v_keras.config",
    "Object2VecHyperModel": "o2v_keras.tuning.object2vec_hypermodel",
    "Object2VecTransformer": "o2v_keras.downstream.object2vec_transformer",
    "PairColumns": "o2v_keras.data.pair_columns",
    "PairTokenizers": "o2v_keras.text.pair_tokenizers",
    "PairTable": "o2v_keras.data.pair_table",
    "RankingMetrics": "o2v_keras.training.callbacks.metrics",
    "SentencepieceTokenizer": (
        "o2v_keras.text.tokenizers.sentencepiece_tokenizer"
    ),
    "Tokenizer": "o2v_keras.text.tokenizers.tokenizer",
    "TrainingResult": "o2v_keras.training.train",
    "TuningResult": "o2v_keras.tuning.tune",
    "UnicodeScriptTokenizer": "o2v_keras.text.tokenizers.lookup_tokenizers",
    "ValueChoice": "o2v_keras.tuning.ranges",
    "ValueRange": "o2v_keras.tuning.ranges",
    "WordTokenizer": "o2v_keras.text.tokenizers.lookup_tokenizers",
    "WordpieceTokenizer": "o2v_keras.text.tokenizers.wordpiece_tokenizer",
    "convert": "o2v_keras.data.convert.convert",
    "embed": "o2v_keras.evaluation.inference",
    "ensemble": "o2v_keras.training.ensemble",
    "evaluate": "o2v_keras.evaluation.evaluate",
    "learn_tokenizers": "o2v_keras.text.learn_tokenizers",
    "load_dataset": "o2v_keras.data.load_dataset",
    "load_model": "o2v_keras.training.model_directory",
    "predict_scores": "o2v_keras.evaluation.inference",
    "rank": "o2v_keras.evaluation.rank",
    "train": "o2v_keras.training.train",
    "tune": "o2v_keras.tuning.tune",
    "write_card": "o2v_keras.reports.card",
    "write_map": "o2v_keras.reports.embedding_map",
}

__all__ = list(_PUBLIC)

enter_classes()


# Rooms with public names.
_ROOMS = ("encoders", "heads", "losses", "pairs", "testing")


def __getattr__(name):
    if name in _ROOMS:
        return quiet_import(f"o2v_keras.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(quiet_import(_PUBLIC[name]), name)


def __dir__():
    return sorted({*globals(), *_PUBLIC, *_ROOMS})
