"""A running SageMaker API, for programs that hold one."""

from serving.local_server.rest_server import RestServer
from serving.sagemaker_server.app import MAX_BODY_BYTES
from serving.sagemaker_server.app import MAX_REQUESTS
from serving.sagemaker_server.app import Application
from serving.sagemaker_server.endpoint import Endpoint
from serving.sagemaker_server.endpoint import PairModel

_GRACE_SECONDS = 30


class SageMakerServer:
    """Serves SageMaker's API until the context ends.

    Args:
        model: A client, which passes requests on to its server, or a
            `LocalModel`.
        host: Address to bind. Defaults to `"127.0.0.1"`: only this machine.
        port: Port to bind; 0 takes any that is free. Defaults to 0.
        max_body_bytes: Larger requests are refused. Defaults to 100 MiB.
        max_requests: Requests that are answered or wait at once; more are
            refused. Defaults to 64.

    Attributes:
        port: The port that was bound.

    Raises:
        OSError: If the port is taken.
        ValueError: If a limit is below 1.

    Example:
        with SageMakerServer(LocalModel("served")) as server:
            print(f"http://127.0.0.1:{server.port}/invocations")
    """

    def __init__(
        self,
        model: PairModel,
        host: str = "127.0.0.1",
        port: int = 0,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_requests: int = MAX_REQUESTS,
    ):
        application = Application(Endpoint(model), max_body_bytes, max_requests)
        self._server = RestServer(application, host, port)
        self.port = self._server.port

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(_GRACE_SECONDS)
