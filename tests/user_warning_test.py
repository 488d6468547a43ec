import linecache
import warnings

import keras
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras import embed
from o2v_keras import load_dataset

SIZES = {"enc0_max_seq_len": 2, "enc0_vocab_size": 9, "enc_dim": 4}
LONG = {"in0": [[1, 2, 3]], "in1": [[4]], "label": [1]}


def _configure():
    return Object2VecConfig.from_hyperparameters(SIZES | {"_kvstore": "auto"})


def _make_a_model():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        Object2Vec(Object2VecConfig(**SIZES))
    finally:
        keras.config.set_dtype_policy("float32")


def _load():
    load_dataset(LONG, Object2VecConfig(**SIZES))


def _embed():
    embed(Object2Vec(Object2VecConfig(**SIZES)), "in0", {"in0": [[1, 2, 3]]})


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (_configure, "return Object2VecConfig.from_hyperparameters("),
        (_make_a_model, "Object2Vec(Object2VecConfig("),
        (_load, "load_dataset("),
        (_embed, "embed("),
    ],
)
def test_warnings_name_the_users_line(call, line):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    (warning,) = caught
    blamed = linecache.getline(warning.filename, warning.lineno)
    assert blamed.strip().startswith(line)
