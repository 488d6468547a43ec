"""Megabytes through jobs on Flink: memory of a worker, rows a CPU second.

Run with `make soak` or `python -m benchmarks.soak --megabytes 500`, in the
environment with Beam. Each job runs on a fifth of the data and on all of it.
Processor time and not the clock is what is divided by, so that other work on
the machine counts little. Memory counts as flat if its peak on all of the data
is at most a tenth above that on a fifth.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil

from tests.engine.flink_cluster import FlinkCluster
from tests.engine.jobs import write_model
from tests.engine.processes import Processes

_ROOT = pathlib.Path(__file__).parents[1]
_JARS = _ROOT / "build/engine/flink"
_FILE_ROWS = 40_000
_ENGINE = "Flink, all in one process"
_FLAT = 1.1


def main() -> None:
    """Runs the jobs and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500, metavar="N")
    megabytes = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as folder:
        _run(pathlib.Path(folder), megabytes)


def _run(folder, megabytes):
    print(f"{os.cpu_count()} cores, {_ENGINE}, {time.strftime('%Y-%m-%d')}")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    model = write_model(folder / "model")
    files, size = _write_corpus(folder / "corpus", megabytes)
    few = files[: max(1, round(len(files) / 5))]
    print("job | MB | rows | s | worker: peak MB | CPU s | engine: CPU s")
    for job in ("convert", "embed"):
        alone, beam = [], []
        for part in (few, files):
            output = folder / f"{job}-{len(part)}"
            words = _words(job, model, f"{output}-alone.jsonl", alone=True)
            words += ["--input", *part]
            name = f"{job}, one machine"
            alone.append(_measured(name, words, len(part), size))
            words = ["beam", *_words(job, model, output), "--input", *part]
            (folder / f"flink-{job}-{len(part)}").mkdir()
            beam.append(
                _on_flink(
                    folder / f"flink-{job}-{len(part)}",
                    job,
                    words,
                    len(part),
                    size,
                )
            )
        rows = (len(files) - len(few)) * _FILE_ROWS
        rates = [
            f"{rows / (after[place] - before[place]):,.0f}"
            for (before, after), place in ((alone, 0), (beam, 0), (beam, 1))
        ]
        print(
            f"{job}: rows a CPU second, the start of processes left out: one "
            f"machine {rates[0]}, Python's worker {rates[1]}, engine {rates[2]}"
        )
        growths = [after[2] / before[2] for before, after in (alone, beam)]
        flat = "flat" if growths[1] <= _FLAT else "not flat"
        print(
            f"{job}: peak memory on all / on a fifth: one machine "
            f"{growths[0]:.2f}, Python's worker {growths[1]:.2f}, {flat}",
            flush=True,
        )
    print(f"load of the machine after: {os.getloadavg()[0]:.1f}")


def _words(job, model, output, alone=False):
    if job == "convert":
        return ["convert", "--output", output]
    if not alone:
        return ["embed", "--side", "in0", "--model", model, "--output", output]
    words = ["batch", "--saved-model", model, "--output", output]
    return [*words, "--signature", "encoder_embeddings", "--side", "in0"]


def _on_flink(folder, job, words, files, size):
    with Processes(folder) as processes:
        cluster = FlinkCluster(processes, folder, _JARS)
        cluster.start_in_one_process()
        options = [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{cluster.job_port}",
            "--environment_type=LOOPBACK",
            "--parallelism=2",
            "--environment_cache_millis=600000",
        ]
        engine = psutil.Process(processes.pid("job_server"))
        return _measured(job, [*words, *options], files, size, engine)


def _measured(name, words, files, size, engine=None):
    before = _cpu(engine) if engine else 0
    start = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "o2v_keras", *map(str, words)],
        stdout=subprocess.DEVNULL,
        cwd=_ROOT,
    )
    peak, cpu = 0, 0
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
            cpu = _cpu(process)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.1)
    seconds = time.perf_counter() - start
    if process.wait():
        raise RuntimeError(f"{name}: status {process.returncode}")
    engine_cpu = _cpu(engine) - before if engine else 0
    engines = f"{engine_cpu:.0f}" if engine else "-"
    rows = files * _FILE_ROWS
    print(
        f"{name} | {files * size / 1e6:.0f} | {rows:,} | {seconds:.0f} | "
        f"{peak / 1e6:.0f} | {cpu:.0f} | {engines}",
        flush=True,
    )
    return cpu, engine_cpu, peak


def _cpu(process):
    times = process.cpu_times()
    return times.user + times.system


def _write_corpus(folder, megabytes):
    """Writes files of the same rows; returns them, and the size of one."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = [
        json.dumps(
            {
                "label": 1,
                "in0": rng.integers(1, 30, 14).tolist(),
                "in1": rng.integers(1, 30, 14).tolist(),
            }
        )
        for _ in range(_FILE_ROWS)
    ]
    text = "".join(f"{line}\n" for line in lines).encode()
    files = []
    for number in range(max(1, round(megabytes * 1e6 / len(text)))):
        files.append(folder / f"part-{number:03d}.jsonl")
        files[-1].write_bytes(text)
    return files, len(text)


if __name__ == "__main__":
    main()
