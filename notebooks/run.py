"""Runs notebooks and keeps their outputs.

python -m notebooks.run                          # all of them, in full
python -m notebooks.run 01_quickstart            # one
O2V_QUICK=1 python -m notebooks.run --check      # do they run at all?
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

FOLDER = pathlib.Path(__file__).parent

_SECONDS_A_CELL = 1800
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook_paths() -> list[pathlib.Path]:
    """Returns the notebooks in the order of their numbers."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))


def read_notebook(path: pathlib.Path) -> nbformat.NotebookNode:
    """Returns a notebook with the outputs it was committed with."""
    return nbformat.read(path, as_version=4)


def run_notebook(
    path: pathlib.Path, folder: pathlib.Path
) -> nbformat.NotebookNode:
    """Runs all cells in a new kernel.

    Args:
        path: The notebook.
        folder: Where the kernel works and leaves its files.

    Returns:
        The notebook with its outputs, and without what changes from run to
        run by itself.

    Raises:
        CellExecutionError: If a cell fails; it holds cell and traceback.
    """
    notebook = read_notebook(path)
    # Wherever it works, the kernel must find what lies beside this package.
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    # Sockets in files: no port is opened, and there is nothing to warn of.
    with tempfile.TemporaryDirectory() as sockets:
        manager = AsyncKernelManager(transport="ipc", ip=f"{sockets}/kernel")
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=_SECONDS_A_CELL,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env=environment)
    notebook.metadata = nbformat.from_dict({"kernelspec": _KERNEL})
    return notebook


def main() -> int:
    """Runs the notebooks that the command line names, or all of them."""
    known = {path.stem: path for path in notebook_paths()}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=known)
    parser.add_argument(
        "--check", action="store_true", help="do not keep the outputs"
    )
    options = parser.parse_args()
    names = options.names
    if unknown := [name for name in names if name not in known]:
        parser.error(f"no notebook {unknown[0]}; there are {', '.join(known)}")
    for name in names:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = run_notebook(known[name], pathlib.Path(folder))
        if not options.check:
            nbformat.write(notebook, known[name])
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
