"""Runs benchmarks one after another, each in a process of its own.

python -m benchmarks.run speed                # what `make bench` does
python -m benchmarks.run quality              # what `make quality` does
O2V_QUICK=1 python -m benchmarks.run speed    # do they run at all?

With `O2V_QUICK=1` each takes so little data and time that its figures mean
nothing; the slow tests run all of them so.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

SUITES = {
    "speed": (
        ("benchmarks.reading",),
        ("benchmarks.tokenizing",),
        ("benchmarks.tokenizing.equality",),
        ("benchmarks.feeding",),
        ("benchmarks.streaming",),
        ("benchmarks.serving",),
        ("benchmarks.batch_inference",),
        ("benchmarks.precision",),
        ("benchmarks.wire",),
        ("benchmarks.optimizers",),
        ("benchmarks.training",),
        ("benchmarks.transformer",),
    ),
    "quality": tuple(
        (f"benchmarks.quality.{room}", "--task", task, "--test")
        for room, tasks in (
            ("sentences", ("stsb", "sick-r", "sick-e")),
            ("movielens", ("ua", "u1-u5", "above-3", "retrieval", "ml-1m")),
            ("wordnet", ("definitions", "hypernyms", "prefixes")),
        )
        for task in tasks
    )
    + (("benchmarks.quality.recipes", "--test"),),
}


def run_all(commands: Sequence[Sequence[str]]) -> list[str]:
    """Runs modules, the rest too when one of them fails.

    Args:
        commands: Words after `python -m` of each.

    Returns:
        The commands that failed.
    """
    failed = []
    for command in commands:
        name = " ".join(command)
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", *command]).returncode:
            failed.append(name)
    return failed


def main() -> int:
    """Runs a suite; returns 1 if one of its benchmarks failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", choices=SUITES)
    failed = run_all(SUITES[parser.parse_args().suite])
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
