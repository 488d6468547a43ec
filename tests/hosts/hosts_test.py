"""Trainings on three hosts, one of them cut off or killed on the way."""

import os
import pathlib
import sys
import time

import numpy as np
import pytest

from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.hosts.clusters import CONFIG
from tests.hosts.clusters import TRAIN
from tests.hosts.clusters import instances
from tests.hosts.clusters import pods
from tests.hosts.clusters import started
from tests.hosts.clusters import write_data
from tests.hosts.hosts import why_no_hosts
from tests.hosts.slurm import started_slurm
from tests.hosts.slurm import why_no_slurm
from tests.training.distribute.worker_processes import ROOT
from tests.training.distribute.worker_processes import environment

pytestmark = pytest.mark.hosts
SECONDS_CUT_OFF = 20


@pytest.fixture(scope="module", autouse=True)
def _hosts():
    reason = why_no_hosts()
    if reason:
        pytest.skip(reason)


def weights(folder):
    return load_model(folder / "model").get_weights()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The weights of a training to which nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with started(instances, folder) as cluster:
        assert cluster.wait() == [0, 0, 0], cluster.logs
        assert "restarting" not in cluster.logs
    return weights(folder)


def test_three_hosts_train_as_one_process(undisturbed, tmp_path):
    folder = tmp_path / "model"
    train(CONFIG, TRAIN, model_dir=folder, verbose=0)
    for weight, other in zip(undisturbed, weights(tmp_path), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


def test_a_cut_and_a_kill_leave_no_trace(undisturbed, tmp_path):
    with started(pods, tmp_path) as cluster:
        cluster.wait_for_epoch(epoch=1)
        cluster.hosts[1].cut_off()
        time.sleep(SECONDS_CUT_OFF)
        cluster.hosts[1].connect()
        cluster.wait_for_epoch(epoch=3)
        cluster.kill(2)
        # As Kubernetes starts a pod again.
        cluster.start(2)
        assert cluster.wait() == [0, 0, 0], cluster.logs
        assert cluster.logs.count("Resuming") == 2, cluster.logs
    for weight, other in zip(weights(tmp_path), undisturbed, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_the_example_runs_on_slurm(undisturbed, tmp_path):
    reason = why_no_slurm()
    if reason:
        pytest.skip(reason)
    write_data(tmp_path)
    daemons = tmp_path / "slurm"
    daemons.mkdir()
    programs = pathlib.Path(sys.executable).parent
    with started_slurm(daemons) as slurm:
        status, output = slurm.run(
            [
                *("sbatch", "--wait", "--nodes=3", "--cpus-per-task=1"),
                *("--output=log", ROOT / "examples" / "slurm.sbatch"),
            ],
            cwd=tmp_path,
            env={
                **environment(),
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            },
        )
    log = tmp_path / "log"
    log = log.read_text() if log.exists() else output
    assert status == 0, log
    assert "2: worker 2 of 3 waits for the chief at node01:" in log
    for weight, other in zip(weights(tmp_path), undisturbed, strict=True):
        np.testing.assert_array_equal(weight, other)
