import logging

import pytest

from serving.local_server import model_registry
from serving.local_server.local_server import LocalServer
from serving.local_server.model_config import missing_versions
from serving.local_server.model_config import single_model
from serving.local_server.model_config import wanted_versions


@pytest.mark.parametrize(
    ("files", "base", "expected"),
    [
        pytest.param(
            ["m/1/saved_model.pb"],
            "m/1",
            "{base} is itself a version: it holds saved_model.pb. Give the "
            "folder above it, {base.parent}, as the base path.",
            id="version",
        ),
        pytest.param(
            ["m/saved_model.pb"],
            "m",
            "{base} is itself a version: it holds saved_model.pb. Move its "
            "files to {base}/1.",
            id="version_without_number",
        ),
        pytest.param(
            ["m/model.keras", "m/config.json"],
            "m",
            "{base} is a model directory of `o2v train`, not an export. "
            "Export it with `o2v export --model {base} --output BASE` "
            "and give BASE as the base path.",
            id="model_directory",
        ),
        pytest.param(
            ["m/v1/saved_model.pb"],
            "m",
            "{base} holds v1/saved_model.pb, but a version's folder is named "
            "by a number alone. Rename v1. Expected is "
            "{base}/1/saved_model.pb, or a higher number.",
            id="v1",
        ),
        pytest.param(
            ["models/[a]/1/saved_model.pb"],
            "models",
            "{base} holds a folder of versions, [a]. Give {base}/[a] as the "
            "base path.",
            id="folder_above",
        ),
        pytest.param(
            [f"m/{letter}.csv" for letter in "abcdefg"],
            "m",
            "{base} holds only a.csv, b.csv, c.csv, d.csv, e.csv and 2 more. "
            "Expected is {base}/1/saved_model.pb, or a higher number.",
            id="other_files",
        ),
        pytest.param(
            ["a/file"], "b", "There is no folder {base}.", id="missing"
        ),
        pytest.param(
            ["a/file"],
            "a/file",
            "The folder {base} cannot be read: Not a directory.",
            id="file",
        ),
    ],
)
def test_says_what_a_base_path_holds(tmp_path, files, base, expected):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    base = tmp_path / base
    config = single_model("m", base).config[0]
    assert missing_versions(config) == expected.format(base=base)


def test_says_which_versions_a_policy_wants(tmp_path):
    (tmp_path / "3").mkdir()
    config = single_model("m", tmp_path).config[0]
    config.model_version_policy.specific.versions.extend([7, 8])
    assert not wanted_versions(config)
    assert missing_versions(config) == (
        f"{tmp_path} holds the versions 3, but its model_version_policy wants "
        "only 7, 8."
    )


def test_the_server_says_it_again_while_it_waits(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(model_registry, "_SAY_AGAIN_SECONDS", 0.2)
    server = LocalServer("m", tmp_path, file_system_poll_wait_seconds=0.05)
    with caplog.at_level(logging.WARNING):
        server._registry.configure(
            single_model("m", tmp_path),
            lambda: len(caplog.records) < 3,
        )
        server.stop()
    for record in caplog.records:
        assert record.getMessage() == (
            f"Waiting for a version of model m. {tmp_path} is empty. Expected "
            f"is {tmp_path}/1/saved_model.pb, or a higher number."
        )
