"""A model behind the gRPC address of a TF Serving."""

from serving.batch_inference.batch_model import Refusal
from serving.client.grpc_client import GrpcClient
from serving.client.server_error import ServerError
from serving.signatures import EMBEDDINGS_SIGNATURE

_TIMEOUT = 60.0
_IN_FLIGHT = 4


class ServerBatchModel:
    """`BatchModel` over a server.

    All batches ask the version that is the newest now: a version that comes
    later must not answer half of a job.

    Args:
        server: `"host:port"` of the gRPC API.
        model_name: The model's name there.
        signature: `"serving_default"` or `"encoder_embeddings"`.
        batch_size: Rows of a batch at most.

    Raises:
        ServerError: If the server cannot be reached or has no such model.
    """

    in_flight = _IN_FLIGHT

    def __init__(
        self, server: str, model_name: str, signature: str, batch_size: int
    ):
        version = _newest_version(server, model_name)
        self._client = GrpcClient(
            server,
            model_name=model_name,
            version=version,
            timeout=_TIMEOUT,
            batch_size=batch_size,
            in_flight=_IN_FLIGHT,
        )
        self._embeds = signature == EMBEDDINGS_SIGNATURE
        self.text_sides = _text_sides(self._client.metadata(), signature)
        self.identity = {
            "server": server,
            "model_name": model_name,
            "version": version,
        }

    def answer(self, inputs):
        ask = self._client.embed if self._embeds else self._client.predict
        try:
            return ask(**inputs)
        except ServerError as error:
            if error.code != "INVALID_ARGUMENT":
                raise
            raise Refusal(error.message) from None

    def close(self):
        self._client.close()


def _text_sides(metadata, signature):
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    if signature not in signatures:
        raise ServerError(
            "FAILED_PRECONDITION", f"the model has no signature {signature}"
        )
    inputs = signatures[signature]["inputs"].items()
    return frozenset(n for n, info in inputs if info["dtype"] == "DT_STRING")


def _newest_version(server, model_name):
    with GrpcClient(server, model_name=model_name) as client:
        versions = client.status()
    for version in versions:
        if version.state == "AVAILABLE":
            return version.version
    raise ServerError(
        "UNAVAILABLE", f"{server} serves no version of {model_name} now"
    )
