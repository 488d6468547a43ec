"""Requests and answers observed on the real TF Serving."""

import json

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.local_server.json_inputs import read_inputs
from serving.local_server.json_reader import read_json
from tests.serving.local_server.conftest import CASES_FILE
from tests.serving.tfs_cases.replay import json_differs
from tests.serving.tfs_cases.replay import replay_grpc
from tests.serving.tfs_cases.replay import replay_rest
from tests.serving.tfs_cases.replay import request_body

CASES = json.loads(CASES_FILE.read_text())["cases"]
GRPC = [case for case in CASES if "rpc" in case["request"]]
REST = [case for case in CASES if "rpc" not in case["request"]]
DECODED = [case for case in REST if "decoded_tensors" in case["expected"]]

DTYPES = {"float": tf.float32, "double": tf.float64, "half": tf.float16}


def by_id(cases):
    return [pytest.param(case, id=case["id"]) for case in cases]


@pytest.mark.parametrize("case", by_id(REST))
def test_rest_case(case, request):
    flags = case.get("server_flags")
    server = request.getfixturevalue("open_server" if flags else "server")
    replay_rest(case, "127.0.0.1", server.rest_api_port)


@pytest.mark.parametrize("case", by_id(GRPC))
def test_grpc_case(case, channel):
    replay_grpc(case, channel)


@pytest.mark.parametrize("case", by_id(DECODED))
def test_decoded_tensors(case):
    infos = {
        each["name"]: meta_graph_pb2.TensorInfo(dtype=enum_of(each["dtype"]))
        for each in case["signature"]["inputs"]
    }
    arrays, _ = read_inputs(read_json(request_body(case["request"])), infos)
    expected = case["expected"]["decoded_tensors"]
    assert arrays.keys() == expected.keys()
    for name, tensor in expected.items():
        array = arrays[name]
        assert tf.as_dtype(array.dtype).as_datatype_enum == enum_of(
            tensor["dtype"]
        )
        assert list(array.shape) == tensor["shape"]
        values = [
            v.decode() if isinstance(v, bytes) else v
            for v in array.ravel().tolist()
        ]
        assert not json_differs(values, tensor["values"], 1e-6)


def test_all_cases_are_replayed():
    assert len(REST) + len(GRPC) == 94
    assert len(GRPC) == 11


def enum_of(name):
    return tf.as_dtype(DTYPES.get(name, name)).as_datatype_enum
