"""The supervisor over programs that end as the tests say."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from o2v_keras.training.distribute import launch as launch_module
from o2v_keras.training.distribute.launch import launch
from tests.training.distribute.worker_processes import environment

# Stands for the interpreter: notes what it is started with, and ends with
# the next of the statuses that `statuses.INDEX` lists.
PROGRAM = """#!{python}
import json, os, pathlib, signal, sys, time
folder = pathlib.Path({folder!r})
task = json.loads(os.environ["TF_CONFIG"])
index = task["task"]["index"]
path = folder / f"statuses.{{index}}"
status, *rest = path.read_text().split()
path.write_text(" ".join(rest))
print("status", status, flush=True)
if status == "2":
    print("o2v train: Two errors:\\n1. the first", file=sys.stderr)
    print("2. the second", file=sys.stderr)
if status == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(folder / f"calls.{{index}}", "a") as file:
    file.write(json.dumps([sys.argv[1:], task]) + "\\n")
if status in ("wait", "deaf"):
    print("ready", flush=True)
    time.sleep(60)
# None fails before all have been started.
for other in range(len(task["cluster"]["worker"])):
    while not (folder / f"calls.{{other}}").exists():
        time.sleep(0.01)
sys.exit(int(status))
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Returns a function that sets the statuses of each worker's starts."""
    program = tmp_path / "python"
    python = sys.executable
    program.write_text(PROGRAM.format(python=python, folder=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def set_statuses(*workers):
        for index, statuses in enumerate(workers):
            (tmp_path / f"statuses.{index}").write_text(statuses)

    return set_statuses


def calls(folder, index):
    lines = (folder / f"calls.{index}").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_gives_each_worker_its_place(programs, tmp_path, capfd):
    programs("0", "0")
    assert launch(["train", "--seed", "1"], workers=2) == 0
    (words0, config0), (words1, config1) = (
        calls(tmp_path, index)[0] for index in (0, 1)
    )
    assert words0 == words1 == ["-m", "o2v_keras", "train", "--seed", "1"]
    assert config0["cluster"] == config1["cluster"]
    assert len(set(config0["cluster"]["worker"])) == 2
    assert config1["task"] == {"type": "worker", "index": 1}
    assert sorted(capfd.readouterr().out.splitlines()) == [
        "[0] status 0",
        "[1] status 0",
    ]


def test_restarts_all_with_resume(programs, tmp_path, capfd):
    programs("wait 0", "75 0")
    assert launch(["train"], workers=2) == 0
    for index in (0, 1):
        first, second = calls(tmp_path, index)
        assert first[0] == ["-m", "o2v_keras", "train"]
        assert second[0] == ["-m", "o2v_keras", "train", "--resume"]
        assert first[1]["cluster"] != second[1]["cluster"]
    assert "ended with status 75; restarting" in capfd.readouterr().err


def test_gives_up_with_the_last_words(programs, tmp_path, capfd):
    programs("1 1 1")
    assert launch(["train", "--resume"], workers=1, max_restarts=1) == 1
    assert [words[2:] for words, _ in calls(tmp_path, 0)] == [
        ["train", "--resume"]
    ] * 2
    expected = "o2v launch: stopped with status 1. status 1\n"
    assert capfd.readouterr().err.endswith(expected)


def test_never_restarts_after_a_users_error(programs, tmp_path):
    programs("2", "wait")
    assert launch(["train"], workers=2) == 2
    assert len(calls(tmp_path, 0)) == 1


def test_prints_the_same_report_once(programs, capfd):
    programs("2", "2")
    assert launch(["train"], workers=2) == 2
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()[:2]) == ["[0] status 2", "[1] status 2"]
    assert out.splitlines()[2:] == [
        "[0] o2v train: Two errors:",
        "[0] 1. the first",
        "[0] 2. the second",
    ]
    assert err == (
        "o2v launch: stopped with status 2; a restart would not change that\n"
    )


def test_runs_one_worker_by_its_own_tf_config(programs, tmp_path, monkeypatch):
    monkeypatch.setattr(launch_module, "_SECONDS_TO_NOTICE", 0)
    config = {"cluster": {"worker": ["a:1"]}, "task": {"index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    programs("75 0")
    assert launch(["train"]) == 0
    assert [own for _, own in calls(tmp_path, 0)] == [config] * 2


def test_runs_one_worker_by_the_clusters_variables(
    programs, tmp_path, monkeypatch
):
    monkeypatch.setattr(launch_module, "_SECONDS_TO_NOTICE", 0)
    monkeypatch.setenv("SM_HOSTS", '["algo-1", "algo-2"]')
    monkeypatch.setenv("SM_CURRENT_HOST", "algo-2")
    # The other instance's.
    (tmp_path / "calls.0").touch()
    programs("", "75 0")
    assert launch(["train"], cluster="sagemaker") == 0
    assert [own for _, own in calls(tmp_path, 1)] == [
        {
            "cluster": {"worker": ["algo-1:2222", "algo-2:2222"]},
            "task": {"type": "worker", "index": 1},
        }
    ] * 2


def test_a_pod_asks_for_its_full_name(programs, tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getfqdn", lambda: "fit-0.fit.default")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    monkeypatch.setattr(launch_module, "_SECONDS_TO_NOTICE", 1.5)
    programs("75 0")
    began = time.monotonic()
    assert launch(["train"], workers=1, cluster="kubernetes") == 0
    # The other pods had time to notice.
    assert time.monotonic() - began > 1.5
    for _, config in calls(tmp_path, 0):
        assert config["cluster"] == {"worker": ["fit-0.fit.default:2222"]}


@pytest.mark.parametrize(
    ("worker", "number"),
    [
        pytest.param("wait", signal.SIGTERM, id="sigterm"),
        pytest.param("wait", signal.SIGINT, id="sigint"),
        pytest.param("deaf", signal.SIGTERM, id="worker_ignores_it"),
    ],
)
def test_passes_signals_on_and_ends(programs, tmp_path, worker, number):
    programs(f"{worker} {worker}")
    code = (
        f"import sys; from o2v_keras.training.distribute.launch import launch; "
        f"sys.executable = {sys.executable!r}; "
        f"sys.exit(launch(['train'], workers=1))"
    )
    python = re.match("#!(.*)", (tmp_path / "python").read_text())[1]
    with subprocess.Popen(
        [python, "-c", code],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == f"status {worker}\n"
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        began = time.monotonic()
        assert process.wait(20) == 128 + number
        assert time.monotonic() - began < 10
        name = signal.Signals(number).name
        sentence = f"o2v launch: stopped by {name}; continue with --resume\n"
        assert process.stderr.read() == sentence
    assert len(calls(tmp_path, 0)) == 1


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ([], {"workers": 2}, "`command` must be `train` .*command=''"),
        (["evaluate"], {"workers": 2}, "`command` must be `train`"),
        (["train", "--overwrite"], {"workers": 2}, "not hold `--overwrite`"),
        (["train"], {"workers": 0}, "`workers` must be at least 1.*workers=0"),
        (["train"], {}, "`workers` or `cluster` must be given if .*TF_CONFIG"),
        (
            ["train"],
            {"cluster": "local"},
            "`workers` must be given for .*local",
        ),
        (["train"], {"cluster": "k8s"}, "`cluster` must be one of .*'k8s'"),
        (["train"], {"cluster": "slurm"}, "`SLURM_JOB_ID` must be set"),
        (
            ["train"],
            {"cluster": "slurm", "workers": 2},
            "`workers` must be left out for the cluster slurm.*workers=2",
        ),
        (
            ["train"],
            {"workers": 1, "max_restarts": -1},
            "`max_restarts` must be at least 0",
        ),
    ],
)
def test_rejects_arguments(command, options, message, monkeypatch):
    for name in ("TF_CONFIG", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=message):
        launch(command, **options)


@pytest.mark.parametrize(
    ("cluster", "workers"), [("slurm", None), ("local", 2)]
)
def test_a_cluster_and_tf_config_are_one_too_many(
    cluster, workers, monkeypatch
):
    monkeypatch.setenv("TF_CONFIG", "{}")
    message = f"`TF_CONFIG` must be unset for the cluster {cluster}"
    with pytest.raises(ValueError, match=message):
        launch(["train"], workers, cluster=cluster)
