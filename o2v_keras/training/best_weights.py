"""Where the weights of the best epoch are kept."""

import os
import pathlib

import keras

from o2v_keras.training.agreement import tell_all
from o2v_keras.training.array_file import ArrayFile
from o2v_keras.training.array_file import write_arrays
from o2v_keras.training.worker import Worker


class BestWeightsInMemory:
    """Keeps a copy of the weights in memory."""

    def __init__(self):
        self._weights = None

    def keep(self, model: keras.Model, epoch: int):
        """Replaces what was kept by the model's weights as they are."""
        self._weights = model.get_weights()

    def restore(self, model: keras.Model, epoch: int):
        """Gives the model the weights kept in `epoch`."""
        model.set_weights(self._weights)


class BestWeightsFiles:
    """Keeps the weights in a file for each epoch that was the best so far.

    In memory they would take as much room as the tables once more. The
    files of earlier epochs stay until `forget_others`, so that a checkpoint
    that was written when one of them was the best still finds it.

    Args:
        folder: Where the files go; must exist when one is written.
        worker: This process. Of several workers the chief alone writes, and
            all read when it has. Defaults to one that trains alone.
    """

    def __init__(self, folder: str | os.PathLike, worker: Worker | None = None):
        self._folder = pathlib.Path(folder)
        self._worker = worker or Worker()

    def path(self, epoch: int) -> pathlib.Path:
        """Returns the name of an epoch's file."""
        return self._folder / f"best_weights.{epoch}.zip"

    def keep(self, model: keras.Model, epoch: int):
        """Writes the model's weights as they are as those of `epoch`."""
        if self._worker.is_chief:
            header = {"epoch": epoch}
            write_arrays(self.path(epoch), header, weights=model.weights)

    def restore(self, model: keras.Model, epoch: int):
        """Gives the model the weights kept in `epoch`.

        Raises:
            ValueError: If the file is missing.
        """
        # The chief may still be writing what others ask for.
        tell_all(model.distribute_strategy, self._worker, "written")
        path = self.path(epoch)
        if not path.exists():
            raise ValueError(
                f"The best epoch's weights must be in {path}, but there is no "
                "such file. Was it removed? Of several workers the first one "
                "writes it: `model_dir` must be a folder on a file system "
                "that all workers share."
            )
        ArrayFile(path).assign("weights", model.weights)

    def forget_others(self, *epochs: int | None):
        """Removes the files of all epochs but some; `None` is no epoch."""
        kept = [self.path(epoch) for epoch in epochs if epoch is not None]
        for path in self._folder.glob("best_weights.*.zip"):
            if path not in kept:
                path.unlink()
