"""The command `o2v sagemaker-serve`."""

import os
import signal
import threading

from o2v_keras.command import SERVE
from o2v_keras.command import Commands
from o2v_keras.start_tensorflow import start_tensorflow
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import MODES

# What SageMaker's own container takes, and the signature that it prefers.


def add_command(commands: Commands) -> None:
    """Adds `sagemaker-serve`."""
    parser = commands.add(
        "sagemaker-serve",
        _run,
        "serve an export with Amazon SageMaker's Object2Vec API",
        SERVE,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--saved-model",
        metavar="DIR",
        help="an export's version directory, or its base directory",
    )
    source.add_argument(
        "--server", metavar="HOST:PORT", help="gRPC address of a TF Serving"
    )
    parser.add_argument("--model-name", default="model", metavar="NAME")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS")
    parser.add_argument("--port", type=int, default=8080, metavar="P")
    parser.add_argument(
        "--max-body-mib",
        type=int,
        default=100,
        metavar="N",
        help="largest body; four times as much may arrive or wait at once, "
        "and once as much is worked on. Default: 100",
    )
    parser.add_argument(
        "--max-requests",
        type=int,
        default=64,
        metavar="N",
        help="requests that are answered or wait at once; more are answered "
        "429. Default: 64",
    )


def _run(options):
    start_tensorflow()
    from serving.sagemaker_server.server import SageMakerServer

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with SageMakerServer(
        _model(options),
        options.host,
        options.port,
        options.max_body_mib << 20,
        options.max_requests,
    ) as server:
        print(
            f"SageMaker's API on http://{options.host}:{server.port}: "
            "GET /ping, POST /invocations",
            flush=True,
        )
        stopped.wait()


def _model(options):
    mode = os.environ.get("INFERENCE_PREFERRED_MODE", "")
    if mode and mode not in MODES:
        raise ValueError(
            f"INFERENCE_PREFERRED_MODE must be one of {', '.join(MODES)}. "
            f"Received: {mode}"
        )
    if options.server:
        from serving.client.grpc_client import GrpcClient

        return GrpcClient(options.server, model_name=options.model_name)
    from serving.local_model import LocalModel

    model = LocalModel(options.saved_model)
    sides = (IN0, IN1) if mode == "classification" else ()
    reason = mode and model.refusal(MODES[mode], sides)
    if reason:
        raise ValueError(
            f"INFERENCE_PREFERRED_MODE={mode} needs the signature "
            f"{MODES[mode]}, but {model.directory} {reason}"
        )
    return model
