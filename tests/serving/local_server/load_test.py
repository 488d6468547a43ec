"""Many requests at a time, over time, and while models and servers change."""

import concurrent.futures
import contextlib
import http.client
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.local_server import local_server
from serving.local_server import rest_app
from serving.local_server.local_server import LocalServer
from serving.local_server.model_config import single_model
from tests.serving.local_server.models import write_adder
from tests.serving.local_server.models import write_gate
from tests.serving.local_server.models import write_spin

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="module")
def gate_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("gate")
    write_gate(path / "1")
    return path


class Client:
    """Asks for one number over either API."""

    def __init__(self, port, rest_api_port, model="m"):
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._url = f"http://127.0.0.1:{rest_api_port}/v1/models/{model}"
        self._model = model

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def rest(self, value=1.0, signature="serving_default"):
        body = {"signature_name": signature, "instances": [value]}
        return requests.post(f"{self._url}:predict", json=body, timeout=60)

    def grpc(self, value=1.0, signature="serving_default"):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = signature
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([value], tf.float32))
        answer = self._stub.Predict(request, timeout=60)
        return tf.make_ndarray(answer.outputs["y"])[0]


def client_of(server):
    return Client(server.port, server.rest_api_port)


@pytest.fixture
def workers():
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.mark.parametrize("api", ["rest", "grpc"])
def test_requests_run_in_parallel(gate_path, workers, api):
    # One after the other, `wait` would never see an `open`.
    with LocalServer("m", gate_path) as server, client_of(server) as client:
        waiting = [workers.submit(getattr(client, api)) for _ in range(4)]
        time.sleep(0.2)
        assert not any(each.done() for each in waiting)
        for _ in waiting:
            client.rest(1.0, "open")
        concurrent.futures.wait(waiting, timeout=30)
        answers = [each.result() for each in waiting]
    if api == "rest":
        answers = [each.json()["predictions"][0] for each in answers]
    assert answers == [2.0] * 4


def test_too_many_rest_requests_are_refused(gate_path, workers, monkeypatch):
    monkeypatch.setattr(rest_app, "MAX_CONCURRENT_REQUESTS", 2)
    with LocalServer("m", gate_path) as server, client_of(server) as client:
        waiting = [workers.submit(client.rest) for _ in range(2)]
        time.sleep(0.3)
        answer = client.rest()
        assert answer.status_code == 429
        assert "More than 2 requests at a time" in answer.json()["error"]
        for _ in waiting:
            client.grpc(1.0, "open")
        assert [each.result().status_code for each in waiting] == [200, 200]
        assert client.rest(1.0, "open").status_code == 200


def test_too_many_grpc_requests_are_refused(gate_path, workers, monkeypatch):
    monkeypatch.setattr(local_server, "MAX_CONCURRENT_REQUESTS", 2)
    with LocalServer("m", gate_path) as server, client_of(server) as client:
        waiting = [workers.submit(client.grpc) for _ in range(2)]
        time.sleep(0.3)
        with pytest.raises(grpc.RpcError) as raised:
            client.grpc()
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        for _ in waiting:
            client.rest(1.0, "open")
        assert [each.result() for each in waiting] == [2.0, 2.0]


def test_rest_requests_have_a_time_limit(gate_path):
    flags = {"rest_api_timeout_in_ms": 200}
    with LocalServer("m", gate_path, **flags) as server:
        with client_of(server) as client:
            answer = client.rest()
            assert answer.status_code == 504
            error = answer.json()["error"]
            assert error == "Timed out waiting for notification"
            client.rest(1.0, "open")


def test_stop_finishes_the_requests_under_way(gate_path, workers):
    server = LocalServer("m", gate_path).__enter__()
    with client_of(server) as client:
        waiting = [workers.submit(client.rest), workers.submit(client.grpc)]
        time.sleep(0.3)
        opening = workers.submit(client.grpc, 1.0, "open")
        opening.result()
        stop = threading.Thread(target=server.stop)
        stop.start()
        time.sleep(0.3)
        assert stop.is_alive()
        # Nobody new is let in, so the gate is opened from inside, where the
        # end of the server may come sooner than the answer.
        with server._registry.lease("m") as model:
            with contextlib.suppress(tf.errors.CancelledError):
                model.run("Predict", "open", {"x": np.ones(1, np.float32)})
        assert waiting[0].result().json() == {"predictions": [2.0]}
        assert waiting[1].result() == 2.0
        stop.join(30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.rest_api_port))


