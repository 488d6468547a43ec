"""A server for SavedModels that needs nothing but Python."""

import os
from concurrent.futures import ThreadPoolExecutor

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.local_server.grpc_calls import CallReceiver
from serving.local_server.grpc_services import HealthService
from serving.local_server.grpc_services import ModelService
from serving.local_server.grpc_services import PredictionService
from serving.local_server.http_connection import ConnectionLimits
from serving.local_server.limits import MAX_BODY_BYTES
from serving.local_server.limits import MAX_CONCURRENT_REQUESTS
from serving.local_server.limits import MAX_JSON_VALUES
from serving.local_server.limits import worker_count
from serving.local_server.metrics import Metrics
from serving.local_server.metrics import metrics_path
from serving.local_server.model_config import read_config_file
from serving.local_server.model_config import single_model
from serving.local_server.model_registry import ModelRegistry
from serving.local_server.rest_api import RestApi
from serving.local_server.rest_app import RestApp
from serving.local_server.rest_server import RestServer

# Threads of gRPC beyond those that run models: each may wait for a message.
_MAX_WAITING_CALLS = 32

# How long a connection to the gRPC port may take to say that it speaks gRPC,
# and how long it is kept without a call.
_HANDSHAKE_MS = 10_000
_IDLE_CONNECTION_MS = 30_000


