"""Latency and throughput of the embedded server, beside what bounds it.

Beside it stand the same SavedModel asked in this process, and two bare grpcio
servers. "bare grpcio" runs no model and returns a constant: the floor that
Python's gRPC sets. "bare + model" runs the same SavedModel in the shortest
handler that TensorFlow's documentation leads to, without TF Serving's checks,
versions, deadlines and metrics. Server and clients share one process, so CPU
time a request is that of both. Run with `python -m benchmarks.serving`.
"""

import concurrent.futures
import statistics
import tempfile
import threading
import time
from typing import NamedTuple

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import grpc  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow_serving.apis import predict_pb2  # noqa: E402
from tensorflow_serving.apis import prediction_service_pb2_grpc  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from export import export_saved_model  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import Object2Vec  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from serving.client import GrpcClient  # noqa: E402
from serving.client import RestClient  # noqa: E402
from serving.local_model import LocalModel  # noqa: E402
from serving.local_server.local_server import LocalServer  # noqa: E402

SECONDS = sized(3.0, quick=0.1)
ROUNDS = sized(3, quick=1)
CLIENTS = sized((1, 8, 32), quick=(1, 2))
NAME = "model"


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, answer):
        self._answer = answer

    def Predict(self, request, context):  # noqa: N802, the service's name
        return self._answer(request)


class _BareServer:
    """A grpcio server without anything else."""

    def __init__(self, answer):
        workers = concurrent.futures.ThreadPoolExecutor(8)
        self._server = grpc.server(workers)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Servicer(answer), self._server
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0)


def _model_answer(path):
    """What a bare server needs to run the model."""
    model = tf.saved_model.load(str(path))
    embed = model.signatures["encoder_embeddings"]
    no_ids = tf.zeros([0, 0], tf.int64)

    def answer(request):
        ids = tf.constant(tf.make_ndarray(request.inputs["in0"]))
        vectors = embed(in0=ids, in1=no_ids)["embeddings"]
        response = predict_pb2.PredictResponse()
        response.outputs["embeddings"].CopyFrom(
            tf.make_tensor_proto(vectors.numpy())
        )
        return response

    return answer


def _export(folder, **fields):
    config = Object2VecConfig(
        enc0_max_seq_len=30, enc0_vocab_size=20_000, mlp_dim=64, **fields
    )
    return export_saved_model(Object2Vec(config), folder, mode="embedding")


class _Round(NamedTuple):
    """One contender's turn: milliseconds, and requests a second."""

    p50: float
    p99: float
    cpu: float
    rate: float


def _load(embed, clients, rows):
    """Asks from several threads."""
    latencies = []
    cpu = time.process_time()
    began = time.perf_counter()
    stop_at = began + SECONDS

    def ask():
        while (start := time.perf_counter()) < stop_at:
            embed(in0=rows)
            latencies.append(1e3 * (time.perf_counter() - start))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = 1e3 * (time.process_time() - cpu) / len(latencies)
    rate = len(latencies) / (time.perf_counter() - began)
    return _Round(*np.percentile(latencies, [50, 99]), cpu, rate)


def _compare(contenders, clients, rows):
    """Lets all contenders run in turns; returns their rounds."""
    rounds = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, embed in contenders.items():
            rounds[name].append(_load(embed, clients, rows))
    return rounds


def _median(rounds):
    return _Round(*map(statistics.median, zip(*rounds, strict=True)))


def _print(rounds, clients):
    for name, each in rounds.items():
        median = _median(each)
        print(
            f"{clients:3} clients  {name:12}  p50 {median.p50:7.2f} ms  "
            f"p99 {median.p99:7.2f} ms  CPU {median.cpu:5.2f} ms  "
            f"{median.rate:6.0f} requests/s"
        )
    for name in ("bare grpcio", "bare + model"):
        ratios = [
            ours.rate / theirs.rate
            for ours, theirs in zip(rounds["gRPC"], rounds[name], strict=True)
        ]
        print(
            f"{clients:3} clients  gRPC at {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) of the rate of {name}"
        )


def _single_rows(folder):
    generator = np.random.default_rng(0)
    rows = [generator.integers(1, 20_000, 20)]
    path = _export(folder, enc0_network="pooled_embedding", enc_dim=64)
    model = LocalModel(path)
    constant = predict_pb2.PredictResponse()
    with (
        LocalServer(NAME, folder) as server,
        GrpcClient(f"127.0.0.1:{server.port}", in_flight=32) as ours,
        RestClient(f"127.0.0.1:{server.rest_api_port}", in_flight=32) as rest,
    ):
        constant.CopyFrom(_one_answer(server.port, rows))
        with (
            _BareServer(lambda _: constant) as bare,
            _BareServer(_model_answer(path)) as with_model,
            GrpcClient(f"127.0.0.1:{bare.port}", in_flight=32) as floor,
            GrpcClient(f"127.0.0.1:{with_model.port}", in_flight=32) as simple,
        ):
            contenders = {
                "in process": model.embed,
                "bare grpcio": floor.embed,
                "bare + model": simple.embed,
                "gRPC": ours.embed,
                "REST": rest.embed,
            }
            for clients in CLIENTS:
                rounds = _compare(contenders, clients, rows)
                _print(rounds, clients)
                if clients == 1:
                    p50 = {n: _median(each).p50 for n, each in rounds.items()}
                    print(
                        "gRPC p50 above in process: "
                        f"{p50['gRPC'] - p50['in process']:.2f} ms; above "
                        f"bare grpcio: {p50['gRPC'] - p50['bare grpcio']:.2f} "
                        "ms"
                    )


def _one_answer(port, rows):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = NAME
    request.model_spec.signature_name = "encoder_embeddings"
    request.inputs["in0"].CopyFrom(tf.make_tensor_proto(np.array(rows)))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=10)


def _large_batches(folder):
    generator = np.random.default_rng(0)
    rows = list(generator.integers(1, 20_000, (64, 20)))
    path = _export(
        folder, enc0_network="hcnn", enc_dim=4096, enc0_token_embedding_dim=100
    )
    with (
        LocalServer(NAME, folder) as server,
        GrpcClient(f"127.0.0.1:{server.port}") as client,
    ):
        contenders = {
            "in process": LocalModel(path).embed,
            "gRPC": client.embed,
        }
        rounds = _compare(contenders, 1, rows)
    rates = {name: _median(each).rate for name, each in rounds.items()}
    share = rates["gRPC"] / rates["in process"]
    print(f"batch of 64, hcnn, enc_dim 4096: gRPC at {share:.0%} of in process")


def main():
    """Prints the tables."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        _single_rows(folder)
    with tempfile.TemporaryDirectory() as folder:
        _large_batches(folder)


if __name__ == "__main__":
    main()
