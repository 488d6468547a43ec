"""The jobs on engines that are processes of their own.

`make test-engine` brings the engines and runs these tests.
"""

import functools
import os
import pathlib
import shutil
import sys
import threading

import pytest

from o2v_keras.__main__ import main as o2v
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
_ROOT = pathlib.Path(__file__).parents[2]
_ENGINES = _ROOT / "build/engine"
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
        # Otherwise every step has new workers.
        "--environment_cache_millis=600000",
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


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--split", "group", "--group-column", "text"],
        ["--split", "time", "--time-column", "label"],
        [
            *("--split", "within-time", "--time-column", "id"),
            *("--group-column", "label", "--test", "7"),
        ],
    ],
)
def test_split_makes_the_parts_of_one_machine(jobs, corpus, options):
    jobs.split(corpus, *options)


def test_convert_writes_the_records_of_one_machine(jobs, corpus):
    assert jobs.convert(corpus) == 240


@pytest.mark.parametrize("side", ["in1", None])
def test_answers_are_those_of_one_machine(jobs, corpus, model, side):
    assert jobs.answer(corpus, model, side) == 240


def test_bad_rows_are_named_without_a_traceback(engine, tmp_path, capfd):
    (tmp_path / "a.jsonl").write_text('{"in0": [3], "in1": [], "label": 1}')
    words = ["--input", f"{tmp_path}/a.jsonl", "--output", f"{tmp_path}/shards"]
    assert o2v(["beam", "convert", *words, *engine]) == 2
    # The worker, in this process, writes a traceback of its own.
    _, _, error = capfd.readouterr().err.rpartition("o2v beam convert: ")
    assert f"{tmp_path}/a.jsonl:1: in1=[]" in error
    assert "Traceback" not in error


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Flink cluster of two workers, each with a slot to spare.

    Beside each is a pool of Python's workers, as on a cluster's machines.
    """
    flink_needed()
    folder = tmp_path_factory.mktemp("cluster")
    with Processes(folder) as processes:
        (port,) = free_ports(1)
        # Pools start workers as `python`.
        path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        for place in (0, 1):
            address, name = f"127.0.0.{place + 1}", f"pool{place}"
            words = [sys.executable, "-m", "tests.engine.worker_pool"]
            processes.start(
                name,
                *words,
                f"{address}:{port}",
                PATH=path,
                PYTHONPATH=str(_ROOT),
            )
            listens = functools.partial(is_listening, port, address)
            processes.wait(name, listens)
        cluster = FlinkCluster(processes, folder, _JARS)
        cluster.start(workers=2, pool="pool")
        options = engine_options(
            cluster.job_port, "EXTERNAL", environment_config=f"pool:{port}"
        )
        yield cluster, processes, options


def test_a_job_survives_the_death_of_a_worker(cluster, model, tmp_path, capsys):
    flink, processes, options = cluster
    assert flink.workers() == 2
    (tmp_path / "corpus").mkdir()
    corpus = write_corpus(tmp_path / "corpus", files=60, rows=2000)
    killed = []

    def kill_in_the_middle():
        killed.append(flink.wait_for_step("answer"))
        for process in ("worker1", "pool1"):
            processes.kill(process)

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    rows = Jobs(options, tmp_path, capsys).answer(corpus, model, "in0")
    killer.join()
    assert rows == 120_000
    assert flink.workers() == 1
    assert flink.failure(*killed)
