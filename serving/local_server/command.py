"""The command `o2v serve`."""

import logging
import signal
import sys
import threading

from o2v_keras.command import SERVE
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.start_tensorflow import start_tensorflow
from serving.local_server.flags import add_flags
from serving.local_server.flags import flags_of

_FAILURE = 1


def add_command(commands: Commands) -> None:
    """Adds `serve`."""
    parser = commands.add(
        "serve",
        _run,
        "serve exports with the APIs of TF Serving",
        SERVE,
        usage="%(prog)s --model_base_path=DIR [--FLAG=VALUE ...]",
        allow_abbrev=False,
    )
    add_flags(parser)


def _run(options):
    """Serves until SIGTERM or SIGINT, then finishes the requests under way."""
    flags = flags_of(options)
    logging.basicConfig(level="INFO", format="%(asctime)s %(message)s")
    for name in ("tensorflow", "uvicorn"):
        logging.getLogger(name).setLevel("WARNING")
    # TensorFlow takes seconds to import, so wrong flags are named before.
    start_tensorflow()
    import tensorflow as tf

    from serving.local_server.local_server import LocalServer

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        with LocalServer(**flags) as server:
            print(_ports_text(flags["host"], server), flush=True)
            threading.Event().wait()
    except tf.errors.OpError as error:
        raise CommandError(error.message, _FAILURE) from error


def _end(*_):
    # Not again while the requests under way are finished.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit()


def _ports_text(host, server):
    ports = [
        f"{name} at {host}:{port}"
        for name, port in (
            ("gRPC", server.port),
            ("REST", server.rest_api_port),
        )
        if port is not None
    ]
    return f"Serving {', '.join(ports) or 'no port'}"
