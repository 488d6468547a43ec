"""Versions that come and go, as observed on the real TF Serving."""

import shutil
import threading
import time

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import model_management_pb2
from tensorflow_serving.apis import model_service_pb2_grpc
from tensorflow_serving.apis import prediction_log_pb2

from serving.local_server import model_registry
from serving.local_server.local_server import LocalServer
from serving.local_server.model_config import single_model
from serving.local_server.model_config import wanted_versions
from tests.serving.local_server.models import write_adder


@pytest.fixture(scope="module")
def adders(tmp_path_factory):
    """Exports to copy from: number n adds n."""
    folder = tmp_path_factory.mktemp("adders")
    for number in range(1, 5):
        write_adder(folder / str(number), number)
    return folder


class Watched:
    """A server of the models below a folder, polled at high speed."""

    def __init__(self, adders, base, **flags):
        self._adders = adders
        self.base = base
        self._flags = {
            "file_system_poll_wait_seconds": 0.05,
            "max_num_load_retries": 0,
            **flags,
        }

    def publish(self, number, model="m", source=None):
        """Copies an export aside and moves it into place."""
        aside = self.base / model / f"tmp-{number}"
        shutil.copytree(self._adders / str(source or number), aside)
        return aside.rename(self.base / model / str(number))

    def start(self, **flags):
        model = {"model_name": "m", "model_base_path": self.base / "m"}
        self.server = LocalServer(**{**model, **self._flags, **flags})
        return self.server

    def status(self, model="m"):
        """Returns the states of a model's versions, newest first."""
        answer = requests.get(self._url(model)).json()
        return [
            (int(each["version"]), each["state"])
            for each in answer.get("model_version_status", [])
        ]

    def error(self, number, model="m"):
        answer = requests.get(f"{self._url(model)}/versions/{number}").json()
        return answer["model_version_status"][0]["status"]

    def predict(self, version="", model="m"):
        return requests.post(
            f"{self._url(model)}{version}:predict", '{"instances": [10]}'
        )

    def added(self, version="", model="m"):
        return self.predict(version, model).json()["predictions"][0] - 10

    def wait_for(self, *expected, model="m"):
        deadline = time.monotonic() + 20
        while self.status(model) != list(expected):
            assert time.monotonic() < deadline, self.status(model)
            time.sleep(0.02)

    def reload(self, *configs):
        request = model_management_pb2.ReloadConfigRequest()
        request.config.model_config_list.SetInParent()
        for config in configs:
            request.config.model_config_list.config.add(
                **{"model_platform": "tensorflow", **config}
            )
        address = f"127.0.0.1:{self.server.port}"
        with grpc.insecure_channel(address) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            return stub.HandleReloadConfigRequest(request, timeout=30)

    def _url(self, model):
        port = self.server.rest_api_port
        return f"http://127.0.0.1:{port}/v1/models/{model}"


@pytest.fixture
def watched(adders, tmp_path):
    return Watched(adders, tmp_path)


def test_hot_load_newer(watched):
    watched.publish(1)
    with watched.start():
        aside = watched.base / "m" / "tmp-2"
        shutil.copytree(watched.base / "m" / "1", aside)
        time.sleep(0.3)
        assert watched.status() == [(1, "AVAILABLE")]
        shutil.rmtree(aside)
        watched.publish(2)
        watched.wait_for((2, "AVAILABLE"), (1, "END"))
        assert watched.added() == 2
        answer = watched.predict("/versions/1")
        assert answer.status_code == 404
        assert "Servable not found for request: Specific(m, 1)" in answer.text


def test_roll_back_by_delete(watched):
    watched.publish(3)
    watched.publish(4)
    with watched.start():
        assert watched.status() == [(4, "AVAILABLE")]
        shutil.rmtree(watched.base / "m" / "4")
        watched.wait_for((4, "END"), (3, "AVAILABLE"))
        assert watched.added() == 3


def test_broken_version_never_replaces_a_good_one(watched):
    watched.publish(1)
    with watched.start():
        (watched.base / "m" / "2").mkdir()
        watched.wait_for((2, "END"), (1, "AVAILABLE"))
        error = watched.error(2)
        assert error["error_code"] == "NOT_FOUND"
        assert "Could not find SavedModel .pb or" in error["error_message"]
        assert "path: m/2." in error["error_message"]
        assert str(watched.base) not in error["error_message"]
        # Given up, even when the files arrive.
        shutil.copytree(
            watched.base / "m" / "1",
            watched.base / "m" / "2",
            dirs_exist_ok=True,
        )
        time.sleep(0.3)
        assert watched.status() == [(2, "END"), (1, "AVAILABLE")]
        assert watched.added() == 1
        # A folder that goes away and comes again is new.
        shutil.rmtree(watched.base / "m" / "2")
        time.sleep(0.3)
        watched.publish(2)
        watched.wait_for((2, "AVAILABLE"), (1, "END"))


