"""Training speed beside stock Keras and PyTorch, on the same models and data.

Run with `make bench` or `python -m benchmarks.training [SETUP ...]`.
`O2V_DATA_DIR` names the folder of corpora, `O2V_TORCH_PYTHON` an interpreter
with `benchmarks/requirements.txt`; without them their part is left out.
"""

import argparse
import os
import pathlib
import tempfile

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

from benchmarks.contest import Rate  # noqa: E402
from benchmarks.contest import run_contest  # noqa: E402
from benchmarks.machine import machine  # noqa: E402
from benchmarks.training.arithmetic import matrix_operations  # noqa: E402
from benchmarks.training.corpora import data_folder  # noqa: E402
from benchmarks.training.setups import SETUPS  # noqa: E402
from notebooks.sizes import sized  # noqa: E402

OURS = "o2v_keras"
MATRIX_PRODUCTS = "matrix products"


def main():
    """Prints a table of rates and ratios for each setup."""
    setups = {setup.name: setup for setup in SETUPS}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setups", nargs="*", metavar="SETUP")
    parser.add_argument("--rounds", type=int, default=sized(3, quick=1))
    arguments = parser.parse_args()
    for name in arguments.setups:
        if name not in setups:
            parser.error(f"SETUP must be one of {', '.join(setups)}: {name}")
    print(machine())
    torch_python = os.environ.get("O2V_TORCH_PYTHON")
    if not torch_python:
        print(
            "Without PyTorch: set O2V_TORCH_PYTHON to an interpreter with "
            "benchmarks/requirements.txt."
        )
    for name in arguments.setups or setups:
        if setups[name].needs_data and not data_folder():
            print(f"{name} is left out: its corpus lies in O2V_DATA_DIR.")
            continue
        with tempfile.TemporaryDirectory() as folder:
            _compare(
                setups[name],
                pathlib.Path(folder),
                arguments.rounds,
                torch_python,
            )


def _compare(setup, folder, rounds, torch_python):
    written = setup.write(folder)
    results = run_contest(_commands(folder, torch_python), rounds)
    rates = {name: Rate.of(played) for name, played in results.items()}
    machine_rate = rates.pop(MATRIX_PRODUCTS)
    config = written.config
    print(
        f"\n{setup.name}: {config.enc0_network}, batches of "
        f"{config.mini_batch_size}; {written.description}; pairs/s, median of "
        f"{rounds} rounds of {written.steps} steps (lowest-highest)"
    )
    for name, rate in rates.items():
        print(f"  {name}: {rate}{_ratio(setup, rates, name)}")
    share = rates[OURS].median * matrix_operations(config, written.table)
    print(
        f"  matrix products alone: {machine_rate.median / 1e9:,.0f} GFLOP/s on "
        f"this machine, of which our steps have {share / 1e9:,.0f} "
        f"({share / machine_rate.median:.0%})"
    )


def _commands(folder, torch_python):
    def ours(module, *options):
        return ["-m", f"benchmarks.training.{module}", str(folder), *options]

    commands = {
        OURS: ours("ours"),
        "stock Keras": ours("stock_keras"),
        "stock Keras, our batches": ours("stock_keras", "--our-batches"),
    }
    if torch_python:
        commands["PyTorch"] = [torch_python, *ours("pytorch")]
    commands[MATRIX_PRODUCTS] = ["-m", "benchmarks.training.matrix_products"]
    return commands


def _ratio(setup, rates, name):
    if name == OURS:
        return ""
    text = f"; ours {rates[OURS].median / rates[name].median:.2f} times as fast"
    if name in setup.targets:
        text += f" (target {setup.targets[name]}"
        if name == "stock Keras" and setup.headline:
            text += f", headline {setup.headline}"
        text += ")"
    return text


if __name__ == "__main__":
    main()
