"""The jobs on engines that are processes of their own.

`make test-engine` brings the engines and runs these tests.
"""

import pathlib
import shutil
import sys
import threading

import pytest

from tests.engine.flink_cluster import FlinkCluster
from tests.engine.jobs import Jobs
from tests.engine.jobs import write_corpus
from tests.engine.jobs import write_model
from tests.engine.processes import Processes
from tests.engine.processes import free_ports
from tests.engine.processes import is_listening

pytest.importorskip("apache_beam", reason="needs Beam; see `make test-engine`")

# Beam's thread of a worker ends so when the engine ends the worker.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
_ENGINES = pathlib.Path(__file__).parents[2] / "build/engine"
_JARS = _ENGINES / "flink"
_PRISM = _ENGINES / "bin/prism"


def flink_needed():
    if not (shutil.which("java") and (_JARS / ".fetched").exists()):
        pytest.skip(f"needs Java and {_JARS}; `make test-engine` fills it")


def engine_options(port, environment="LOOPBACK", **config):
    words = [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{port}",
        f"--environment_type={environment}",
        "--parallelism=2",
    ]
    return words + [f"--{name}={value}" for name, value in config.items()]


@pytest.fixture(scope="module", params=["flink", "prism"])
def engine(request, tmp_path_factory):
    """Words that name the engine."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "flink":
        flink_needed()
    elif not _PRISM.exists():
        pytest.skip(f"needs {_PRISM}; `make test-engine` builds it with Go")
    with Processes(folder) as processes:
        if request.param == "flink":
            cluster = FlinkCluster(processes, folder, _JARS)
            cluster.start_in_one_process()
            yield engine_options(cluster.job_port)
        else:
            (port,) = free_ports(1)
            words = [_PRISM, f"--job_port={port}", "--serve_http=false"]
            processes.start("prism", *words)
            processes.wait("prism", lambda: is_listening(port))
            yield engine_options(port)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def jobs(engine, tmp_path, capsys):
    return Jobs(engine, tmp_path, capsys)


def test_check_prints_what_one_machine_prints(jobs, corpus):
    jobs.check(corpus)


@pytest.mark.parametrize("options", [[], ["--max-size", "6"]])
def test_the_vocabulary_is_that_of_one_machine(jobs, corpus, options):
    jobs.vocabulary(corpus, *options)


def test_convert_writes_the_records_of_one_machine(jobs, corpus):
    assert jobs.convert(corpus) == 240


@pytest.mark.parametrize("side", ["in1", None])
def test_answers_are_those_of_one_machine(jobs, corpus, model, side):
    assert jobs.answer(corpus, model, side) == 240


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Flink cluster of two workers, each with a slot to spare.

    Python's workers are processes of a pool, as on a cluster's machines.
    """
    flink_needed()
    folder = tmp_path_factory.mktemp("cluster")
    with Processes(folder) as processes:
        (port,) = free_ports(1)
        pool = "apache_beam.runners.worker.worker_pool_main"
        words = [sys.executable, "-m", pool, f"--service_port={port}"]
        processes.start("pool", *words)
        processes.wait("pool", lambda: is_listening(port))
        cluster = FlinkCluster(processes, folder, _JARS)
        cluster.start(workers=2)
        options = engine_options(
            cluster.job_port, "EXTERNAL", environment_config=f"localhost:{port}"
        )
        yield cluster, processes, options


def test_a_job_survives_the_death_of_a_worker(cluster, model, tmp_path, capsys):
    flink, processes, options = cluster
    assert flink.workers() == 2
    (tmp_path / "corpus").mkdir()
    corpus = write_corpus(tmp_path / "corpus", files=60, rows=2000)
    killed = []

    def kill_in_the_middle():
        killed.append(flink.wait_for_rows(20))
        processes.kill("worker1")

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    rows = Jobs(options, tmp_path, capsys).answer(corpus, model, "in0")
    killer.join()
    assert rows == 120_000
    assert flink.workers() == 1
    assert flink.restarts(*killed) > 0
