"""The ranges that SageMaker recommends to search in."""

from o2v_keras.tuning.value_choice import ValueChoice
from o2v_keras.tuning.value_range import ValueRange

# SageMaker Developer Guide, "Tune an Object2Vec Model".
DEFAULT_RANGES = {
    "dropout": ValueRange(0.0, 1.0),
    "early_stopping_patience": ValueRange(1, 5),
    "early_stopping_tolerance": ValueRange(0.001, 0.1),
    "enc_dim": ValueRange(4, 4096),
    "enc0_cnn_filter_width": ValueRange(1, 5),
    "enc1_cnn_filter_width": ValueRange(1, 5),
    "enc0_layers": ValueRange(1, 4),
    "enc1_layers": ValueRange(1, 4),
    "enc0_token_embedding_dim": ValueRange(5, 300),
    "enc1_token_embedding_dim": ValueRange(5, 300),
    "epochs": ValueRange(4, 20),
    "learning_rate": ValueRange(1e-6, 1.0),
    "mini_batch_size": ValueRange(1, 8192),
    "mlp_activation": ValueChoice(("tanh", "relu", "linear")),
    "mlp_dim": ValueRange(16, 1024),
    "mlp_layers": ValueRange(1, 4),
    "optimizer": ValueChoice(("adagrad", "adam", "rmsprop", "sgd", "adadelta")),
    "weight_decay": ValueRange(0.0, 1.0),
}
