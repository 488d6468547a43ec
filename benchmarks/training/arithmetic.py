"""What a step of training must compute, padding and bookkeeping left out."""

import numpy as np

from o2v_keras import Object2VecConfig
from o2v_keras import PairTable

_COMPARED = {"hadamard": 1, "concat": 2, "abs_diff": 1}


def matrix_operations(config: Object2VecConfig, table: PairTable) -> float:
    """Floating-point operations of the matrix products of a mean pair.

    Two for each multiplication of a real token or a pair, and that three
    times: forwards, and backwards for inputs and for weights.
    """
    products = sum(
        _of_encoder(encoder)
        * np.minimum(side.lengths, encoder.max_seq_len).mean()
        for encoder, side in (
            (config.encoder0, table.in0),
            (config.encoder1, table.in1),
        )
    )
    width = config.enc_dim * sum(_COMPARED[c] for c in config.comparator_list)
    for _ in range(config.mlp_layers):
        products += width * config.mlp_dim
        width = config.mlp_dim
    outputs = 1
    if config.output_layer == "softmax":
        outputs = config.num_classes
    return 6 * (products + width * outputs)


def _of_encoder(encoder):
    """Multiplications for one token."""
    width = encoder.token_embedding_dim
    total = 0
    if encoder.network == "hcnn":
        filters = encoder.enc_dim // encoder.layers
        for _ in range(encoder.layers):
            total += encoder.cnn_filter_width * width * filters
            width = filters
    elif encoder.network == "bilstm":
        units = encoder.enc_dim // 2
        for _ in range(encoder.layers):
            total += 2 * 4 * units * (width + units)
            width = encoder.enc_dim
    return total
