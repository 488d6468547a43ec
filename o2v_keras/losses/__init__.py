"""Losses and metrics that do not depend on the number of replicas."""

from o2v_keras.losses.bpr import BPRLoss
from o2v_keras.losses.bpr import PairwiseMean
from o2v_keras.losses.cosent import CoSENTLoss
from o2v_keras.losses.embedding import EmbeddingLoss
from o2v_keras.losses.global_batch_loss import GlobalBatchLoss
from o2v_keras.losses.in_batch_softmax import InBatchSoftmaxLoss
from o2v_keras.losses.loss_metric import LossMetric

__all__ = [
    "BPRLoss",
    "CoSENTLoss",
    "EmbeddingLoss",
    "GlobalBatchLoss",
    "InBatchSoftmaxLoss",
    "LossMetric",
    "PairwiseMean",
]