class LocalServer:
    """TensorFlow's SavedModel runtime behind the APIs of TF Serving.

    A context manager: the ports open when every model answers, and on leaving
    the requests under way are finished. The arguments are the flags of
    `o2v serve`, which are TF Serving's.

    Args:
        model_name: Name of the model in requests. Defaults to `"default"`.
        model_base_path: Folder that holds numbered versions of the model.
        model_config_file: Text `ModelServerConfig`, instead of the two.
        port: Port for gRPC; 0 takes any that is free. Defaults to 0.
        rest_api_port: Port for REST; 0 takes any that is free, `None` opens
            none. Defaults to 0.
        host: Address to bind. Defaults to `"127.0.0.1"`: only this machine.
        file_system_poll_wait_seconds: Time between two looks for new
            versions. Defaults to 1; 0 looks only once.
        max_num_load_retries: How often a failed load is repeated. Defaults
            to 5.
        load_retry_interval_micros: Time between two of them. Defaults to a
            minute.
        rest_api_timeout_in_ms: How long a REST request may take once it has
            arrived. Defaults to 30,000; 0 means for ever.
        rest_api_max_body_bytes: Length of a REST request's body, gzip undone.
            Defaults to 100,000,000.
        rest_api_max_json_values: Scalars, lists and objects in a REST
            request's JSON. Defaults to 10,000,000.
        rest_api_max_connections: Open REST connections; one more closes the
            one that has waited for its client the longest. Defaults to 1,000.
        rest_api_header_timeout_in_ms: Time for the headers of a REST request
            to arrive. Defaults to 10,000.
        rest_api_body_timeout_in_ms: Time for the body of a REST request, or at
            least 1 MB of it, to arrive. Defaults to 30,000.
        rest_api_enable_cors_support: Whether scripts of other sites may read
            REST answers. Defaults to `False`.
        monitoring_config_file: Text `MonitoringConfig`, which may switch the
            page for Prometheus on.
        allow_version_labels_for_unavailable_models: Whether a new label may
            name a version that is not loaded. Defaults to `False`.
        enable_grpc_healthcheck_service: Whether to serve
            `grpc.health.v1.Health`. Defaults to `False`.
        max_rows_per_request: How many rows a request may have. Defaults to 0:
            as many as a share of the memory that is free when a model is
            loaded, by the model's widest vector; at least 256.

    Attributes:
        port: The gRPC port, once entered.
        rest_api_port: The REST port, or `None`, once entered.

    Raises:
        ValueError: If an argument is wrong, or a file is not as it must be.
        tf.errors.OpError: On entering, if a model cannot be served.
        OSError: On entering, if a port is taken.

    Example:
    >>> import pathlib, tempfile, urllib.request
    >>> base = pathlib.Path(tempfile.mkdtemp())
    >>> spec = tf.TensorSpec([None], tf.int64, name="x")
    >>> double = tf.function(lambda x: {"y": 2 * x}, input_signature=[spec])
    >>> tf.saved_model.save(
    ...     tf.Module(), base / "1", signatures={"serving_default": double}
    ... )
    >>> with LocalServer("double", base) as server:
    ...     url = f"http://127.0.0.1:{server.rest_api_port}"
    ...     with urllib.request.urlopen(
    ...         f"{url}/v1/models/double:predict", b'{"inputs": 21}'
    ...     ) as answer:
    ...         print(answer.read().decode())
    {
        "outputs": 42
    }
    """

    def __init__(
        self,
        model_name: str = "default",
        model_base_path: str | os.PathLike[str] | None = None,
        model_config_file: str | os.PathLike[str] | None = None,
        port: int | None = 0,
        rest_api_port: int | None = 0,
        host: str = "127.0.0.1",
        file_system_poll_wait_seconds: float = 1.0,
        max_num_load_retries: int = 5,
        load_retry_interval_micros: int = 60_000_000,
        rest_api_timeout_in_ms: int = 30_000,
        rest_api_max_body_bytes: int = MAX_BODY_BYTES,
        rest_api_max_json_values: int = MAX_JSON_VALUES,
        rest_api_max_connections: int = 1000,
        rest_api_header_timeout_in_ms: int = 10_000,
        rest_api_body_timeout_in_ms: int = 30_000,
        rest_api_enable_cors_support: bool = False,
        monitoring_config_file: str | os.PathLike[str] | None = None,
        allow_version_labels_for_unavailable_models: bool = False,
        enable_grpc_healthcheck_service: bool = False,
        max_rows_per_request: int = 0,
    ):
        if max_rows_per_request < 0:
            raise ValueError(
                "`max_rows_per_request` must be 0 or more. Received: "
                f"max_rows_per_request={max_rows_per_request}"
            )
        if model_config_file:
            self._configs = read_config_file(model_config_file)
        elif model_base_path:
            self._configs = single_model(model_name, model_base_path)
        else:
            raise ValueError(
                "One of `model_base_path` and `model_config_file` must be "
                "given. Received: neither"
            )
        self.port = port
        self.rest_api_port = rest_api_port
        self._host = host
        self._has_health = enable_grpc_healthcheck_service
        metrics = Metrics()
        self._registry = ModelRegistry(
            metrics,
            file_system_poll_wait_seconds,
            max_num_load_retries,
            load_retry_interval_micros / 1e6,
            allow_version_labels_for_unavailable_models,
            max_rows_per_request,
        )
        self._services = (
            PredictionService(self._registry, metrics, worker_count()),
            ModelService(self._registry),
        )
        self._rest_app = RestApp(
            RestApi(
                self._registry,
                metrics,
                rest_api_max_json_values,
                rest_api_timeout_in_ms / 1e3,
            ),
            metrics,
            worker_count(),
            metrics_path(monitoring_config_file),
            rest_api_enable_cors_support,
            rest_api_timeout_in_ms / 1e3,
            rest_api_max_body_bytes,
        )
        self._rest_limits = ConnectionLimits(
            rest_api_max_connections,
            rest_api_header_timeout_in_ms / 1e3,
            rest_api_body_timeout_in_ms / 1e3,
        )
        self._rest_server: RestServer | None = None
        self._grpc_server: grpc.Server | None = None
        self._call_receiver: CallReceiver | None = None

    def __enter__(self) -> "LocalServer":
        try:
            self._registry.configure(self._configs)
            self._open_ports()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, grace_seconds: int = 30):
        """Closes the ports, finishes the requests and frees the models.

        Args:
            grace_seconds: How long requests may take to finish; then they
                are cancelled.
        """
        stopped = None
        if self._grpc_server is not None:
            self._call_receiver.hurry()
            stopped = self._grpc_server.stop(grace_seconds)
        if self._rest_server is not None:
            self._rest_server.stop(grace_seconds)
        if stopped is not None:
            stopped.wait()
            self._call_receiver.close()
        self._registry.close()
        self._rest_app.close()

    def _open_ports(self):
        # Both are bound before one answers: a port may be taken.
        if self.rest_api_port is not None:
            self._rest_server = RestServer(
                self._rest_app,
                self._host,
                self.rest_api_port,
                self._rest_limits,
            )
            self.rest_api_port = self._rest_server.port
        if self.port is not None:
            self._grpc_server = self._make_grpc_server()
            host = f"[{self._host}]" if ":" in self._host else self._host
            address = f"{host}:{self.port}"
            try:
                self.port = self._grpc_server.add_insecure_port(address)
            except RuntimeError as error:
                raise OSError(str(error)) from None
            self._grpc_server.start()
        if self._rest_server is not None:
            self._rest_server.start()

    def _make_grpc_server(self):
        thread_count = worker_count() + _MAX_WAITING_CALLS
        self._call_receiver = CallReceiver(thread_count)
        server = grpc.server(
            ThreadPoolExecutor(thread_count, "grpc"),
            interceptors=[self._call_receiver],
            options=[
                ("grpc.max_receive_message_length", MAX_BODY_BYTES),
                ("grpc.max_send_message_length", -1),
                # A second server must not share the port.
                ("grpc.so_reuseport", 0),
                # Connections that are only held would use up the files that
                # a process may open; a client connects again by itself.
                ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
                ("grpc.max_connection_idle_ms", _IDLE_CONNECTION_MS),
            ],
            maximum_concurrent_rpcs=MAX_CONCURRENT_REQUESTS,
        )
        prediction, model = self._services
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            prediction, server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server)
        if self._has_health:
            server.add_generic_rpc_handlers((HealthService().handlers(),))
        return server
