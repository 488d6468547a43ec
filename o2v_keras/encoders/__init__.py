"""Encoders: Keras layers from ids to one vector."""

from o2v_keras.encoders.bilstm import BiLSTM
from o2v_keras.encoders.encoder import Encoder
from o2v_keras.encoders.hcnn import HCNN
from o2v_keras.encoders.pooled_embedding import PooledEmbedding
from o2v_keras.encoders.transformer import Transformer

__all__ = ["BiLSTM", "Encoder", "HCNN", "PooledEmbedding", "Transformer"]
