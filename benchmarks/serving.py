"""Latency and throughput of the embedded server, beside what bounds it.

Beside it stand the same SavedModel asked in this process, and a bare grpcio
server that returns a constant: the floor that Python's gRPC sets. Server and
clients share the machine's cores. Run with `python -m benchmarks.serving`.
"""

import concurrent.futures
import statistics
import tempfile
import threading
import time

from o2v_keras.quiet_start import start_tensorflow

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


class _Constant(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, response):
        self._response = response

    def Predict(self, request, context):  # noqa: N802, the service's name
        return self._response


class _BareServer:
    """A grpcio server that answers every request alike."""

    def __init__(self, response):
        workers = concurrent.futures.ThreadPoolExecutor(8)
        self._server = grpc.server(workers)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Constant(response), self._server
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0)


def _export(folder, **fields):
    config = Object2VecConfig(
        enc0_max_seq_len=30, enc0_vocab_size=20_000, mlp_dim=64, **fields
    )
    return export_saved_model(Object2Vec(config), folder, mode="embedding")


def _load(embed, clients, rows):
    """Asks from several threads; returns latencies in ms and the rate."""
    latencies = []
    stop_at = time.perf_counter() + SECONDS

    def ask():
        while (began := time.perf_counter()) < stop_at:
            embed(in0=rows)
            latencies.append(1e3 * (time.perf_counter() - began))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies, len(latencies) / SECONDS


def _compare(contenders, clients, rows):
    """Lets all contenders run in turns; returns medians of p50, p99, rate."""
    rounds = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, embed in contenders.items():
            latencies, rate = _load(embed, clients, rows)
            p50, p99 = np.percentile(latencies, [50, 99])
            rounds[name].append((p50, p99, rate))
    return {
        name: [statistics.median(column) for column in zip(*each, strict=True)]
        for name, each in rounds.items()
    }


def _print(results, clients):
    for name, (p50, p99, rate) in results.items():
        print(
            f"{clients:3} clients  {name:12}  p50 {p50:7.2f} ms  "
            f"p99 {p99:7.2f} ms  {rate:8.0f} requests/s"
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
            _BareServer(constant) as bare,
            GrpcClient(f"127.0.0.1:{bare.port}", in_flight=32) as floor,
        ):
            contenders = {
                "in process": model.embed,
                "bare grpcio": floor.embed,
                "gRPC": ours.embed,
                "REST": rest.embed,
            }
            for clients in CLIENTS:
                results = _compare(contenders, clients, rows)
                _print(results, clients)
                if clients == 1:
                    extra = results["gRPC"][0] - results["in process"][0]
                    above = results["gRPC"][0] - results["bare grpcio"][0]
                    print(
                        f"gRPC p50 above in process: {extra:.2f} ms; above "
                        f"bare grpcio: {above:.2f} ms"
                    )


def _one_answer(port, rows):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = NAME
    request.model_spec.signature_name = "encoder_embeddings"
    request.inputs["in0"].CopyFrom(tf.make_tensor_proto(rows, tf.int64))
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
        results = _compare(contenders, 1, rows)
    share = results["gRPC"][2] / results["in process"][2]
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
