"""Encoders: Keras layers from ids to one vector."""

from o2v_keras.encoders.bilstm import BiLSTM
from o2v_keras.encoders.concatenated_encoder import ConcatenatedEncoder
from o2v_keras.encoders.encoder import Encoder
from o2v_keras.encoders.hcnn import HCNN
from o2v_keras.encoders.keras_hub_encoder import KerasHubEncoder
from o2v_keras.encoders.pooled_embedding import PooledEmbedding
from o2v_keras.encoders.token_table_encoder import TokenTableEncoder
from o2v_keras.encoders.transformer import Transformer

__all__ = [
    "BiLSTM",
    "ConcatenatedEncoder",
    "Encoder",
    "HCNN",
    "KerasHubEncoder",
    "PooledEmbedding",
    "TokenTableEncoder",
    "Transformer",
]
