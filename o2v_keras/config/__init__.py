"""Hyperparameters: their names, defaults and rules."""

from o2v_keras.config.encoder_config import EncoderConfig
from o2v_keras.config.object2vec_config import Object2VecConfig

__all__ = ["EncoderConfig", "Object2VecConfig"]