def test_failed_load_is_retried(watched, adders):
    watched.publish(1)
    flags = {"max_num_load_retries": 500, "load_retry_interval_micros": 50_000}
    watched = Watched(adders, watched.base, **flags)
    with watched.start():
        (watched.base / "m" / "2").mkdir()
        watched.wait_for((2, "LOADING"), (1, "AVAILABLE"))
        assert watched.error(2)["error_message"] == ""
        shutil.copytree(
            adders / "2", watched.base / "m" / "2", dirs_exist_ok=True
        )
        watched.wait_for((2, "AVAILABLE"), (1, "END"))
        assert watched.added() == 2


def test_vanished_base_path_unloads_nothing(watched):
    watched.publish(1)
    with watched.start():
        (watched.base / "m").rename(watched.base / "gone")
        time.sleep(0.3)
        assert watched.status() == [(1, "AVAILABLE")]
        assert watched.added() == 1
        # Neither need the files of a loaded version stay where they are.
        (watched.base / "gone").rename(watched.base / "m")
        watched.publish(2)
        watched.wait_for((2, "AVAILABLE"), (1, "END"))


def test_empty_base_path_unloads_all(watched):
    watched.publish(1)
    with watched.start():
        shutil.rmtree(watched.base / "m" / "1")
        watched.wait_for((1, "END"))
        assert watched.predict().status_code == 404


def config(watched, name, **fields):
    return {
        "name": name,
        "base_path": str(watched.base / name),
        **fields,
    }


def test_reload_replaces_the_list(watched):
    watched.publish(1)
    watched.publish(2, model="n")
    with watched.start():
        watched.reload(config(watched, "m"), config(watched, "n"))
        assert (watched.added(), watched.added(model="n")) == (1, 2)
        watched.reload(config(watched, "n"))
        watched.wait_for((1, "END"))
        assert watched.predict().status_code == 404
        assert watched.added(model="n") == 2
        watched.reload(config(watched, "m"))
        assert watched.added() == 1


def refusal(call, *arguments):
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments)
    return raised.value.code().name, raised.value.details()


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        pytest.param(
            [{}, {}],
            "INVALID_ARGUMENT",
            "Illegal to list model m multiple times in config list",
            id="twice",
        ),
        pytest.param(
            [{"base_path": "here"}],
            "INVALID_ARGUMENT",
            "Expected model m to have an absolute path or URI; got base_path()",
            id="relative",
        ),
        pytest.param(
            [{"model_platform": "tflite"}],
            "INVALID_ARGUMENT",
            "Model m requests unsupported platform tflite",
            id="platform",
        ),
        pytest.param(
            [{"model_platform": ""}],
            "INVALID_ARGUMENT",
            "Illegal setting neither ModelServerConfig::model_type",
            id="no_platform",
        ),
        pytest.param(
            [{"version_labels": {"canary": 7}}],
            "FAILED_PRECONDITION",
            "Request to assign label to version 7 of model m, which is not "
            "currently available for inference",
            id="label",
        ),
    ],
)
def test_reload_refuses(watched, fields, code, message):
    watched.publish(1)
    with watched.start():
        configs = [{**config(watched, "m"), **each} for each in fields]
        found, details = refusal(watched.reload, *configs)
        assert found == code
        assert message in details
        assert watched.added() == 1


def test_reload_tells_of_a_new_model_that_fails(watched):
    watched.publish(1)
    (watched.base / "n" / "1").mkdir(parents=True)
    with watched.start():
        code, details = refusal(
            watched.reload, config(watched, "m"), config(watched, "n")
        )
        assert code == "UNKNOWN"
        assert "1 model(s) did not become available" in details
        assert "{name: n version: 1} due to error: NOT_FOUND" in details
        assert str(watched.base) not in details
        assert watched.added() == 1


def test_labels_move_with_the_configuration(watched):
    watched.publish(1)
    watched.publish(2)
    both = {"model_version_policy": {"all": {}}}
    with watched.start():
        watched.reload(config(watched, "m", **both))
        watched.wait_for((2, "AVAILABLE"), (1, "AVAILABLE"))
        for number in (1, 2):
            labels = {"stable": number}
            watched.reload(config(watched, "m", version_labels=labels, **both))
            assert watched.added("/labels/stable") == number
        watched.reload(config(watched, "m", **both))
        answer = watched.predict("/labels/stable")
        assert answer.status_code == 400
        assert "Unrecognized servable version label: stable" in answer.text


