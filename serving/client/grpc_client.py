"""Blocking client over gRPC."""

from collections.abc import Mapping
from typing import Any

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.client import grpc_messages
from serving.client.pair_client import ClientOptions
from serving.client.pair_client import PairClient


class GrpcClient(PairClient):
    """Asks a TF Serving server over gRPC; one connection, kept open.

    Args:
        server: `"host:port"`, TF Serving's gRPC port (8500).
        tls: Whether to connect over TLS. Defaults to `False`.
        root_certificates: PEM bytes of the authorities to trust; implies
            `tls`. Defaults to `None`: the system's.
        headers: Metadata sent with each request. Defaults to `None`.
        **options: Fields of `ClientOptions`, such as `model_name` and
            `timeout`.

    Example:
    >>> client = GrpcClient("localhost:8500", model_name="o2v", timeout=2)
    >>> client.close()
    """

    def __init__(
        self,
        server: str,
        *,
        tls: bool = False,
        root_certificates: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ):
        super().__init__(ClientOptions(**options))
        self._channel = grpc_messages.open_channel(
            grpc, server, tls, root_certificates
        )
        self._headers = tuple((headers or {}).items())
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def status(self):
        request = grpc_messages.status_request(self.options)
        response = self._retried(
            lambda timeout: self._send(
                self._models.GetModelStatus, request, timeout
            )
        )
        return grpc_messages.model_versions(response)

    def metadata(self):
        request = grpc_messages.metadata_request(self.options)
        response = self._retried(
            lambda timeout: self._send(
                self._predictions.GetModelMetadata, request, timeout
            )
        )
        return grpc_messages.metadata_dict(response)

    def close(self):
        super().close()
        self._channel.close()

    def _ask(self, call, inputs, timeout):
        request = grpc_messages.predict_request(self.options, call, inputs)
        response = self._send(self._predictions.Predict, request, timeout)
        return grpc_messages.output(response, call.output)

    def _send(self, method, request, timeout):
        try:
            return method(request, timeout=timeout, metadata=self._headers)
        except grpc.RpcError as error:
            raise grpc_messages.server_error(error) from error
