"""The gRPC services of TF Serving."""

import functools
import logging
import threading
import time

import grpc
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import classification_pb2
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_management_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis import regression_pb2

from serving.errors import code_name
from serving.errors import invalid_argument
from serving.errors import unimplemented
from serving.local_server import inference
from serving.local_server.metrics import Metrics
from serving.local_server.model_registry import ModelRegistry
from serving.local_server.tensor_protos import fill_proto
from serving.local_server.tensor_protos import to_array
from serving.saved_model_session import DEFAULT_SIGNATURE

_MAX_DETAILS = 1024
_YEAR = 365 * 24 * 3600.0
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_log = logging.getLogger(__name__)


def _answers(method):
    """Turns exceptions of a service's method into statuses."""

    @functools.wraps(method)
    def answer(self, request, context):
        try:
            return method(self, request, context)
        except tf.errors.OpError as error:
            code, details = _CODES[error.error_code], error.message
        except Exception:
            # Nothing of this process is for the other side to see.
            _log.exception("Could not answer %s", method.__name__)
            code, details = grpc.StatusCode.INTERNAL, "Internal error"
        context.abort(code, _shorten(details))

    return answer


def _counted(method):
    """Counts requests and times those that succeed."""

    @functools.wraps(method)
    def count(self, request, context):
        start = time.monotonic()
        name = self._registry.known_name(request.model_spec.name)
        status = "UNKNOWN"
        try:
            with self._slots:
                if not context.is_active():
                    raise tf.errors.CancelledError(
                        None, None, "The client has gone"
                    )
                answer = method(self, request, context)
            status = "OK"
        except tf.errors.OpError as error:
            status = code_name(error)
            raise
        finally:
            self._metrics.requests.add(1, name, status)
        micros = round((time.monotonic() - start) * 1e6)
        labels = name, method.__name__, "GRPC"
        self._metrics.request_latency.observe(micros, *labels)
        return answer

    return count


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict, Classify, Regress and GetModelMetadata.

    Args:
        registry: The models.
        metrics: Where to count and time.
        slot_count: How many requests may run at a time.
    """

    def __init__(
        self, registry: ModelRegistry, metrics: Metrics, slot_count: int
    ):
        self._registry = registry
        self._metrics = metrics
        self._slots = threading.Semaphore(slot_count)

    @_answers
    @_counted
    def Predict(self, request, context):
        with _lease(self._registry, request) as model:
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            if name not in model.session.signature_defs:
                raise tf.errors.FailedPreconditionError(
                    None, None, f'Serving signature key "{name}" not found.'
                )
            # One value may stand for a large tensor, so first of all.
            inference.check_input_count(
                model.session.names[name], request.inputs
            )
            inputs = {k: _array(k, v) for k, v in request.inputs.items()}
            outputs = inference.predict(
                model,
                name,
                inputs,
                request.output_filter,
                timeout=_seconds_left(context),
            )
            answer = predict_pb2.PredictResponse()
            _fill_spec(answer.model_spec, request, model)
        for name, array in outputs.items():
            fill_proto(answer.outputs[name], array)
        return answer

    @_answers
    @_counted
    def Classify(self, request, context):
        answer = classification_pb2.ClassificationResponse()
        with _lease(self._registry, request) as model:
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            labels, scores = inference.classify(
                model, name, request.input, timeout=_seconds_left(context)
            )
            _fill_spec(answer.model_spec, request, model)
        for row in range(len(labels)):
            found = answer.result.classifications.add()
            pairs = zip(labels[row], scores[row].tolist(), strict=True)
            for label, score in pairs:
                text = label.decode("utf-8", "replace")
                found.classes.add(label=text, score=score)
        return answer

    @_answers
    @_counted
    def Regress(self, request, context):
        answer = regression_pb2.RegressionResponse()
        with _lease(self._registry, request) as model:
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            values = inference.regress(
                model, name, request.input, timeout=_seconds_left(context)
            )
            _fill_spec(answer.model_spec, request, model)
        for value in values.tolist():
            answer.result.regressions.add(value=value)
        return answer

    @_answers
    def MultiInference(self, request, context):
        raise unimplemented("MultiInference is not served here")

    @_answers
    def GetModelMetadata(self, request, context):
        _check_has_spec(request)
        if not request.metadata_field:
            raise invalid_argument(
                "GetModelMetadataRequest must specify at least one "
                "metadata_field"
            )
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid_argument(
                    f"Metadata field {field} is not supported"
                )
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        with _lease(self._registry, request) as model:
            answer.model_spec.name = request.model_spec.name
            answer.model_spec.version.value = model.number
            answer.metadata["signature_def"].Pack(
                get_model_metadata_pb2.SignatureDefMap(
                    signature_def=model.session.signature_defs
                )
            )
        return answer


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        registry: The models.
    """

    def __init__(self, registry: ModelRegistry):
        self._registry = registry

    @_answers
    def GetModelStatus(self, request, context):
        _check_has_spec(request)
        spec = request.model_spec
        number = spec.version.value if spec.HasField("version") else None
        versions = self._registry.status(spec.name, number)
        return get_model_status_pb2.GetModelStatusResponse(
            model_version_status=[each.status() for each in versions]
        )

    @_answers
    def HandleReloadConfigRequest(self, request, context):
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by "
                "HandleReloadConfigRequest. Only ModelConfigList is currently "
                "supported"
            )
        self._registry.configure(
            request.config.model_config_list, context.is_active
        )
        answer = model_management_pb2.ReloadConfigResponse()
        answer.status.SetInParent()
        return answer


class HealthService:
    """Says SERVING for the server and its two services.

    `grpcio-health-checking` needs protobuf 7. On the wire its request, one
    string, is a `StringValue`, and its answer, one enum, an `Int32Value`.
    """

    NAME = "grpc.health.v1.Health"
    _SERVICES = ("", "ModelService", "PredictionService")
    _SERVING = 1

    def handlers(self) -> grpc.GenericRpcHandler:
        """Returns what `grpc.Server.add_generic_rpc_handlers` takes."""
        check = grpc.unary_unary_rpc_method_handler(
            self._check,
            wrappers_pb2.StringValue.FromString,
            wrappers_pb2.Int32Value.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(self.NAME, {"Check": check})

    def _check(self, request, context):
        if request.value not in self._SERVICES:
            context.abort(grpc.StatusCode.NOT_FOUND, "")
        return wrappers_pb2.Int32Value(value=self._SERVING)


def _seconds_left(context):
    """Time until the client's deadline, or `None` if it has set none."""
    seconds = context.time_remaining()
    return None if seconds is None or seconds > _YEAR else seconds


def _check_has_spec(request):
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def _lease(registry, request):
    _check_has_spec(request)
    spec = request.model_spec
    choice = spec.WhichOneof("version_choice")
    return registry.lease(
        spec.name,
        spec.version.value if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
    )


def _array(name, proto):
    try:
        return to_array(proto)
    except ValueError:
        raise invalid_argument(f"tensor parsing error: {name}") from None


def _fill_spec(spec, request, model):
    asked = request.model_spec
    spec.name = asked.name
    spec.signature_name = asked.signature_name or DEFAULT_SIGNATURE
    spec.version.value = model.number


def _shorten(details):
    # The C++ server counts bytes.
    text = details.encode("utf-8", "replace")
    if len(text) <= _MAX_DETAILS:
        return text.decode()
    return text[:_MAX_DETAILS].decode("utf-8", "ignore") + "...TRUNCATED"