def test_labels_in_use_move_only_to_what_is_there(watched):
    watched.publish(1)
    allowed = {"allow_version_labels_for_unavailable_models": True}
    with watched.start(**allowed):
        for number in (1, 1):
            labels = {"stable": number, "next": 9}
            watched.reload(config(watched, "m", version_labels=labels))
        answer = watched.predict("/labels/next")
        assert "Servable not found for request: Specific(m, 9)" in answer.text
        labels = {"stable": 9}
        code, _ = refusal(
            watched.reload, config(watched, "m", version_labels=labels)
        )
        assert code == "FAILED_PRECONDITION"
        assert watched.added("/labels/stable") == 1


def test_folders_may_be_looked_at_only_when_asked(watched):
    watched.publish(1)
    with watched.start(file_system_poll_wait_seconds=0):
        watched.publish(2)
        time.sleep(0.3)
        assert watched.status() == [(1, "AVAILABLE")]
        watched.reload(config(watched, "m"))
        watched.wait_for((2, "AVAILABLE"), (1, "END"))


def test_a_look_that_a_reload_overtakes_does_not_count(watched, monkeypatch):
    watched.publish(1)
    watched.publish(2)
    overtaking = single_model("m", watched.base / "m")
    overtaking.config[0].model_version_policy.specific.versions.append(1)

    def look(found_by):
        monkeypatch.setattr(model_registry, "wanted_versions", wanted_versions)
        found = wanted_versions(found_by)
        server._registry.configure(overtaking)
        return found

    monkeypatch.setattr(model_registry, "wanted_versions", look)
    server = watched.start(file_system_poll_wait_seconds=0)
    with server:
        watched.wait_for((1, "AVAILABLE"))


@pytest.mark.parametrize(
    ("policy", "numbers"),
    [
        ("", [4]),
        ("latest { num_versions: 2 }", [4, 3]),
        ("all {}", [4, 3, 2, 1]),
        ("specific { versions: 1 versions: 3 versions: 9 }", [3, 1]),
    ],
)
def test_version_policy(watched, policy, numbers):
    for number in range(1, 5):
        watched.publish(number)
    file = watched.base / "models.config"
    file.write_text(
        f'model_config_list {{ config {{ name: "m" '
        f'base_path: "{watched.base / "m"}" model_platform: "tensorflow" '
        f"model_version_policy {{ {policy} }} }} }}"
    )
    with watched.start(model_config_file=file):
        watched.wait_for(*((number, "AVAILABLE") for number in numbers))


def test_labels_of_the_first_configuration_stop_the_server(watched):
    watched.publish(1)
    file = watched.base / "models.config"
    file.write_text(
        f'model_config_list {{ config {{ name: "m" '
        f'base_path: "{watched.base / "m"}" model_platform: "tensorflow" '
        f'version_labels {{ key: "stable" value: 1 }} }} }}'
    )
    with pytest.raises(tf.errors.FailedPreconditionError, match="label"):
        watched.start(model_config_file=file).__enter__()
    allowed = {"allow_version_labels_for_unavailable_models": True}
    with watched.start(model_config_file=file, **allowed):
        assert watched.added("/labels/stable") == 1


def test_server_does_not_start_without_its_model(watched):
    (watched.base / "m" / "1").mkdir(parents=True)
    with pytest.raises(tf.errors.UnknownError, match="did not become avail"):
        watched.start().__enter__()


def test_server_waits_for_its_base_path(watched):
    server = watched.start()
    start = threading.Thread(target=server.__enter__)
    start.start()
    time.sleep(0.3)
    assert start.is_alive()
    watched.publish(1)
    start.join(20)
    assert watched.added() == 1
    server.stop()


def write_warmup(folder, count, values):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "whatever"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(values))
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for _ in range(count):
            writer.write(log.SerializeToString())


def publish_warm(watched, adders, count, values):
    aside = watched.base / "m" / "tmp-2"
    shutil.copytree(adders / "2", aside)
    write_warmup(aside, count, values)
    aside.rename(watched.base / "m" / "2")


def test_warmup_good(watched, adders):
    watched.publish(1)
    with watched.start():
        publish_warm(watched, adders, 2, np.array([1], np.float32))
        watched.wait_for((2, "AVAILABLE"), (1, "END"))


@pytest.mark.parametrize(
    ("count", "values", "message"),
    [
        pytest.param(
            1,
            np.array([1]),
            "Expects arg[0] to be float but int64 is provided",
            id="bad_dtype",
        ),
        pytest.param(
            1001,
            np.array([1], np.float32),
            "Number of warmup records exceeds the maximum (1000) at m/2/",
            id="too_many",
        ),
    ],
)
def test_warmup_that_fails(watched, adders, count, values, message):
    watched.publish(1)
    with watched.start():
        publish_warm(watched, adders, count, values)
        watched.wait_for((2, "END"), (1, "AVAILABLE"))
        error = watched.error(2)
        assert error["error_code"] == "INVALID_ARGUMENT"
        assert message in error["error_message"]
        assert str(watched.base) not in error["error_message"]
        assert watched.added() == 1
