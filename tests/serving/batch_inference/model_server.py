"""A gRPC server that is as much of TF Serving as batches need."""

import concurrent.futures
import contextlib
import threading

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.saved_model_session import SavedModelSession

VERSIONS = {5: "START", 4: "AVAILABLE", 3: "AVAILABLE"}


class ModelServer(
    model_service_pb2_grpc.ModelServiceServicer,
    prediction_service_pb2_grpc.PredictionServiceServicer,
):
    """Answers for version 4 of `model`, and notes the versions asked for.

    From request number `last` on it hangs, and sets `hung`.
    """

    def __init__(self, folder, versions, last):
        self.asked = set()
        self.rows = 0
        self.hung = threading.Event()
        self._left = last
        self._over = threading.Event()
        self._session = SavedModelSession(folder)
        self._versions = versions

    def GetModelStatus(self, request, context):  # noqa: N802
        state = get_model_status_pb2.ModelVersionStatus.State
        return get_model_status_pb2.GetModelStatusResponse(
            model_version_status=[
                {"version": version, "state": state.Value(name)}
                for version, name in self._versions.items()
            ]
        )

    def GetModelMetadata(self, request, context):  # noqa: N802
        signatures = get_model_metadata_pb2.SignatureDefMap(
            signature_def=self._session.signature_defs
        )
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(signatures)
        return response

    def Predict(self, request, context):  # noqa: N802
        self.asked.add(request.model_spec.version.value)
        self._left -= 1
        if self._left < 0:
            self.hung.set()
            self._over.wait()
            context.abort(grpc.StatusCode.CANCELLED, "the server ends")
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        self.rows += len(next(iter(inputs.values())))
        name = request.model_spec.signature_name
        try:
            outputs = self._session.run(name, inputs)
        except tf.errors.InvalidArgumentError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        protos = {k: tf.make_tensor_proto(v) for k, v in outputs.items()}
        return predict_pb2.PredictResponse(outputs=protos)

    def end(self):
        self._over.set()


@contextlib.contextmanager
def serve(folder, versions=VERSIONS, last=10**9, address="127.0.0.1:0"):
    """Yields a server and its address."""
    servicer = ModelServer(folder, versions, last)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        servicer, server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port(address)
    server.start()
    try:
        yield servicer, f"127.0.0.1:{port}"
    finally:
        stopped = server.stop(0)
        servicer.end()
        stopped.wait()
