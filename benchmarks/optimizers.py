"""Row-sparse optimizers beside those of Keras, over two token tables.

Run with `make bench` or `python -m benchmarks.optimizers`. Both libraries
train the same model on the same ids with `fit` and ten steps an execution;
ours also with one.
"""

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

from benchmarks.contest import Rate  # noqa: E402
from benchmarks.contest import run_contest  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from benchmarks.two_tables import BATCH_SIZE  # noqa: E402
from benchmarks.two_tables import WIDTH  # noqa: E402
from notebooks.sizes import sized  # noqa: E402

# Optimizer -> how many times as fast ours should be at 1M rows.
TARGETS = sized({"Adam": 100, "Adagrad": 60, "SGD": 12}, quick={"Adam": 100})
SLOTS = {"Adam": 2, "Adagrad": 1, "SGD": 0}
SIZES = {
    name: sized(rows, quick=100)
    for name, rows in {"10k": 10_000, "1M": 1_000_000, "4M": 4_000_000}.items()
}
STEPS = {"ours": sized(400, quick=10), "stock": 10}
ROUNDS = sized(3, quick=1)
ONE_AT_ONCE = "ours, one step an execution"
MEGABYTE = 2**20


def main():
    """Prints steps a second, ratios and peaks of memory."""
    print(machine())
    print(
        f"two tables of rows x {WIDTH}, batches of {BATCH_SIZE}; medians of "
        f"{ROUNDS} rounds (lowest-highest)"
    )
    for optimizer in TARGETS:
        _compare_libraries(optimizer)
    _compare_sizes()


def _compare_libraries(optimizer):
    rows = SIZES["1M"]
    commands = {
        library: _command(library, optimizer, rows)
        for library in ("ours", "stock")
    }
    one_at_once = _command("ours", optimizer, rows, at_once=1)
    results = run_contest({**commands, ONE_AT_ONCE: one_at_once}, ROUNDS)
    rates = {name: Rate.of(played) for name, played in results.items()}
    ratio = rates["ours"].median / rates["stock"].median
    print(f"\n{optimizer}, 1M rows, ms a step:")
    for name, rate in rates.items():
        print(f"  {name}: {_milliseconds(rate)}")
    print(f"  ours {ratio:.0f} times as fast (target {TARGETS[optimizer]})")
    tables = 2 * rows * WIDTH * 4
    for name in commands:
        played = results[name]
        _report_memory(name, played[0]["memory"], tables, SLOTS[optimizer])


def _report_memory(name, memory, tables, slots):
    """Tells peaks in sizes of both tables."""
    shares = {moment: size / tables for moment, size in memory.items()}
    print(
        f"  {name}: peak memory over the start, in sizes of the tables "
        f"({tables / MEGABYTE:,.0f} MB): build {shares['build']:.2f}, from "
        f"the second call on {shares['steps']:.2f} (target "
        f"{1.2 * (1 + slots):.1f}), writing .keras {shares['save']:.2f}"
    )


def _compare_sizes():
    results = run_contest(
        {size: _command("ours", "Adam", rows) for size, rows in SIZES.items()},
        ROUNDS,
    )
    rates = {size: Rate.of(played) for size, played in results.items()}
    print("\nours, Adam, ms a step by rows of a table:")
    for size, rate in rates.items():
        print(f"  {size}: {_milliseconds(rate)}")
    ratio = rates["10k"].median / rates["4M"].median
    print(f"  4M takes {ratio:.2f} times as long as 10k (target 1.5 at most)")


def _milliseconds(rate):
    lowest, highest = 1000 / rate.highest, 1000 / rate.lowest
    return f"{1000 / rate.median:.2f} ({lowest:.2f}-{highest:.2f})"


def _command(library, optimizer, rows, at_once=10):
    return [
        "-m",
        "benchmarks.two_tables",
        library,
        optimizer,
        str(rows),
        str(STEPS[library]),
        str(at_once),
    ]


if __name__ == "__main__":
    main()
