"""The public names of the package: each is imported when first used."""

from . import encoders as encoders
from . import heads as heads
from . import losses as losses
from . import pairs as pairs
from . import testing as testing
from .config import EncoderConfig as EncoderConfig
from .config import Object2VecConfig as Object2VecConfig
from .data.convert.convert import convert as convert
from .data.load_dataset import load_dataset as load_dataset
from .data.pair_columns import PairColumns as PairColumns
from .data.pair_table import PairTable as PairTable
from .downstream.object2vec_transformer import (
    Object2VecTransformer as Object2VecTransformer,
)
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.inference import embed as embed
from .evaluation.inference import predict_scores as predict_scores
from .evaluation.rank import rank as rank
from .models.object2vec import Object2Vec as Object2Vec
from .neighbors.neighbor_index import NeighborIndex as NeighborIndex
from .registry import COMPARATORS as COMPARATORS
from .reports.card import write_card as write_card
from .reports.embedding_map import write_map as write_map
from .text.learn_tokenizers import learn_tokenizers as learn_tokenizers
from .text.pair_tokenizers import PairTokenizers as PairTokenizers
from .text.tokenizers.lookup_tokenizers import (
    CategoriesTokenizer as CategoriesTokenizer,
)
from .text.tokenizers.lookup_tokenizers import (
    CategoryTokenizer as CategoryTokenizer,
)
from .text.tokenizers.lookup_tokenizers import (
    UnicodeScriptTokenizer as UnicodeScriptTokenizer,
)
from .text.tokenizers.lookup_tokenizers import WordTokenizer as WordTokenizer
from .text.tokenizers.ngram_tokenizer import NGramTokenizer as NGramTokenizer
from .text.tokenizers.sentencepiece_tokenizer import (
    SentencepieceTokenizer as SentencepieceTokenizer,
)
from .text.tokenizers.tokenizer import Tokenizer as Tokenizer
from .text.tokenizers.wordpiece_tokenizer import (
    WordpieceTokenizer as WordpieceTokenizer,
)
from .training.callbacks.early_stopping import EarlyStopping as EarlyStopping
from .training.callbacks.metrics import CorrelationMetrics as CorrelationMetrics
from .training.callbacks.metrics import RankingMetrics as RankingMetrics
from .training.ensemble import ensemble as ensemble
from .training.model_directory import load_model as load_model
from .training.train import TrainingResult as TrainingResult
from .training.train import train as train
from .tuning.object2vec_hypermodel import (
    Object2VecHyperModel as Object2VecHyperModel,
)
from .tuning.ranges import ValueChoice as ValueChoice
from .tuning.ranges import ValueRange as ValueRange
from .tuning.tune import TuningResult as TuningResult
from .tuning.tune import tune as tune
