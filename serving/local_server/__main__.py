"""The command `python -m serving.local_server`."""

import logging
import signal
import sys
import threading

from o2v_keras.quiet_start import start_tensorflow
from serving.local_server.flags import read_flags


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT, then finishes the requests under way.

    Args:
        arguments: Words of the command line. Defaults to `None`: the
            process's own.

    Returns:
        The exit status: 2 for a user's error, or 1 when a model cannot be
        served; a message goes to the standard error output.

    Raises:
        SystemExit: With status 0 when a signal has ended the server.
    """
    flags = read_flags(arguments)
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
    except (ValueError, OSError) as error:
        print(f"serving.local_server: {error}", file=sys.stderr)
        return 2
    except tf.errors.OpError as error:
        print(f"serving.local_server: {error.message}", file=sys.stderr)
        return 1


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


if __name__ == "__main__":
    sys.exit(main())
