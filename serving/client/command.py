"""The command `o2v client`: asks a server from the shell."""

import dataclasses
import json
import re

from o2v_keras.command import SERVE
from o2v_keras.command import CommandError
from o2v_keras.command import Commands
from o2v_keras.start_tensorflow import start_tensorflow


def add_command(commands: Commands) -> None:
    """Adds `client`."""
    parser = commands.add(
        "client", _run, "ask a server for scores or embeddings", SERVE
    )
    parser.add_argument(
        "question", choices=("predict", "embed", "status", "metadata")
    )
    parser.add_argument("--server", default="localhost:8500", metavar="H:P")
    parser.add_argument(
        "--rest", action="store_true", help="REST; default is gRPC"
    )
    parser.add_argument("--model-name", default="model", metavar="NAME")
    parser.add_argument("--version", type=int, metavar="N")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S")
    for side in ("in0", "in1"):
        parser.add_argument(
            f"--{side}",
            type=_rows,
            metavar="ROWS",
            help="one row of ids as 1,2, or rows as a JSON list of lists of "
            'ids or of texts, as \'["a dog", "42"]\'; all else is one text',
        )


def _run(options):
    from serving.client.server_error import ServerError

    try:
        with _client(options) as client:
            answer = _ask(client, options)
    except ServerError as error:
        raise CommandError(error) from error
    print(json.dumps(answer))


def _rows(text):
    if re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", text, re.ASCII):
        return [[int(part) for part in text.split(",")]]
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    return rows if isinstance(rows, list) else [text]


def _client(options):
    settings = {
        "model_name": options.model_name,
        "version": options.version,
        "timeout": options.timeout,
    }
    if options.rest:
        from serving.client.rest_client import RestClient

        return RestClient(options.server, **settings)
    start_tensorflow()
    from serving.client.grpc_client import GrpcClient

    return GrpcClient(options.server, **settings)


def _ask(client, options):
    if options.question == "status":
        return [dataclasses.asdict(version) for version in client.status()]
    if options.question == "metadata":
        return client.metadata()
    if options.question == "embed":
        return client.embed(in0=options.in0, in1=options.in1).tolist()
    if options.in0 is None or options.in1 is None:
        raise ValueError("`predict` must be given both --in0 and --in1.")
    return client.predict(options.in0, options.in1).tolist()
