"""Fingerprints of models, to compare only embeddings of the same model."""

import hashlib
import json

import keras
import numpy as np

from o2v_keras.models.object2vec import Object2Vec


def model_fingerprint(model: Object2Vec) -> str:
    """Returns a digest of the settings and weights of both encoders.

    Comparator, MLP and head are left out, since embeddings do not depend on
    them.

    Args:
        model: `Object2Vec`.

    Returns:
        16 hexadecimal digits.

    Example:
    >>> from o2v_keras import Object2VecConfig
    >>> config = Object2VecConfig(
    ...     enc0_max_seq_len=3, enc0_vocab_size=9, enc_dim=4
    ... )
    >>> len(model_fingerprint(Object2Vec(config)))
    16
    """
    settings = {
        name: value
        for name, value in model.config.to_dict().items()
        if name.startswith(("enc", "tied"))
    }
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    # Embeddings of texts depend on the tokenizers.
    digest.update(str(model.tokenizers.fingerprint()).encode())
    for encoder in (model.encoder0, model.encoder1):
        for weight in encoder.weights:
            array = keras.ops.convert_to_numpy(weight)
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()
