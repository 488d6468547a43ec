"""Memory and speed of data larger than memory, at 1x and 10x of them.

Run with `make bench` or `python -m benchmarks.streaming`.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402
import psutil  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from o2v_keras import convert  # noqa: E402
from o2v_keras import train  # noqa: E402
from o2v_keras.data.batches.pair_batches import PairBatches  # noqa: E402
from o2v_keras.data.batches.pair_stream import PairStream  # noqa: E402
from o2v_keras.data.load_dataset import load_pairs  # noqa: E402
from o2v_keras.data.read.pairs import read_pieces  # noqa: E402
from o2v_keras.data.read.paths import expand_paths  # noqa: E402

ROWS = sized(60_000, quick=600)
TIMES = sized((1, 10), quick=(1,))
STREAM_ROWS = sized(20_000, quick=200)
VOCABULARY = 50_000


def _config():
    return Object2VecConfig(
        enc0_network="pooled_embedding",
        enc0_max_seq_len=30,
        enc0_vocab_size=VOCABULARY,
        enc_dim=4,
        mlp_layers=0,
        mini_batch_size=sized(2048, quick=64),
        epochs=1,
        bucket_width=5,
        negative_sampling_rate=1,
    )


def _write_lines(path: pathlib.Path, rows: int):
    """Writes records of two sequences of 5 to 14 ids each."""
    rng = np.random.default_rng(0)
    with open(path, "w", encoding="utf-8") as file:
        for start in range(0, rows, 10_000):
            count = min(10_000, rows - start)
            lengths = rng.integers(5, 15, (count, 2)).tolist()
            ids = rng.integers(1, VOCABULARY, (count, 2, 14)).tolist()
            for (first, second), (in0, in1) in zip(lengths, ids, strict=True):
                record = {"in0": in0[:first], "in1": in1[:second], "label": 1}
                file.write(json.dumps(record) + "\n")


# Each runs in a process of its own and returns the seconds of its work,
# without those in which TensorFlow starts.


def _convert(folder: pathlib.Path) -> float:
    began = time.perf_counter()
    convert(
        folder / "pairs.jsonl", folder / "shards", shard_rows=10_000, verbose=0
    )
    return time.perf_counter() - began


def _read(folder: pathlib.Path) -> float:
    began = time.perf_counter()
    for file in expand_paths(folder / "shards"):
        for _ in read_pieces(file, ("in0", "in1"), True):
            pass
    return time.perf_counter() - began


def _batches(folder: pathlib.Path) -> float:
    stream = PairStream(folder / "shards", _config(), STREAM_ROWS)
    batches = PairBatches(stream, _config(), True)
    began = time.perf_counter()
    for _ in batches.dataset():
        pass
    return time.perf_counter() - began


def _train(folder: pathlib.Path) -> float:
    began = time.perf_counter()
    train(
        _config(),
        folder / "shards",
        model_dir=folder / "model",
        stream_rows=STREAM_ROWS,
        overwrite=True,
        verbose=0,
    )
    return time.perf_counter() - began


def _in_memory(folder: pathlib.Path) -> float:
    table = load_pairs(folder / "shards", _config(), training=True)
    batches = PairBatches(table, _config(), training=True)
    began = time.perf_counter()
    for _ in batches.dataset():
        pass
    return time.perf_counter() - began


_TASKS = {
    "convert": _convert,
    "reading shards": _read,
    "streamed batches": _batches,
    "batches in memory": _in_memory,
    "streamed training": _train,
}


def _measure(task: str, folder: pathlib.Path) -> tuple[float, float]:
    """Returns seconds, and the most memory in MB that the process had."""
    command = [sys.executable, "-m", "benchmarks.streaming", task, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        process, peak = psutil.Process(child.pid), 0
        while child.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.02)
        printed = child.communicate()[0]
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    return float(printed.split()[-1]), peak / 1e6


def main():
    """Prints peak memory and rows per second of every task at both sizes."""
    print(machine())
    print(
        f"{ROWS:,} rows x {TIMES}, blocks of {STREAM_ROWS:,} rows, one "
        "negative a record, buckets; memory is the peak of a process, "
        "TensorFlow's own share included"
    )
    results = {task: [] for task in _TASKS}
    with tempfile.TemporaryDirectory() as root:
        for times in TIMES:
            folder = pathlib.Path(root, str(times))
            folder.mkdir()
            _write_lines(folder / "pairs.jsonl", times * ROWS)
            for task, measured in results.items():
                seconds, peak = _measure(task, folder)
                measured.append((times * ROWS / seconds, peak))
            os.remove(folder / "pairs.jsonl")
    for task, measured in results.items():
        rates = " and ".join(f"{rate:,.0f}" for rate, _ in measured)
        peaks = " and ".join(f"{peak:,.0f}" for _, peak in measured)
        ratio = measured[-1][1] / measured[0][1]
        print(f"{task}: {rates} rows/s; {peaks} MB, ratio {ratio:.2f}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(_TASKS[sys.argv[1]](pathlib.Path(sys.argv[2])))
    else:
        main()
