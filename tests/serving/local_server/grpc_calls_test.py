"""Calls that are opened and left, hold no message, or have nobody waiting."""

import socket
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.local_server import grpc_calls
from serving.local_server import local_server
from serving.local_server.local_server import LocalServer
from tests.serving.local_server.models import write_adder
from tests.serving.local_server.models import write_gate

PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.fixture(scope="module")
def adder_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("adder")
    write_adder(path / "1", 1)
    return path


@pytest.fixture(scope="module")
def gate_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("gate")
    write_gate(path / "1")
    return path


def predict_request(signature=""):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = signature
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1.0], tf.float32))
    return request


class Caller:
    """Calls a server in many ways, and ends its calls when it is left."""

    def __init__(self, server):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(
            self.channel
        )
        self._end = threading.Event()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        self.channel.close()

    def open_and_leave(self):
        def nothing():
            self._end.wait()
            yield from ()

        return self.channel.stream_unary(PREDICT).future(nothing())


@pytest.fixture
def few_threads(monkeypatch):
    monkeypatch.setattr(local_server, "_MAX_WAITING_CALLS", 2)
    monkeypatch.setattr(local_server, "worker_count", lambda: 2)


def test_calls_that_are_left_keep_nobody_out(
    adder_path, few_threads, monkeypatch
):
    monkeypatch.setattr(grpc_calls, "_MESSAGE_SECONDS_IF_FULL", 0.5)
    with LocalServer("m", adder_path, rest_api_port=None) as server:
        with Caller(server) as caller:
            left = [caller.open_and_leave() for _ in range(8)]
            time.sleep(0.2)
            answer = caller.stub.Predict(predict_request(), timeout=30)
            assert answer.outputs["y"].float_val == [2]
            ended = [each.exception(30) for each in left[:4]]
        assert {e.code() for e in ended} == {grpc.StatusCode.CANCELLED}


@pytest.mark.slow
def test_honest_requests_are_answered_within_a_minute(adder_path):
    def answers(caller):
        try:
            return caller.stub.Predict(predict_request(), timeout=60)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            return None

    with LocalServer("m", adder_path, rest_api_port=None) as server:
        with Caller(server) as caller, Caller(server) as other:
            left = [other.open_and_leave() for _ in range(200)]
            time.sleep(1)
            wait_until(lambda: answers(caller), 60)
            assert sum(not each.done() for each in left) < 40


def test_a_call_waits_for_its_message_only_for_a_time(adder_path, monkeypatch):
    monkeypatch.setattr(grpc_calls, "_MESSAGE_SECONDS", 0.5)
    with LocalServer("m", adder_path, rest_api_port=None) as server:
        with Caller(server) as caller:
            error = caller.open_and_leave().exception(20)
    assert error.code() == grpc.StatusCode.CANCELLED


def test_a_call_that_is_left_does_not_delay_the_stop(adder_path):
    server = LocalServer("m", adder_path, rest_api_port=None).__enter__()
    with Caller(server) as caller:
        left = caller.open_and_leave()
        time.sleep(0.2)
        start = time.monotonic()
        server.stop(grace_seconds=30)
        assert time.monotonic() - start < 10
        assert left.done()


def test_connections_that_say_nothing_are_closed(adder_path, monkeypatch):
    monkeypatch.setattr(local_server, "_HANDSHAKE_MS", 300)
    with LocalServer("m", adder_path, rest_api_port=None) as server:
        address = "127.0.0.1", server.port
        with socket.create_connection(address, timeout=20) as silent:
            while silent.recv(1000):
                pass


def test_what_is_no_message_is_refused_without_a_traceback(channel, caplog):
    call = channel.unary_unary(PREDICT)
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as raised:
            call(b"\xff no message", timeout=30)
        assert raised.value.code() == grpc.StatusCode.INTERNAL
        assert raised.value.details() == "Exception deserializing request!"
    assert not caplog.records


def test_no_message_at_all_is_refused(channel):
    with pytest.raises(grpc.RpcError) as raised:
        channel.stream_unary(PREDICT)(iter(()), timeout=30)
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "exactly one request message" in raised.value.details()


def wait_until(is_so, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def users(server):
    with server._registry.lease("m") as version:
        return version.users - 1


def test_the_graph_stops_at_the_deadline_of_the_call(gate_path):
    with LocalServer("m", gate_path, rest_api_port=None) as server:
        with Caller(server) as caller:
            with pytest.raises(grpc.RpcError) as raised:
                caller.stub.Predict(predict_request(), timeout=0.5)
            assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            # Nobody has opened the gate.
            wait_until(lambda: users(server) == 0)


def test_work_for_a_client_that_has_gone_is_not_begun(
    gate_path, few_threads, monkeypatch
):
    monkeypatch.setattr(local_server, "worker_count", lambda: 1)
    with LocalServer("m", gate_path, rest_api_port=None) as server:
        with Caller(server) as caller:
            first = caller.stub.Predict.future(predict_request())
            wait_until(lambda: users(server) == 1)
            second = caller.stub.Predict.future(predict_request("open"))
            time.sleep(0.3)
            second.cancel()
            time.sleep(0.3)
            assert not first.done()
            # The only slot is the gate's, which is opened from inside.
            with server._registry.lease("m") as version:
                ones = {"x": np.ones(1, np.float32)}
                version.run("Predict", "open", ones)
            assert first.result(20).outputs["y"].float_val == [2]
            # An `open` of the second would let a third call through.
            with pytest.raises(grpc.RpcError):
                caller.stub.Predict(predict_request(), timeout=0.5)
