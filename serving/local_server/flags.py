"""Flags of the command, under TF Serving's names."""

import argparse
from typing import Any

from serving.local_server.limits import MAX_BODY_BYTES
from serving.local_server.limits import MAX_JSON_VALUES

# Name, type, default, explanation; all are arguments of `LocalServer`.
_VALUES = [
    ("port", int, 8500, "port for gRPC; 0 opens none"),
    ("rest_api_port", int, 0, "port for REST; 0 opens none"),
    ("model_name", str, "default", "name of the model in requests"),
    ("model_base_path", str, None, "folder of the model's versions"),
    (
        "model_config_file",
        str,
        None,
        "text ModelServerConfig, instead of model_name and model_base_path",
    ),
    (
        "file_system_poll_wait_seconds",
        float,
        1.0,
        "time between two looks for versions; 0 looks once",
    ),
    ("max_num_load_retries", int, 5, "repetitions of a failed load"),
    ("load_retry_interval_micros", int, 60_000_000, "time between them"),
    (
        "max_rows_per_request",
        int,
        0,
        "limit of a request's rows; 0 takes it from the free memory; TF "
        "Serving has no such flag",
    ),
    (
        "rest_api_timeout_in_ms",
        int,
        30_000,
        "limit of a REST request once it has arrived",
    ),
    (
        "rest_api_max_body_bytes",
        int,
        MAX_BODY_BYTES,
        "limit of a REST body, gzip undone",
    ),
    (
        "rest_api_max_json_values",
        int,
        MAX_JSON_VALUES,
        "limit of the scalars, lists and objects of a REST request",
    ),
    (
        "rest_api_max_connections",
        int,
        1000,
        "limit of REST connections, beyond which the one that has waited for "
        "its client the longest is closed",
    ),
    (
        "rest_api_header_timeout_in_ms",
        int,
        10_000,
        "limit of the arrival of a REST request's headers",
    ),
    (
        "rest_api_body_timeout_in_ms",
        int,
        30_000,
        "limit of the arrival of a REST request's body, or 1 MB of it",
    ),
    ("monitoring_config_file", str, None, "text MonitoringConfig"),
    (
        "host",
        str,
        "127.0.0.1",
        "address to bind; TF Serving has no such flag and binds all",
    ),
]
_SWITCHES = [
    ("rest_api_enable_cors_support", "let other sites read REST answers"),
    (
        "allow_version_labels_for_unavailable_models",
        "let new labels name versions that are not loaded",
    ),
    ("enable_grpc_healthcheck_service", "serve grpc.health.v1.Health"),
]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags to a parser; `flags_of` reads them."""
    for name, kind, default, explanation in _VALUES:
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=default,
            metavar=kind.__name__.upper(),
            help=f"{explanation} (%(default)s)",
        )
    for name, explanation in _SWITCHES:
        parser.add_argument(
            f"--{name}",
            type=_truth,
            nargs="?",
            const=True,
            default=False,
            metavar="BOOL",
            help=explanation,
        )


def flags_of(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the arguments of `LocalServer`.

    Args:
        options: What the parser returned. A port of 0 becomes `None`: not
            opened.

    Raises:
        ValueError: If no model is named.

    Example:
    >>> parser = argparse.ArgumentParser()
    >>> add_flags(parser)
    >>> options = ["--model_base_path=/models/half", "--port=0"]
    >>> flags = flags_of(parser.parse_args(options))
    >>> flags["model_base_path"], flags["port"]
    ('/models/half', None)
    """
    names = [flag[0] for flag in (*_VALUES, *_SWITCHES)]
    flags = {name: getattr(options, name) for name in names}
    if not flags["model_base_path"] and not flags["model_config_file"]:
        raise ValueError("Give --model_base_path or --model_config_file.")
    for name in ("port", "rest_api_port"):
        flags[name] = flags[name] or None
    return flags


def _truth(text):
    values = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
    return values[text.lower()]
