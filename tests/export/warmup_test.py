import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from export.warmup import write_warmup_requests
from o2v_keras.config import Object2VecConfig

CONFIG = Object2VecConfig(
    enc0_max_seq_len=3,
    enc0_vocab_size=3,
    enc1_network="hcnn",
    enc1_max_seq_len=500,
    enc1_vocab_size=90,
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
    write_warmup_requests(tmp_path, CONFIG, signatures)
    assert list(_requests(tmp_path)) == expected


def _requests(folder):
    file = folder / "tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert set(request.inputs) == {"in0", "in1"}
        ids = [tf.make_ndarray(request.inputs[k]) for k in ("in0", "in1")]
        assert all(side.dtype == np.int64 for side in ids)
        yield (request.model_spec.signature_name, *(i.tolist() for i in ids))
