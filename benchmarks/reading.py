"""Reading pairs from files, beside what a script would do.

Run with `make bench` or `python -m benchmarks.reading`.
"""

import csv
import json
import pathlib
import tempfile

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet  # noqa: E402

from benchmarks.interleaved import interleaved  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from notebooks.sizes import sized  # noqa: E402
from o2v_keras.data.pair_columns import PairColumns  # noqa: E402
from o2v_keras.data.read.pairs import read_pairs  # noqa: E402

RECORDS = sized(200_000, quick=500)
REPEATS = sized(5, quick=1)
STANDARD = PairColumns()
RENAMED = PairColumns("user", "films", "seen")


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


def _write_csv(path, columns, *note):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "note"][: len(columns) + len(note)])
        for label, *sides in zip(*columns.values(), strict=True):
            ids = [" ".join(map(str, side)) for side in sides]
            writer.writerow([label, *ids, *note])


def _json_loop(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _csv_loop(path):
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        return [
            (
                float(label),
                list(map(int, in0.split())),
                list(map(int, in1.split())),
            )
            for label, in0, in1 in reader
        ]


def _renamed(columns):
    return dict(zip(("seen", "user", "films"), columns.values(), strict=True))


def main():
    """Prints records a second and the ratios to a script's loops."""
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        columns = _columns()
        _write_json_lines(folder / "plain.jsonl", columns)
        # An escape, and each id alone instead of in a list.
        alone = columns | {"in0": [ids[0] for ids in columns["in0"]]}
        _write_json_lines(
            folder / "renamed.jsonl", _renamed(alone), source="f\u00fcr"
        )
        _write_csv(folder / "pairs.csv", columns)
        _write_csv(folder / "quotes.csv", columns, 'a "note", of all')
        # What arrow is not given, and Python's csv reads.
        _write_csv(folder / "breaks.csv", columns, "two\nlines")
        pa.parquet.write_table(pa.table(columns), folder / "pairs.parquet")
        del columns, alone
        megabytes = (folder / "plain.jsonl").stat().st_size / 1e6
        print(f"{RECORDS:,} records, {megabytes:.0f} MB of JSON Lines")

        def read(name, columns=STANDARD):
            return lambda: read_pairs(folder / name, columns=columns, verbose=0)

        loops = {
            "json.loads loop": lambda: _json_loop(folder / "plain.jsonl"),
            "csv.reader and int loop": lambda: _csv_loop(folder / "pairs.csv"),
        }
        contenders = {
            "read_pairs, JSON Lines": read("plain.jsonl"),
            "read_pairs, JSON Lines of other names": read(
                "renamed.jsonl", RENAMED
            ),
            "read_pairs, CSV": read("pairs.csv"),
            "read_pairs, CSV with quotes": read("quotes.csv"),
            "read_pairs, CSV with line breaks in quotes": read("breaks.csv"),
            "read_pairs, Parquet": read("pairs.parquet"),
        }
        times = interleaved(loops | contenders, REPEATS)
    for name, timing in times.items():
        rate = RECORDS / timing.median
        loop = [*loops]["CSV" in name or "csv" in name]
        ratio = timing.ratio(times[loop])
        print(f"{name}: {rate:,.0f} records/s, {ratio} (beside the {loop})")


if __name__ == "__main__":
    main()
