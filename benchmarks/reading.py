"""Reading JSON Lines and making batches, beside what a script would do.

Run with `make bench` or `python -m benchmarks.reading`.
"""

import json
import pathlib
import statistics
import tempfile
import time

from o2v_keras.quiet_start import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402

from benchmarks.machine import machine  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from o2v_keras import load_dataset  # noqa: E402
from o2v_keras.data.readers import read_pairs  # noqa: E402

RECORDS = 200_000
REPEATS = 5


def _write_records(path: pathlib.Path):
    generator = np.random.default_rng(0)
    with open(path, "w", encoding="utf-8") as file:
        for length in generator.integers(5, 30, RECORDS):
            record = {
                "label": int(generator.integers(2)),
                "in0": [int(generator.integers(1, 1000))],
                "in1": generator.integers(1, 50_000, length).tolist(),
            }
            file.write(json.dumps(record) + "\n")


def _json_loop(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _seconds(run):
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main():
    """Prints the medians and their ratio."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pairs.jsonl"
        _write_records(path)
        contenders = {
            "json.loads loop": lambda: _json_loop(path),
            "read_pairs": lambda: read_pairs(path),
        }
        # In turns, so that a noisy moment hits both.
        times = {name: [] for name in contenders}
        for _ in range(REPEATS):
            for name, run in contenders.items():
                times[name].append(_seconds(run))
        config = Object2VecConfig(
            enc0_max_seq_len=1,
            enc0_vocab_size=50_000,
            enc1_network="hcnn",
            enc1_max_seq_len=30,
            enc1_vocab_size=50_000,
            mini_batch_size=512,
        )
        dataset = load_dataset(path, config)
        batches = [_seconds(lambda: list(dataset)) for _ in range(REPEATS)]
    medians = {name: statistics.median(ts) for name, ts in times.items()}
    for name, seconds in medians.items():
        print(f"{name}: {RECORDS / seconds:,.0f} records/s")
    ratio = medians["json.loads loop"] / medians["read_pairs"]
    print(f"ratio, median of {REPEATS}: {ratio:.1f}")
    rate = RECORDS / statistics.median(batches)
    print(f"shuffled, padded batches of 512: {rate:,.0f} records/s")


if __name__ == "__main__":
    main()
