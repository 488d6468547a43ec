"""`recorded_slurm.json` was printed by `srun` of SLURM 22.05 on three nodes."""

import json
import pathlib
import re

import pytest

from o2v_keras.training.distribute.cluster_managers import expand_nodelist
from o2v_keras.training.distribute.cluster_managers import kubernetes_worker
from o2v_keras.training.distribute.cluster_managers import sagemaker_worker
from o2v_keras.training.distribute.cluster_managers import slurm_worker

RECORDED = json.loads(
    pathlib.Path(__file__).with_name("recorded_slurm.json").read_text()
)
POD = "fit-1.fit.default.svc.cluster.local"
INDEX = {"JOB_COMPLETION_INDEX": "1"}
# As the training toolkit sets them in a job of two instances.
TOOLKIT = {
    "SM_HOSTS": '["algo-1","algo-2"]',
    "SM_CURRENT_HOST": "algo-2",
    "SM_NETWORK_INTERFACE_NAME": "eth0",
    "SM_RESOURCE_CONFIG": '{"current_group_name":"homogeneousCluster"}',
}
# /opt/ml/input/config/resourceconfig.json of the same job.
RESOURCES = {
    "current_host": "algo-2",
    "current_instance_type": "ml.g5.xlarge",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1", "algo-2"],
    "instance_groups": [
        {
            "instance_group_name": "homogeneousCluster",
            "instance_type": "ml.g5.xlarge",
            "hosts": ["algo-1", "algo-2"],
        }
    ],
    "network_interface_name": "eth0",
}


def step(name, task=0, **changes):
    """Returns the recorded variables of a task; `None` removes one."""
    recorded = RECORDED[name]
    variables = {**recorded["shared"], **recorded["tasks"][task], **changes}
    return {k: v for k, v in variables.items() if v is not None}


def test_pods_find_each_other_through_the_service():
    worker = kubernetes_worker(INDEX, POD, 3)
    assert worker.index == 1
    assert worker.addresses == tuple(
        f"fit-{index}.fit.default.svc.cluster.local:2222" for index in range(3)
    )


def test_a_job_may_have_dashes_in_its_name():
    worker = kubernetes_worker(INDEX, "fit-2026-11-1.o2v.team", 2)
    assert worker.addresses[0] == "fit-2026-11-0.o2v.team:2222"


@pytest.mark.parametrize(
    ("environment", "host", "workers", "message"),
    [
        ({}, POD, 3, "`JOB_COMPLETION_INDEX` must be set.*Mode: Indexed"),
        ({"JOB_COMPLETION_INDEX": "x"}, POD, 3, "must be a number.*INDEX=x"),
        (INDEX, POD, None, "`workers` must be given for Kubernetes"),
        (INDEX, POD, 1, "`workers` must be .*`completions`.*workers=1 with"),
        (INDEX, "fit-1", 3, "Set `subdomain`.*headless Service.*'fit-1'"),
        (
            INDEX,
            "fit-2.fit.default",
            3,
            "must end with JOB_.*'fit-2' with .*=1",
        ),
    ],
    ids=["no_job", "no_number", "no_count", "few", "no_service", "other_pod"],
)
def test_names_what_is_wrong_with_a_pod(environment, host, workers, message):
    with pytest.raises(ValueError, match=message):
        kubernetes_worker(environment, host, workers)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("one task a node", ["01:12064", "02:12064", "03:12064"]),
        ("within sbatch", ["01:12128", "02:12128", "03:12128"]),
        ("in blocks", ["01:12080", "01:12081", "02:12080", "02:12081"]),
        ("cyclic", ["01:12096", "02:12096", "01:12097", "02:12097"]),
        ("uneven", ["01:12112", "01:12113", "02:12112", "03:12112"]),
    ],
)
def test_all_tasks_of_slurm_agree(name, places):
    workers = [slurm_worker(step(name, task)) for task in range(len(places))]
    assert [worker.index for worker in workers] == list(range(len(places)))
    assert {worker.addresses for worker in workers} == {
        tuple(f"node{place}" for place in places)
    }


def test_each_task_has_the_address_of_its_node():
    for name in ("in blocks", "cyclic", "uneven"):
        for task in range(len(RECORDED[name]["tasks"])):
            variables = step(name, task)
            worker = slurm_worker(variables)
            host = worker.addresses[worker.index].partition(":")[0]
            assert host == variables["SLURMD_NODENAME"]


