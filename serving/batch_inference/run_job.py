"""Runs a job from where it stands to its end."""

import concurrent.futures
import contextlib
import os
import sys

from o2v_keras.progress import Progress
from serving.batch_inference.input_files import input_fields
from serving.batch_inference.input_files import read_windows
from serving.batch_inference.job import Job
from serving.batch_inference.predictor import BatchModel
from serving.batch_inference.predictor import Predictor
from serving.batch_inference.resume_folder import Counts
from serving.batch_inference.resume_folder import ResumeFolder


def run_job(job: Job, model: BatchModel, restart: bool = False) -> Counts:
    """Answers all rows of a job that no earlier run has answered.

    While the model computes, one thread reads and parses the next window and
    another writes the last one. A finished job is not done again, as long as
    its inputs, model and outputs are what they were.

    Args:
        job: `Job`.
        model: `BatchModel`.
        restart: Whether to drop what an earlier run has done. Defaults to
            `False`.

    Returns:
        The counts of all rows, those of earlier runs included.

    Raises:
        ValueError: If the job cannot go on where it stands.
        OSError: If a file cannot be read or written.
        ServerError: If a server fails. What is finished stays.
        ServerAway: If it does not answer. What is finished stays.
    """
    with contextlib.closing(
        ResumeFolder(job, model.identity, restart)
    ) as folder:
        if folder.counts:
            print(
                "finished by an earlier run; --restart does it again",
                file=sys.stderr,
            )
        counts = folder.counts or _Run(job, model, folder).run()
        folder.clear()
    return counts


class _Run:
    def __init__(self, job, model, folder):
        self._job = job
        self._model = model
        self._folder = folder
        fields = input_fields(job.columns, job.id_column, model.text_sides)
        self._windows = read_windows(job.inputs, fields, job.window)
        self._keys = []
        self._rows = 0
        self._skipped = 0.0
        self._sizes = [os.path.getsize(file) for file in job.inputs]

    def run(self):
        with (
            Predictor(self._model, self._job.batch_size) as predictor,
            concurrent.futures.ThreadPoolExecutor(1) as reader,
            concurrent.futures.ThreadPoolExecutor(1) as writer,
            Progress("answering") as progress,
        ):
            self._answer_windows(predictor, reader, writer, progress)
        return self._folder.join(self._keys, self._rows)

    def _answer_windows(self, predictor, reader, writer, progress):
        answered = 0
        written = None
        upcoming = reader.submit(self._next)
        while (found := upcoming.result()) is not None:
            window, records = found
            upcoming = reader.submit(self._next)
            answers = predictor.predict(records)
            if written:
                written.result()
            written = writer.submit(self._folder.write, window, answers)
            answered += len(window)
            progress.reach(
                answered,
                share=self._share(window),
                share_before=self._skipped,
            )
        if written:
            written.result()

    def _next(self):
        """Returns the next window that is to be answered, parsed."""
        for window in self._windows:
            self._keys.append(window.key)
            self._rows += len(window)
            if window.key not in self._folder.finished:
                return window, window.parse()
            self._skipped = self._share(window)
        return None

    def _share(self, window):
        before = sum(self._sizes[: window.input])
        return (before + window.bytes_read) / sum(self._sizes)
