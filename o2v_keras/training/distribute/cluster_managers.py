"""The worker that Kubernetes, SLURM or SageMaker starts, by its variables."""

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from o2v_keras.training.distribute.cluster import Worker

# Where each worker has a host of its own: TensorFlow's usual port.
_PORT = 2222
# Below the ports that Linux gives to outgoing connections.
_FIRST_SLURM_PORT = 12000
_SLURM_PORTS = 20000
_TASKS_A_NODE = 16
_FROM_SRUN = (
    "`srun` sets it; start the workers with `srun o2v launch --cluster slurm "
    "-- train ...`, also within an sbatch script"
)
# "node[01-03,7]" -> literals and the ranges between brackets.
_PART = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_TASKS = re.compile(r"(\d+)(?:\(x(\d+)\))?")


def kubernetes_worker(
    environment: Mapping[str, str], host: str, workers: int | None
) -> Worker:
    """Returns this pod's worker in an Indexed Job with a headless service.

    Args:
        environment: Variables by name. Kubernetes sets `JOB_COMPLETION_INDEX`.
        host: Full name of this pod, as `hostname --fqdn` prints it.
        workers: int. Number of pods: the Job's `completions`.

    Returns:
        The worker; all use port 2222.

    Raises:
        ValueError: If the Job is not indexed, the pod has no subdomain, or
            `workers` or `host` contradicts the index.

    Example:
    >>> environment = {"JOB_COMPLETION_INDEX": "1"}
    >>> host = "fit-1.fit.default.svc.cluster.local"
    >>> kubernetes_worker(environment, host, 2).addresses[0]
    'fit-0.fit.default.svc.cluster.local:2222'
    """
    name = "JOB_COMPLETION_INDEX"
    index = _number(
        environment,
        name,
        "Kubernetes sets it in the pods of a Job with `completionMode: "
        "Indexed`",
    )
    if workers is None:
        raise ValueError(
            "`workers` must be given for Kubernetes, which does not tell a "
            "pod the Job's `completions`. Received: workers=None"
        )
    if index >= workers:
        raise ValueError(
            "`workers` must be the Job's `completions`, which is above every "
            f"pod's {name}. Received: workers={workers} with {name}={index}"
        )
    pod, _, domain = host.partition(".")
    if not domain:
        raise ValueError(
            "The pod must have a name that other pods can look up. Set "
            "`subdomain` in the Job's pod template to the name of a headless "
            f"Service. Received: the pod's full name {host!r}"
        )
    job, _, last = pod.rpartition("-")
    if last != str(index):
        raise ValueError(
            f"The pod's name must end with {name}, as an Indexed Job makes "
            "it; leave `hostname` out of the pod template. Received: the "
            f"pod's name {pod!r} with {name}={index}"
        )
    addresses = [f"{job}-{n}.{domain}:{_PORT}" for n in range(workers)]
    return Worker(index, tuple(addresses))


def slurm_worker(environment: Mapping[str, str]) -> Worker:
    """Returns this task's worker in a SLURM job step.

    The distributions `block` and `cyclic` of tasks over nodes are known. Ports
    depend on the job's number and the task's on its node, so that neighbours
    on a node keep out of each other's way.

    Args:
        environment: Variables by name, as `srun` sets them.

    Raises:
        ValueError: If a variable is missing, as without `srun`, or two
            contradict each other.

    Example:
    >>> worker = slurm_worker({
    ...     "SLURM_JOB_ID": "7",
    ...     "SLURM_PROCID": "2",
    ...     "SLURM_NODEID": "1",
    ...     "SLURM_LOCALID": "0",
    ...     "SLURM_STEP_NUM_TASKS": "3",
    ...     "SLURM_STEP_NODELIST": "node[09-10]",
    ...     "SLURM_STEP_TASKS_PER_NODE": "2,1",
    ... })
    >>> worker.addresses
    ('node09:12112', 'node09:12113', 'node10:12112')
    """
    job, task, node, local, count = (
        _number(environment, f"SLURM_{name}", _FROM_SRUN)
        for name in ("JOB_ID", "PROCID", "NODEID", "LOCALID", "STEP_NUM_TASKS")
    )
    name = "SLURM_STEP_NODELIST"
    nodes = expand_nodelist(_variable(environment, name, _FROM_SRUN))
    tasks = _tasks_of_nodes(environment)
    if len(nodes) != len(tasks) or sum(tasks) != count:
        raise ValueError(
            f"`{name}`, `SLURM_STEP_TASKS_PER_NODE` and "
            "`SLURM_STEP_NUM_TASKS` must be of the same job step. Received: "
            f"{len(nodes)} nodes, {len(tasks)} nodes with {sum(tasks)} tasks, "
            f"and {count} tasks"
        )
    places = [(n, i) for n, size in enumerate(tasks) for i in range(size)]
    if environment.get("SLURM_DISTRIBUTION", "").startswith("cyclic"):
        # Stable: rounds over the nodes.
        places.sort(key=lambda place: place[1])
    if task >= count or places[task] != (node, local):
        raise ValueError(
            "The tasks must be distributed over the nodes in blocks or "
            "cyclically: add `--distribution=block` to `srun`. Received: "
            f"SLURM_PROCID={task} as task {local} of node {node}, with "
            f"{', '.join(map(str, tasks))} tasks on the nodes"
        )
    base = _FIRST_SLURM_PORT + job * _TASKS_A_NODE % _SLURM_PORTS
    return Worker(task, tuple(f"{nodes[n]}:{base + i}" for n, i in places))


