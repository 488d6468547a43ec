"""Acceptance of an export by a process of its own."""

import json
import os
import pathlib
import subprocess
import sys

from o2v_keras.storage.temporary_folder import TemporaryFolder

_SCRIPT = pathlib.Path(__file__).with_name("acceptance.py")


class AcceptanceError(RuntimeError):
    """An export does not answer as its model does; it was not published."""


def accept(folder: str | os.PathLike, cases: list[dict]):
    """Runs the acceptance test, `acceptance.py`, on an export.

    It runs in a new process, because this one has imported all that an export
    must do without, and on the CPU, whose memory the model has left free.

    Args:
        folder: The export.
        cases: What `acceptance_cases` returned.

    Raises:
        AcceptanceError: If the export fails; the message says where.
    """
    with TemporaryFolder("acceptance") as scratch:
        file = scratch / "cases.json"
        file.write_text(json.dumps(cases))
        child = subprocess.run(
            [sys.executable, "-P", _SCRIPT, folder, file],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
            text=True,
        )
    if child.returncode != 0:
        raise AcceptanceError(
            "The export failed its acceptance test and was not published: "
            + (child.stdout.strip() or child.stderr.strip())
        )
