"""`serve.sh`, with programs in the place of Docker and of the server."""

import os
import pathlib
import re
import string
import subprocess

import pytest

DEPLOY = pathlib.Path(__file__).parents[3] / "serving" / "deploy"


@pytest.fixture
def serve(tmp_path):
    """Runs the script; `docker` prints its words and the ports it is given."""

    def run(model, engine):
        docker = tmp_path / "docker"
        docker.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = info ] && exit {0 if engine else 1}\n'
            'echo "docker $* [$MODEL_BASE] $MODEL_NAME $GRPC_PORT $REST_PORT"\n'
        )
        docker.chmod(0o755)
        path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
        return subprocess.run(
            [DEPLOY / "serve.sh", model, "films", "echo", "9500", "9501"],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.parametrize("engine", [True, False], ids=["docker", "embedded"])
def test_ports_model_and_name_reach_the_server(serve, tmp_path, engine):
    model = tmp_path / "my export"
    model.mkdir()
    finished = serve(model, engine)
    assert finished.returncode == 0, finished.stderr
    said, command = finished.stdout.splitlines()
    assert "gRPC 9500, REST 9501, model films" in said
    if engine:
        assert command.startswith("docker compose ")
        assert command.endswith(f"up cpu [{model}] films 9500 9501")
    else:
        assert "--port=9500 --rest_api_port=9501 " in command
        assert f"--model_name=films --model_base_path={model} " in command


def test_a_model_that_is_not_there_is_named(serve, tmp_path):
    finished = serve(tmp_path / "nowhere", engine=False)
    assert finished.returncode == 2
    assert f"Received: MODEL={tmp_path}/nowhere" in finished.stderr


def test_compose_publishes_these_ports():
    lines = (DEPLOY / ".env").read_text().splitlines()
    defaults = dict(
        line.split("=") for line in lines if not line.startswith("#")
    )
    compose = (DEPLOY / "docker-compose.yml").read_text()
    (ports,) = re.findall(r"ports: \[(.*)\]", compose)
    ports = string.Template(ports)
    assert ports.substitute(defaults) == (
        '"127.0.0.1:8500:8500", "127.0.0.1:8501:8501"'
    )
    assert ports.substitute(GRPC_PORT=9500, REST_PORT=9501) == (
        '"127.0.0.1:9500:8500", "127.0.0.1:9501:8501"'
    )