def expand_nodelist(text: str) -> list[str]:
    """Returns the nodes of a SLURM host list, as `scontrol show hostnames`.

    Raises:
        ValueError: If the list is malformed.

    Example:
    >>> expand_nodelist("node[01-03,7],login")
    ['node01', 'node02', 'node03', 'node7', 'login']
    """
    return [
        "".join(parts)
        for expression in re.split(r",(?![^\[]*\])", text)
        for parts in itertools.product(*_choices(expression, text))
    ]


def sagemaker_worker(
    environment: Mapping[str, str], resources: Mapping[str, Any] | None = None
) -> Worker:
    """Returns this instance's worker in a SageMaker training job.

    Args:
        environment: Variables by name. SageMaker's training toolkit sets
            `SM_HOSTS` and `SM_CURRENT_HOST`.
        resources: Content of `/opt/ml/input/config/resourceconfig.json`, which
            every training container has. Defaults to `None`: the variables
            alone.

    Returns:
        The worker; all use port 2222.

    Raises:
        ValueError: If neither names the hosts and this one, or both do and
            differ.

    Example:
    >>> resources = {"hosts": ["algo-1", "algo-2"], "current_host": "algo-2"}
    >>> sagemaker_worker({}, resources).name
    'worker 1 (algo-2:2222)'
    """
    hosts = environment.get("SM_HOSTS")
    given = {
        "hosts": None if hosts is None else _hosts(hosts),
        "current_host": environment.get("SM_CURRENT_HOST"),
    }
    resources = resources or {}
    for name, value in given.items():
        variable = f"SM_{name.upper()}"
        other = resources.get(name)
        if value is None and other is None:
            raise ValueError(
                f"The variable `{variable}`, or `{name}` in "
                "/opt/ml/input/config/resourceconfig.json, must be there, as "
                "in a SageMaker training job. Received: neither"
            )
        if None not in (value, other) and value != other:
            raise ValueError(
                f"The variable `{variable}` must agree with `{name}` in "
                "/opt/ml/input/config/resourceconfig.json: unset it. "
                f"Received: {variable}={value} and {other}"
            )
        given[name] = other if value is None else value
    hosts, current = given.values()
    if current not in hosts:
        raise ValueError(
            "The current host must be one of the hosts of the job. Received: "
            f"{current!r}, which is not among {', '.join(hosts)}"
        )
    addresses = [f"{host}:{_PORT}" for host in hosts]
    return Worker(hosts.index(current), tuple(addresses))


def _variable(environment, name, origin):
    value = environment.get(name)
    if not value:
        raise ValueError(
            f"The variable `{name}` must be set. {origin}. Received: "
            f"{name}={value}"
        )
    return value


def _number(environment, name, origin):
    value = _variable(environment, name, origin)
    if not value.isdecimal():
        raise ValueError(
            f"The variable `{name}` must be a number. {origin}. Received: "
            f"{name}={value}"
        )
    return int(value)


def _tasks_of_nodes(environment):
    """Returns [2, 1, 1] for "2,1(x2)"."""
    name = "SLURM_STEP_TASKS_PER_NODE"
    text = _variable(environment, name, _FROM_SRUN)
    matches = list(map(_TASKS.fullmatch, text.split(",")))
    if None in matches:
        raise ValueError(
            f'The variable `{name}` must be counts such as "2(x3),1". '
            f"Received: {name}={text}"
        )
    return [int(m[1]) for m in matches for _ in range(int(m[2] or 1))]


def _choices(expression, text):
    """Returns the texts that each part of a host expression stands for."""
    parts = list(_PART.finditer(expression))
    if not expression or "".join(part[0] for part in parts) != expression:
        raise _nodelist_error(text)
    for part in parts:
        yield [part[2]] if part[1] is None else _numbers(part[1], text)


def _numbers(ranges, text):
    numbers = []
    for each in ranges.split(","):
        match = _RANGE.fullmatch(each)
        if not match:
            raise _nodelist_error(text)
        first, last = match[1], match[2] or match[1]
        numbers += [
            str(number).zfill(len(first))
            for number in range(int(first), int(last) + 1)
        ]
    return numbers


def _nodelist_error(text):
    return ValueError(
        'A host list of SLURM must be names such as "node[01-03,7],login". '
        f"Received: {text!r}"
    )


def _hosts(text):
    try:
        hosts = json.loads(text)
    except ValueError:
        hosts = None
    if (
        not isinstance(hosts, list)
        or not hosts
        or not all(isinstance(host, str) for host in hosts)
    ):
        raise ValueError(
            "The variable `SM_HOSTS` must be a JSON list of host names, such "
            f'as ["algo-1", "algo-2"]. Received: SM_HOSTS={text}'
        )
    return hosts
