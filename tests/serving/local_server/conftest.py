"""Servers that several test modules ask; each is started once."""

import json
import pathlib
import time

import grpc
import pytest

from serving.local_server.local_server import LocalServer
from tests.serving.tfs_cases.models import build_models

CASES_FILE = pathlib.Path(__file__).parents[1] / "tfs_cases" / "cases.json"


@pytest.fixture(scope="session")
def case_models(tmp_path_factory):
    """The configuration of the models of `cases.json`."""
    models = json.loads(CASES_FILE.read_text())["models"]
    return build_models(models, tmp_path_factory.mktemp("case_models"))


@pytest.fixture(scope="session")
def server(case_models):
    """A server of these models with the defaults."""
    with LocalServer(
        model_config_file=case_models,
        allow_version_labels_for_unavailable_models=True,
    ) as server:
        # It opens when each model has a version; some tests want the others.
        while any(
            version.is_pending()
            for model in server._registry._models.values()
            for version in model.versions.values()
        ):
            time.sleep(0.05)
        yield server


@pytest.fixture(scope="session")
def open_server(case_models, tmp_path_factory):
    """A server of these models with everything switched on."""
    monitoring = tmp_path_factory.mktemp("open") / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    with LocalServer(
        model_config_file=case_models,
        allow_version_labels_for_unavailable_models=True,
        rest_api_enable_cors_support=True,
        monitoring_config_file=monitoring,
        enable_grpc_healthcheck_service=True,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def channel(server):
    """A gRPC channel to `server`."""
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel


@pytest.fixture(scope="session")
def rest_url(server):
    """Where the REST API of `server` is."""
    return f"http://127.0.0.1:{server.rest_api_port}"