def test_stop_cancels_what_does_not_end(gate_path, workers):
    server = LocalServer("m", gate_path).__enter__()
    with client_of(server) as client:
        waiting = [workers.submit(client.rest), workers.submit(client.grpc)]
        time.sleep(0.3)
        start = time.monotonic()
        server.stop(grace_seconds=1)
        assert time.monotonic() - start < 10
        assert waiting[0].result(10).status_code == 503
        with pytest.raises(grpc.RpcError):
            waiting[1].result(10)


def test_reload_under_load_fails_no_request(tmp_path, workers):
    write_adder(tmp_path / "m" / "1", 1)
    configs = single_model("m", tmp_path / "m")
    done = threading.Event()

    def ask():
        while not done.is_set():
            assert client.grpc(10) == 11

    flags = {"file_system_poll_wait_seconds": 0.001}
    with LocalServer("m", tmp_path / "m", **flags) as server:
        with client_of(server) as client:
            asking = [workers.submit(ask) for _ in range(2)]
            for _ in range(200):
                server._registry.configure(configs)
                time.sleep(0.002)
            done.set()
            for each in asking:
                each.result()


def test_hot_swap_under_load_fails_no_request(tmp_path, workers):
    exports, base = tmp_path / "exports", tmp_path / "m"
    for number in range(1, 6):
        write_adder(exports / str(number), number)
    shutil.copytree(exports / "1", base / "1")
    done = threading.Event()

    def ask(api):
        seen = []
        while not done.is_set():
            if api == "grpc":
                seen.append(client.grpc(10) - 10)
            else:
                seen.append(client.rest(10).json()["predictions"][0] - 10)
        return seen

    flags = {"file_system_poll_wait_seconds": 0.05}
    with LocalServer("m", base, **flags) as server:
        with client_of(server) as client:
            asking = [workers.submit(ask, api) for api in ("rest", "grpc") * 2]
            for number in range(2, 6):
                shutil.copytree(exports / str(number), base / "tmp")
                (base / "tmp").rename(base / str(number))
                deadline = time.monotonic() + 20
                while client.grpc(10) != 10 + number:
                    assert time.monotonic() < deadline
                shutil.rmtree(base / str(number - 1))
            done.set()
            for each in asking:
                seen = each.result()
                assert set(seen) <= {1, 2, 3, 4, 5}
                # Once a version answers, none before it does.
                assert seen == sorted(seen)
                assert seen[-1] == 5


BODIES = [
    '{"instances": [1.0, 2.0]}',
    '{"inputs": [[1, 2], [3, 4]]}',
    '{"instances": [1, "x"]}',
    '{"instances": [1, 2',
    '{"signature_name": "other", "instances": [1]}',
]


def ask_many(server, channel, count):
    """Sends right and wrong requests over both APIs, by two threads each."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def rest():
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.rest_api_port
        )
        for number in range(count // 4):
            name = "half" if number % 10 else f"stranger{number}"
            path = f"/v1/models/{name}:predict"
            connection.request("POST", path, BODIES[number % len(BODIES)])
            connection.getresponse().read()
        connection.close()

    def predict():
        request = predict_pb2.PredictRequest()
        for number in range(count // 4):
            request.model_spec.name = "half" if number % 10 else f"s{number}"
            values = [1.0] if number % 3 else ["x"]
            request.inputs["x"].CopyFrom(tf.make_tensor_proto(values))
            try:
                stub.Predict(request, timeout=60)
            except grpc.RpcError:
                pass

    threads = [threading.Thread(target=each) for each in (rest, predict) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(4_000, id="4000"),
        pytest.param(100_000, id="100000", marks=pytest.mark.slow),
    ],
)
def test_memory_stays_flat(server, channel, count):
    ask_many(server, channel, 2_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ask_many(server, channel, count)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 15_000  # KiB


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture
def spin_command(tmp_path):
    """The command over a slow model, with its gRPC and its REST port."""
    write_spin(tmp_path / "1")
    ports = free_port(), free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "serving.local_server"),
            *("--model_name=m", f"--model_base_path={tmp_path}"),
            *(f"--port={ports[0]}", f"--rest_api_port={ports[1]}"),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, *ports
    process.kill()
    process.communicate()


def test_sigterm_drains_the_command(spin_command, workers):
    process, port, rest_api_port = spin_command
    line = process.stdout.readline()
    assert f"gRPC at 127.0.0.1:{port}" in line
    assert f"REST at 127.0.0.1:{rest_api_port}" in line
    with Client(port, rest_api_port) as client:
        rounds = 8000
        waiting = [
            workers.submit(client.rest, rounds),
            workers.submit(client.grpc, rounds),
        ]
        time.sleep(0.5)
        assert not any(each.done() for each in waiting)
        process.send_signal(signal.SIGTERM)
        assert waiting[0].result().json() == {"predictions": [rounds]}
        assert waiting[1].result() == rounds
    assert process.wait(30) == 0
