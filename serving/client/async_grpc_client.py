"""Client over gRPC for `asyncio` programs."""

import asyncio
import itertools
import time
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.client import grpc_messages
from serving.client.pair_client import Answers
from serving.client.pair_client import ClientOptions
from serving.client.pair_client import ModelVersion
from serving.client.pair_client import embeddings_call
from serving.client.pair_client import scores_call
from serving.client.pair_client import seconds_to_retry
from serving.client.pair_rows import Side


class AsyncGrpcClient:
    """`GrpcClient` with awaitable methods; make it inside a running loop.

    Args:
        server: `"host:port"`, TF Serving's gRPC port (8500).
        tls: Whether to connect over TLS. Defaults to `False`.
        root_certificates: PEM bytes of the authorities to trust; implies
            `tls`. Defaults to `None`: the system's.
        headers: Metadata sent with each request. Defaults to `None`.
        **options: Fields of `ClientOptions`.

    Example:
        async with AsyncGrpcClient("localhost:8500") as client:
            vectors = await client.embed(in0=[[1, 2, 3]])
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
        self.options = ClientOptions(**options)
        self._channel: Any = grpc_messages.open_channel(
            grpc.aio, server, tls, root_certificates
        )
        self._headers = tuple((headers or {}).items())
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    async def predict(self, in0: Side, in1: Side) -> np.ndarray:
        """As `PairClient.predict`."""
        return await self._answer(scores_call(in0, in1))

    async def embed(
        self, in0: Side | None = None, in1: Side | None = None
    ) -> np.ndarray:
        """As `PairClient.embed`."""
        return await self._answer(embeddings_call(in0, in1))

    async def status(self) -> list[ModelVersion]:
        """As `PairClient.status`."""
        request = grpc_messages.status_request(self.options)
        response = await self._send(self._models.GetModelStatus, request)
        return grpc_messages.model_versions(response)

    async def metadata(self) -> dict[str, Any]:
        """As `PairClient.metadata`."""
        request = grpc_messages.metadata_request(self.options)
        method = self._predictions.GetModelMetadata
        return grpc_messages.metadata_dict(await self._send(method, request))

    async def close(self):
        """Ends all connections."""
        await self._channel.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def _answer(self, call):
        if not len(call.rows):
            raise ValueError("There must be at least one row.")
        places = asyncio.Semaphore(self.options.in_flight)
        answers = Answers(len(call.rows))

        async def ask(batch):
            async with places:
                request = grpc_messages.predict_request(
                    self.options, call, batch.inputs
                )
                response = await self._send(self._predictions.Predict, request)
            answer = grpc_messages.output(response, call.output)
            answers.put(batch.rows, answer)

        async with asyncio.TaskGroup() as tasks:
            for batch in call.rows.batches(self.options.batch_size):
                tasks.create_task(ask(batch))
        return answers.values

    async def _send(self, method, request):
        """Sends a request, again while the server is out of reach."""
        deadline = time.monotonic() + self.options.timeout
        for attempt in itertools.count():
            left = max(0.001, deadline - time.monotonic())
            try:
                return await method(
                    request, timeout=left, metadata=self._headers
                )
            except grpc.RpcError as error:
                wait = seconds_to_retry(
                    grpc_messages.server_error(error),
                    attempt,
                    self.options,
                    deadline,
                )
            await asyncio.sleep(wait)