def test_sbatch_without_srun_is_no_step():
    with pytest.raises(
        ValueError,
        match="`SLURM_STEP_NUM_TASKS` must be set.*"
        "`srun o2v launch --cluster slurm",
    ):
        slurm_worker(step("sbatch without srun"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SLURM_JOB_ID": None}, "`SLURM_JOB_ID` must be set.*=None"),
        ({"SLURM_PROCID": "-1"}, "`SLURM_PROCID` must be a number.*=-1"),
        ({"SLURM_STEP_NODELIST": "node[1"}, "host list of .*'node\\[1'"),
        ({"SLURM_STEP_TASKS_PER_NODE": "2x2"}, 'counts such as "2\\(x3\\),1"'),
        (
            {"SLURM_STEP_NODELIST": "node[01-03]"},
            "same job step. Received: 3 nodes, 2 nodes with 4 tasks, and 4",
        ),
        (
            {"SLURM_STEP_TASKS_PER_NODE": "2,1"},
            "same job step. Received: 2 nodes, 2 nodes with 3 tasks, and 4",
        ),
        (
            {"SLURM_PROCID": "2"},
            "--distribution=block.*PROCID=2 as task 1 of node 0, with 2, 2",
        ),
        ({"SLURM_PROCID": "7"}, "--distribution=block.*PROCID=7"),
    ],
)
def test_names_what_is_wrong_with_a_step(changes, message):
    with pytest.raises(ValueError, match=message):
        slurm_worker(step("in blocks", 1, **changes))


# As `scontrol show hostnames` of SLURM 22.05 prints them.
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node[01-03,7],login1", "node01 node02 node03 node7 login1"),
        ("r[1-2]n[08-09]", "r1n08 r1n09 r2n08 r2n09"),
        ("gpu-a[9-11]", "gpu-a9 gpu-a10 gpu-a11"),
        ("n[098-102]", "n098 n099 n100 n101 n102"),
        ("a,b-c,d[1-2]", "a b-c d1 d2"),
        ("node[01]", "node01"),
    ],
)
def test_expands_host_lists(text, names):
    assert expand_nodelist(text) == names.split()


@pytest.mark.parametrize("text", ["", "a,,b", "n[1-]", "n[a-b]", "n]1[", "n[]"])
def test_rejects_what_is_no_host_list(text):
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        expand_nodelist(text)


@pytest.mark.parametrize(
    ("environment", "resources"),
    [(TOOLKIT, RESOURCES), (TOOLKIT, None), ({}, RESOURCES)],
    ids=["both", "toolkit", "own_container"],
)
def test_instances_are_numbered_in_order(environment, resources):
    worker = sagemaker_worker(environment, resources)
    assert worker.index == 1
    assert worker.addresses == ("algo-1:2222", "algo-2:2222")


@pytest.mark.parametrize(
    ("environment", "resources", "message"),
    [
        ({}, None, "`SM_HOSTS`, or `hosts` in /opt/ml.*must be there"),
        ({"SM_HOSTS": '["a"]'}, None, "`SM_CURRENT_HOST`, or `current_host`"),
        ({**TOOLKIT, "SM_HOSTS": "algo-1"}, None, "`SM_HOSTS` must be a JSON"),
        ({**TOOLKIT, "SM_HOSTS": "[]"}, None, "`SM_HOSTS` must be a JSON list"),
        (
            {**TOOLKIT, "SM_CURRENT_HOST": "algo-1"},
            RESOURCES,
            "`SM_CURRENT_HOST` must agree with `current_host`.*algo-1 and",
        ),
        (
            {**TOOLKIT, "SM_HOSTS": '["algo-2"]'},
            RESOURCES,
            "`SM_HOSTS` must agree with `hosts`",
        ),
        (
            {**TOOLKIT, "SM_CURRENT_HOST": "algo-3"},
            None,
            "'algo-3', which is not among algo-1, algo-2",
        ),
    ],
)
def test_names_what_is_wrong_with_an_instance(environment, resources, message):
    with pytest.raises(ValueError, match=message):
        sagemaker_worker(environment, resources)
