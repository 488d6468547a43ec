"""A SavedModel in this process."""

import os
from collections.abc import Collection

from serving.batch_inference.predictor import Refusal
from serving.client.server_error import ServerError
from serving.local_model import LocalModel
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import SCORES

# A graph leaves cores idle between its ops, most of all in a loop over steps.
_IN_FLIGHT = 2


class LocalBatchModel:
    """`BatchModel` over an export.

    Args:
        path: A version's directory, or the model's base directory, of which
            the highest version is taken.
        signature: Name of the signature to run.
        sides: The sides that the rows have.

    Raises:
        ValueError: If there is no SavedModel or it lacks the signature or a
            side; from `answer` if the model fails.
    """

    in_flight = _IN_FLIGHT

    def __init__(
        self,
        path: str | os.PathLike[str],
        signature: str,
        sides: Collection[str],
    ):
        self._model = LocalModel(path)
        directory = self._model.directory.absolute()
        reason = self._model.refusal(signature, sides)
        if reason:
            raise ValueError(f"{directory} {reason}")
        self._signature = signature
        embeds = signature == EMBEDDINGS_SIGNATURE
        self._output = EMBEDDINGS if embeds else SCORES
        self.text_sides = self._model.text_sides
        self.identity = {"saved_model": str(directory), **_files(directory)}

    def answer(self, inputs):
        try:
            return self._model.run(self._signature, inputs, self._output)
        except ServerError as error:
            if error.code == "INVALID_ARGUMENT":
                raise Refusal(error.message) from None
            raise ValueError(f"the model failed: {error.message}") from error

    def stop(self):
        # No call waits for anything but the model's own work.
        pass

    def close(self):
        self._model.close()


def _files(directory):
    """Size and time of every file: another export may take the place."""
    stats = {
        file.relative_to(directory).as_posix(): file.stat()
        for file in sorted(directory.rglob("*"))
        if file.is_file()
    }
    return {
        f"saved_model/{name}": [stat.st_size, stat.st_mtime_ns]
        for name, stat in stats.items()
    }
