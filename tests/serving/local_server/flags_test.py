import argparse

import pytest

from serving.local_server.__main__ import main
from serving.local_server.flags import add_flags
from serving.local_server.flags import flags_of
from serving.local_server.local_server import LocalServer


def read_flags(words):
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return flags_of(parser.parse_args(words))


def test_flags_are_arguments_of_the_server(tmp_path):
    flags = read_flags(
        [
            *("--model_name=half", f"--model_base_path={tmp_path}"),
            *("--port", "8500", "--rest_api_port=8501"),
            "--rest_api_enable_cors_support",
            "--allow_version_labels_for_unavailable_models=true",
            "--enable_grpc_healthcheck_service=false",
        ]
    )
    server = LocalServer(**flags)
    assert (server.port, server.rest_api_port) == (8500, 8501)
    assert flags["rest_api_enable_cors_support"] is True
    assert flags["allow_version_labels_for_unavailable_models"] is True
    assert flags["enable_grpc_healthcheck_service"] is False
    server.stop()


def test_only_this_machine_is_served_unless_told_otherwise():
    flags = read_flags(["--model_base_path=/models/half"])
    assert flags["host"] == "127.0.0.1"
    assert (flags["port"], flags["rest_api_port"]) == (8500, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model_base_path=x", "--enable_batching"], "unrecognized argum"),
        (["--model_base_path=x", "--rest_api=1"], "unrecognized arguments"),
        (["--model_base_path=x", "--port=no"], "invalid int value: 'no'"),
        (
            ["--model_base_path=x", "--rest_api_enable_cors_support=no"],
            "'no' is not true or false",
        ),
    ],
)
def test_wrong_flags_end_with_status_2(capsys, words, message):
    with pytest.raises(SystemExit) as raised:
        main(words)
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


def test_a_model_must_be_given_before_tensorflow_starts(capsys):
    assert main(["--port=1"]) == 2
    error = capsys.readouterr().err
    assert (
        error == "o2v serve: Give --model_base_path or --model_config_file.\n"
    )


@pytest.mark.parametrize(
    ("flag", "text", "message"),
    [
        (
            "model_config_file",
            "model_config_list {",
            "`model_config_file` must be a text ModelServerConfig",
        ),
        (
            "model_config_file",
            "",
            "`model_config_file` must hold a model_config_list",
        ),
        (
            "monitoring_config_file",
            "prometheus { }",
            "`monitoring_config_file` must be a text MonitoringConfig",
        ),
    ],
)
def test_wrong_files_are_named(tmp_path, flag, text, message):
    file = tmp_path / "a.config"
    file.write_text(text)
    flags = {"model_base_path": tmp_path, flag: file}
    with pytest.raises(ValueError, match=f"{message}.*a.config"):
        LocalServer(**flags)


def test_a_model_must_be_named():
    with pytest.raises(ValueError, match="must be given. Received: neither"):
        LocalServer()


@pytest.mark.parametrize("port", ["port", "rest_api_port"])
def test_ports_must_be_free(server, case_models, port):
    flags = {port: getattr(server, port)}
    taken = LocalServer(
        model_config_file=case_models,
        allow_version_labels_for_unavailable_models=True,
        **flags,
    )
    with pytest.raises(OSError, match=str(flags[port])):
        taken.__enter__()


def test_ports_may_be_closed(case_models):
    with LocalServer(
        model_config_file=case_models,
        allow_version_labels_for_unavailable_models=True,
        port=None,
        rest_api_port=None,
    ) as server:
        assert (server.port, server.rest_api_port) == (None, None)
