"""Reading pairs from JSON Lines and Parquet, beside what a script would do.

Run with `make bench` or `python -m benchmarks.reading`.
"""

import json
import pathlib
import tempfile

from o2v_keras.quiet_start import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet  # noqa: E402

from benchmarks.interleaved import interleaved  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras.data.read.pairs import read_pairs  # noqa: E402

RECORDS = sized(200_000, quick=500)
REPEATS = sized(5, quick=1)


def _columns():
    generator = np.random.default_rng(0)
    return {
        "label": generator.integers(2, size=RECORDS).tolist(),
        "in0": generator.integers(1, 1000, (RECORDS, 1)).tolist(),
        "in1": [
            generator.integers(1, 50_000, length).tolist()
            for length in generator.integers(5, 30, RECORDS)
        ],
    }


def _write_json_lines(path, columns, **extra):
    with open(path, "w", encoding="utf-8") as file:
        for values in zip(*columns.values(), strict=True):
            record = dict(zip(columns, values, strict=True))
            file.write(json.dumps(record | extra) + "\n")


def _json_loop(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main():
    """Prints records a second and the ratios to the `json.loads` loop."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder, "plain.jsonl")
        other = pathlib.Path(folder, "other.jsonl")
        parquet = pathlib.Path(folder, "pairs.parquet")
        columns = _columns()
        _write_json_lines(plain, columns)
        # An escape is what only a general parser reads.
        _write_json_lines(other, columns, source="f\u00fcr")
        pa.parquet.write_table(pa.table(columns), parquet)
        del columns
        megabytes = plain.stat().st_size / 1e6
        print(f"{RECORDS:,} records, {megabytes:.0f} MB of JSON Lines")
        times = interleaved(
            {
                "json.loads loop": lambda: _json_loop(plain),
                "read_pairs, JSON Lines": lambda: read_pairs(plain),
                "read_pairs, JSON Lines with other text": (
                    lambda: read_pairs(other)
                ),
                "read_pairs, Parquet": lambda: read_pairs(parquet),
            },
            REPEATS,
        )
    for name, timing in times.items():
        rate = RECORDS / timing.median
        ratio = timing.ratio(times["json.loads loop"])
        print(f"{name}: {rate:,.0f} records/s, {ratio}")


if __name__ == "__main__":
    main()
