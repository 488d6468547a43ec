"""Finished windows on the disk, from which a killed job resumes."""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
from typing import Any
from typing import NamedTuple

from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.output_vectors import Vectors
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file
from serving.batch_inference.job import Job
from serving.batch_inference.window import Window

_MANIFEST = "manifest.json"
_PART = f"{'[0-9]' * 6}-{'[0-9]' * 8}.part"
# In this order: parts without a manifest would be nobody's.
_OURS = (_PART, _PART.replace(".part", ".bad"), _MANIFEST)


class Counts(NamedTuple):
    """Rows of a finished job.

    Args:
        rows: All rows.
        bad: Rows without an answer.
    """

    rows: int
    bad: int


class ResumeFolder:
    """The folder of a job's finished windows.

    At every moment a kill leaves a folder from which the next run goes on:
    `manifest.json` says whose parts they are; `I-W.part` is window W of input
    I, whose bad rows, if any, were written before as `I-W.bad`. The job's
    receipt, beside the outputs and not in the folder, says that all of them
    are there; it stays when the folder is gone, so that a job that was killed
    after its last file, or is simply run again, is known to be finished.

    Args:
        job: `Job`.
        model: Identity of the model, JSON values.
        restart: Whether to start anew. Defaults to `False`.

    Attributes:
        counts: `Counts` if an earlier run has finished the job, or `None`.

    Raises:
        ValueError: If the folder is another job's, an output exists, or
            another process is at work; the message says how to go on.
    """

    def __init__(self, job: Job, model: dict[str, Any], restart: bool = False):
        self._job = job
        self._model = model
        self._manifest = _manifest(job, model)
        self._folder = job.parts_folder
        self.counts = None
        self._output = OutputFolder(
            self._folder, "output", "parts of a job", _OURS, _is_older
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._output.claimed("answers rows in"))
            self._begin(restart)
            self._claim = stack.pop_all()
        self.finished = {_key(path) for path in self._folder.glob(_PART)}

    def close(self):
        """Lets another process go on; removes the folder if it is empty."""
        self._claim.close()
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def write(self, window: Window, answers: Vectors):
        """Stores a window; only then does it count as finished."""
        part = self._path(window.key, "part")
        if answers.reasons:
            lines = itertools.starmap(window.bad_row, answers.reasons.items())
            text = "".join(f"{line}\n" for line in lines)
            write_file(part.with_suffix(".bad"), text)
        with replaced_file(part) as new, new.open("wb") as file:
            self._job.format.write_part(file, answers)

    def join(self, windows: list[tuple[int, int]], rows: int) -> Counts:
        """Writes the outputs from all windows.

        Args:
            windows: Keys of all windows, in order.
            rows: How many rows they hold.

        Raises:
            ValueError: If an input has changed since the job began.
        """
        if _manifest(self._job, self._model) != self._manifest:
            raise ValueError(
                "an input has changed while the job ran. Give --restart to "
                "begin anew."
            )
        for path, inputs in self._job.outputs:
            keys = [key for key in windows if key[0] in inputs]
            with replaced_file(path) as new, new.open("wb") as file:
                self._job.format.join(
                    file, [self._path(key, "part") for key in keys]
                )
        counts = Counts(rows, self._join_bad_rows(windows))
        receipt = {
            "job": self._manifest,
            "counts": counts,
            "written": self._written(),
        }
        _write_json(self._job.receipt_file, receipt)
        return counts

    def clear(self):
        """Removes the parts."""
        self._output.clear()

    def _begin(self, restart):
        manifest = self._folder / _MANIFEST
        if restart:
            self._job.receipt_file.unlink(missing_ok=True)
        else:
            self.counts = self._finished_counts()
        if self.counts:
            return
        if not restart and manifest.exists():
            self._check_same(json.loads(manifest.read_text()))
        else:
            self._check_absent(restart)
            self._output.clear()
            _write_json(manifest, self._manifest)

    def _finished_counts(self):
        """`Counts` by the receipt, if this job wrote what is there now."""
        try:
            receipt = json.loads(self._job.receipt_file.read_text())
        except FileNotFoundError:
            return None
        same = receipt["job"] == self._manifest
        if same and receipt["written"] == self._written():
            return Counts(*receipt["counts"])
        return None

    def _written(self):
        """Size and time of the outputs, `None` for one that is not there."""
        outputs = [path for path, _ in self._job.outputs]
        return {
            os.path.abspath(path): _stat(path)
            for path in (*outputs, self._job.bad_rows_file)
        }

    def _check_absent(self, restart):
        outputs = [path for path, _ in self._job.outputs]
        for path in (*outputs, self._job.bad_rows_file):
            if path.exists() and not restart:
                raise ValueError(
                    f"{path} exists already. Write to another file, or give "
                    f"--restart to write it anew."
                )

    def _check_same(self, manifest):
        if manifest == self._manifest:
            return
        differences = [
            f"{name} was {_text(manifest.get(name))} and is "
            f"{_text(self._manifest.get(name))}"
            for name in sorted({*manifest, *self._manifest})
            if manifest.get(name) != self._manifest.get(name)
        ]
        raise ValueError(
            f"{self._folder} holds the beginning of another job: "
            f"{'; '.join(differences)}. Run that job to its end, or give "
            f"--restart to drop it."
        )

    def _join_bad_rows(self, windows):
        paths = [self._path(key, "bad") for key in windows]
        paths = [path for path in paths if path.exists()]
        if not paths:
            self._job.bad_rows_file.unlink(missing_ok=True)
            return 0
        with (
            replaced_file(self._job.bad_rows_file) as new,
            new.open("wb") as file,
        ):
            for path in paths:
                with open(path, "rb") as source:
                    shutil.copyfileobj(source, file)
        with open(self._job.bad_rows_file, "rb") as file:
            return sum(1 for _ in file)

    def _path(self, key, ending):
        return self._folder / f"{key[0]:06d}-{key[1]:08d}.{ending}"


def _key(path):
    number, window = path.stem.split("-")
    return int(number), int(window)


def _is_older(folder):
    return (folder / _MANIFEST).is_file()


def _manifest(job, model):
    inputs = {}
    for number, file in enumerate(job.inputs):
        stat = os.stat(file)
        inputs[f"input {number}"] = {
            "file": os.path.abspath(file),
            "bytes": stat.st_size,
            "modified_ns": stat.st_mtime_ns,
        }
    outputs = [os.path.abspath(path) for path, _ in job.outputs]
    return {
        **inputs,
        **model,
        "outputs": outputs,
        "bad_rows": os.path.abspath(job.bad_rows_file),
        "signature": job.signature,
        "side": job.side,
        "batch_size": job.batch_size,
        "window": job.window,
        "columns": job.columns,
        "id_column": job.id_column,
    }


def _stat(path):
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _write_json(path: pathlib.Path, content):
    write_file(path, json.dumps(content, indent=1))


def _text(value):
    return "absent" if value is None else json.dumps(value)
