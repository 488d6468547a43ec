"""An export as a model of Beam's RunInference."""

import contextlib
import os
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference.base import ModelHandler
from apache_beam.ml.inference.base import PredictionResult

from o2v_keras.data.read.file_system import is_remote
from o2v_keras.storage.temporary_folder import TemporaryFolder
from serving.batch_inference.local_batch_model import LocalBatchModel
from serving.batch_inference.predictor import Predictor
from serving.batch_inference.window import LinesWindow


class SavedModelHandler(ModelHandler[LinesWindow, PredictionResult, Predictor]):
    """Answers windows of rows, as `o2v batch` does.

    An example is a whole window: its rows are sorted by length, padded with 0
    and answered in batches of similar lengths. A process loads the model
    once, for all its threads.

    Args:
        model: An export's version directory, or its base directory, of which
            the highest version is taken. Every worker must be able to read
            it; one such as `gs://bucket/export/1` is copied to each.
        signature: Name of the signature to run.
        sides: The sides that the rows have.
        batch_size: Rows of a batch.
    """

    def __init__(
        self,
        model: str,
        signature: str,
        sides: Collection[str],
        batch_size: int,
    ):
        # Windows are not gathered further.
        super().__init__(min_batch_size=1, max_batch_size=1)
        self._model = model
        self._signature = signature
        self._sides = sides
        self._batch_size = batch_size

    def load_model(self) -> Predictor:
        """Loads the model; raises `ValueError` if it cannot be."""
        with _local(self._model) as directory:
            model = LocalBatchModel(directory, self._signature, self._sides)
        return Predictor(model, self._batch_size)

    def run_inference(
        self,
        batch: Sequence[LinesWindow],
        model: Predictor,
        inference_args: dict[str, Any] | None = None,
    ) -> list[PredictionResult]:
        """Returns each window with its `Vectors`."""
        windows = [window.of_texts(model.text_sides) for window in batch]
        return [
            PredictionResult(window, model.predict(window.parse()))
            for window in windows
        ]

    def get_num_bytes(self, batch: Sequence[LinesWindow]) -> int:
        """Returns the size of the rows' text."""
        return sum(len(window.text) for window in batch)

    def get_metrics_namespace(self) -> str:
        return "SavedModel"


@contextlib.contextmanager
def _local(directory):
    """Copies a remote directory, which TensorFlow's session cannot open."""
    if not is_remote(directory):
        yield directory
        return
    directory = directory.rstrip("/")
    (found,) = FileSystems.match([f"{directory}/**"])
    if not found.metadata_list:
        raise ValueError(f"{directory}: no such directory.")
    with TemporaryFolder("saved-model") as copy:
        for metadata in found.metadata_list:
            name = metadata.path.removeprefix(f"{directory}/")
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileSystems.open(metadata.path) as source:
                target.write_bytes(source.read(metadata.size_in_bytes))
        yield os.fspath(copy)
