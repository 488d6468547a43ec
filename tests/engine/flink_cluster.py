"""Apache Flink in processes of this machine."""

import json
import pathlib
import socket
import time
import urllib.request

from tests.engine.processes import Processes
from tests.engine.processes import free_ports
from tests.engine.processes import is_listening

# A worker that is lost ends attempts of a job's steps, not the job: they begin
# again on the slots that are left. One worker counted as three failures.
_SETTINGS = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 1 s
cluster.evenly-spread-out-slots: true
metrics.fetcher.update-interval: 500
heartbeat.interval: 2000
heartbeat.timeout: 20000
io.tmp.dirs: {folder}
taskmanager.host: localhost
taskmanager.numberOfTaskSlots: 2
taskmanager.cpu.cores: 2
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 128m
taskmanager.memory.network.max: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
taskmanager.network.sort-shuffle.min-buffers: 64
"""
# What Flink's own start script opens to it in Java 17.
_OPENED = (
    "java.lang",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
    "sun.net.util",
    "sun.nio.ch",
    "sun.security.action",
)
_FLINK = "org.apache.flink.runtime"
_MASTER = f"{_FLINK}.entrypoint.StandaloneSessionClusterEntrypoint"
_WORKER = f"{_FLINK}.taskexecutor.TaskManagerRunner"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"


class FlinkCluster:
    """A Flink master, its workers, and Beam's job server.

    Args:
        processes: `Processes`.
        folder: Folder for settings and temporary files.
        jars: Folder of the jars.
    """

    def __init__(
        self, processes: Processes, folder: pathlib.Path, jars: pathlib.Path
    ):
        self._processes, self._folder, self._jars = processes, folder, jars
        self._rpc, self._rest, self.job_port = free_ports(3)
        settings = _SETTINGS.format(
            rpc=self._rpc, rest=self._rest, folder=folder
        )
        (folder / "flink-conf.yaml").write_text(settings)

    def start_in_one_process(self) -> None:
        """Starts the job server; master and workers are in its process."""
        self._start_job_server("[local]")

    def start(self, workers: int, pool: str) -> None:
        """Starts master, workers and job server, each in its own process.

        To each worker, `pool` is the name of another address, as on a cluster
        `localhost` is another machine: 127.0.0.1, 127.0.0.2 and so on.
        """
        settings = ("--configDir", self._folder)
        self._java("master", _MASTER, *settings)
        self._processes.wait("master", lambda: is_listening(self._rest))
        for worker in range(workers):
            hosts = self._folder / f"hosts{worker}"
            hosts.write_text(
                f"127.0.0.1 localhost\n127.0.0.1 {socket.gethostname()}\n"
                f"127.0.0.{worker + 1} {pool}\n"
            )
            self._java(
                f"worker{worker}", _WORKER, *settings, jdk_net_hosts_file=hosts
            )
        self._processes.wait("worker0", lambda: self.workers() == workers)
        self._start_job_server(f"localhost:{self._rest}")

    def workers(self) -> int:
        """Returns how many workers the master knows."""
        return self._ask("overview")["taskmanagers"]

    def wait_for_step(self, name: str, seconds: float = 240) -> str:
        """Waits until a job is in the middle of a step; returns its id.

        Args:
            name: Part of the step's name.
            seconds: Most time to wait. Defaults to 240.

        Raises:
            RuntimeError: If no job gets there in this time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for job in self._ask("jobs")["jobs"]:
                steps = self._ask(f"jobs/{job['id']}")["vertices"]
                for step in steps:
                    if name in step["name"] and step["status"] == "RUNNING":
                        if step["metrics"]["read-records"]:
                            return job["id"]
            time.sleep(0.05)
        raise RuntimeError(f"no job came to {name!r} in {seconds} s")

    def failure(self, job: str) -> str | None:
        """Returns why an attempt of a job failed, or `None` if none did."""
        return self._ask(f"jobs/{job}/exceptions").get("root-exception")

    def _start_job_server(self, master):
        self._java(
            "job_server",
            _JOB_SERVER,
            f"--flink-master={master}",
            f"--flink-conf-dir={self._folder}",
            "--job-host=localhost",
            f"--job-port={self.job_port}",
            "--artifact-port=0",
            "--expansion-port=0",
            f"--artifacts-dir={self._folder}/artifacts",
        )
        listens = lambda: is_listening(self.job_port)  # noqa: E731
        self._processes.wait("job_server", listens)

    def _java(self, name, *words, **properties):
        given = [
            f"-D{key.replace('_', '.')}={value}"
            for key, value in properties.items()
        ]
        opened = [
            word
            for package in _OPENED
            for word in ("--add-opens", f"java.base/{package}=ALL-UNNAMED")
        ]
        self._processes.start(
            name,
            "java",
            "-Xmx1g",
            "-XX:+ExitOnOutOfMemoryError",
            *opened,
            *given,
            "-cp",
            f"{self._jars}/*",
            *words,
            FLINK_CONF_DIR=str(self._folder),
        )

    def _ask(self, path):
        url = f"http://localhost:{self._rest}/{path}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)
