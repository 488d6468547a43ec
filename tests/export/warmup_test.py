import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from export.serving_side import ServingSide
from export.warmup import write_warmup_requests
from o2v_keras.config import Object2VecConfig
from tests.export.exports import word_tokenizer

CONFIG = Object2VecConfig(
    enc0_max_seq_len=3,
    enc0_vocab_size=3,
    enc1_network="hcnn",
    enc1_max_seq_len=500,
    enc1_vocab_size=90,
)
SIDES = (
    ServingSide("in0", CONFIG.encoder0),
    ServingSide("in1", CONFIG.encoder1),
)
SIDE0 = [[1, 2, 1]]
SIDE1 = [list(range(1, 33))]


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        (
            ["serving_default", "encoder_embeddings"],
            [
                ("serving_default", SIDE0, SIDE1),
                ("encoder_embeddings", SIDE0, [[]]),
                ("encoder_embeddings", [[]], SIDE1),
            ],
        ),
        (["serving_default"], [("serving_default", SIDE0, SIDE1)]),
        (
            ["encoder_embeddings"],
            [
                ("encoder_embeddings", SIDE0, [[]]),
                ("encoder_embeddings", [[]], SIDE1),
            ],
        ),
    ],
    ids=["both", "classification", "embedding"],
)
def test_one_request_a_signature_and_side(tmp_path, signatures, expected):
    write_warmup_requests(tmp_path, SIDES, signatures)
    assert list(_requests(tmp_path)) == expected


def test_a_tower_is_asked_for_its_side_alone(tmp_path):
    names = ["serving_default", "encoder_embeddings"]
    write_warmup_requests(tmp_path, SIDES[1:], names)
    assert list(_requests(tmp_path)) == [(name, SIDE1) for name in names]


def test_requests_with_texts_hold_words(tmp_path):
    tokenizer = word_tokenizer(("a", "dog"))
    config = Object2VecConfig(enc0_max_seq_len=9, enc0_vocab_size=4)
    text = ServingSide("in0", config.encoder0, tokenizer)
    write_warmup_requests(
        tmp_path,
        (text, SIDES[1]),
        ["serving_default", "encoder_embeddings"],
    )
    assert list(_requests(tmp_path)) == [
        ("serving_default", [b"a dog"], SIDE1),
        ("encoder_embeddings", [b"a dog"], [[]]),
        ("encoder_embeddings", [b""], SIDE1),
    ]


def _requests(folder):
    file = folder / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        sides = [tf.make_ndarray(v) for _, v in sorted(request.inputs.items())]
        assert all(side.dtype in (np.int64, object) for side in sides)
        yield (request.model_spec.signature_name, *(s.tolist() for s in sides))
