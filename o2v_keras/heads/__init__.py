"""Heads: what a model predicts, and the loss it learns by."""

from o2v_keras.heads.bpr import BPR
from o2v_keras.heads.classification import Classification
from o2v_keras.heads.cosent import CoSENT
from o2v_keras.heads.embedding import Embedding
from o2v_keras.heads.head import Head
from o2v_keras.heads.in_batch_softmax import InBatchSoftmax
from o2v_keras.heads.regression import Regression

__all__ = [
    "BPR",
    "Classification",
    "CoSENT",
    "Embedding",
    "Head",
    "InBatchSoftmax",
    "Regression",
]
