"""Protocol buffers of TF Serving's gRPC API, made and read."""

import types
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis import model_pb2
from tensorflow_serving.apis import predict_pb2

from serving.client.pair_client import Call
from serving.client.pair_client import ClientOptions
from serving.client.pair_client import ModelVersion
from serving.client.server_error import ServerError

# A client of gRPC takes 4 MB unless told otherwise: 250 rows of 4096 floats.
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Otherwise up to two minutes pass before a server that is back is found.
    ("grpc.max_reconnect_backoff_ms", 5000),
)


def predict_request(
    options: ClientOptions, call: Call, inputs: dict[str, np.ndarray]
) -> predict_pb2.PredictRequest:
    """Returns a request; a side that is not in `inputs` is left out."""
    request = predict_pb2.PredictRequest(
        model_spec=model_spec(options, call.signature)
    )
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return request


def output(response: predict_pb2.PredictResponse, name: str) -> np.ndarray:
    """Returns one output of a response."""
    return tf.make_ndarray(response.outputs[name])


def status_request(
    options: ClientOptions,
) -> get_model_status_pb2.GetModelStatusRequest:
    """Returns a request for the state of a model's versions."""
    return get_model_status_pb2.GetModelStatusRequest(
        model_spec=model_spec(options)
    )


def model_versions(
    response: get_model_status_pb2.GetModelStatusResponse,
) -> list[ModelVersion]:
    """Returns the versions of a response, newest first."""
    state = get_model_status_pb2.ModelVersionStatus.State
    versions = [
        ModelVersion(v.version, state.Name(v.state), v.status.error_message)
        for v in response.model_version_status
    ]
    return sorted(versions, key=lambda v: -v.version)


def metadata_request(
    options: ClientOptions,
) -> get_model_metadata_pb2.GetModelMetadataRequest:
    """Returns a request for a model's signatures."""
    return get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=model_spec(options), metadata_field=["signature_def"]
    )


def metadata_dict(
    response: get_model_metadata_pb2.GetModelMetadataResponse,
) -> dict[str, Any]:
    """Returns signatures in the form of REST's answer."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return {
        "model_spec": {
            "name": response.model_spec.name,
            "signature_name": "",
            "version": str(response.model_spec.version.value),
        },
        "metadata": {
            "signature_def": json_format.MessageToDict(
                signatures,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
        },
    }


def server_error(error: grpc.RpcError) -> ServerError:
    """Returns a failed call's code and message."""
    return ServerError(error.code().name, error.details() or "")


def open_channel(
    api: types.ModuleType,
    server: str,
    tls: bool,
    root_certificates: bytes | None,
) -> grpc.Channel | grpc.aio.Channel:
    """Opens a channel.

    Args:
        api: `grpc` or `grpc.aio`.
        server: `"host:port"`.
        tls: Whether to connect over TLS.
        root_certificates: PEM bytes of the authorities to trust; implies
            `tls`.
    """
    if not (tls or root_certificates):
        return api.insecure_channel(server, _CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(root_certificates)
    return api.secure_channel(server, credentials, _CHANNEL_OPTIONS)


def model_spec(options: ClientOptions, signature: str = ""):
    """Returns the specification of the model, version and signature."""
    spec = model_pb2.ModelSpec(
        name=options.model_name, signature_name=signature
    )
    if options.version is not None:
        spec.version.value = options.version
    if options.label is not None:
        spec.version_label = options.label
    return spec
