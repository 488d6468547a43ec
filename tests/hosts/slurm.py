"""A SLURM cluster of three nodes, with its own daemons, on `make_hosts`."""

import contextlib
import os
import shutil
import subprocess
import time

from tests.hosts.hosts import make_hosts

_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
_NODES = ("node01", "node02", "node03")
_SETTINGS = """
ClusterName=o2v
SlurmctldHost=node01
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
NodeName=node[01-03] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def why_no_slurm():
    """Returns why SLURM cannot run here, or `None`."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return (
            f"no program {', '.join(missing)} (Debian: slurmctld, slurmd, "
            "slurm-client, munge)"
        )
    return None


class Slurm:
    """A running SLURM.

    Args:
        host: The `Host` of its controller.
        environment: Variables of its commands.
    """

    def __init__(self, host, environment):
        self._host = host
        self._environment = environment

    def run(self, command, **settings):
        """Runs a command on the controller; returns status and output."""
        with self._host.start(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **settings.pop("env", {}), **self._environment},
            **settings,
        ) as process:
            output, _ = process.communicate(timeout=300)
        return process.returncode, output


@contextlib.contextmanager
def started_slurm(folder):
    """Yields a `Slurm` of the nodes node01, node02 and node03."""
    (folder / "state").mkdir()
    settings = folder / "slurm.conf"
    settings.write_text(_SETTINGS.format(folder=folder))
    # `ip netns exec` hides the control groups.
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    environment = {"SLURM_CONF": str(settings)}
    with make_hosts(_NODES) as hosts, contextlib.ExitStack() as stack:
        files = {"socket": "socket", "key-file": "key", "log-file": "log"}
        files |= {"pid-file": "pid", "seed-file": "seed"}
        munged = ["munged", "--foreground", "--force"]
        munged += [f"--{k}={folder}/munge.{v}" for k, v in files.items()]
        _start(stack, hosts[0], munged, folder, environment)
        while not (folder / "munge.socket").exists():
            time.sleep(0.1)
        _start(stack, hosts[0], ["slurmctld", "-D"], folder, environment)
        for host in hosts:
            command = ["slurmd", "-D", "-N", host.name]
            _start(stack, host, command, folder, environment)
        slurm = Slurm(hosts[0], environment)
        _wait_for_nodes(slurm, folder)
        # Ends the workers if the test failed.
        stack.callback(slurm.run, ["scancel", "--full", "--user=root"])
        yield slurm


def _start(stack, host, command, folder, environment):
    log = stack.enter_context(open(folder / "daemons.log", "a"))
    process = host.start(
        command,
        env={**os.environ, **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)


def _wait_for_nodes(slurm, folder):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        status, output = slurm.run(["sinfo", "--noheader", "--format=%t"])
        if status == 0 and output.split() == ["idle"]:
            return
        time.sleep(0.5)
    raise AssertionError((folder / "daemons.log").read_text())
