"""A SavedModel in this process."""

import os

import tensorflow as tf

from serving.batch_inference.predictor import Refusal
from serving.local_model import version_directory
from serving.saved_model_session import SavedModelSession
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

    Raises:
        ValueError: If there is no SavedModel or it lacks the signature; from
            `answer` if the model fails.
    """

    in_flight = _IN_FLIGHT

    def __init__(self, path: str | os.PathLike, signature: str):
        directory = version_directory(path).absolute()
        self._session = _load(directory)
        if signature not in self._session.signature_defs:
            # TensorFlow's own begin with underscores.
            names = ", ".join(
                name
                for name in sorted(self._session.signature_defs)
                if not name.startswith("__")
            )
            raise ValueError(
                f"{directory} holds no signature {signature}, but {names}. "
                f"Export again with --mode both."
            )
        self._signature = signature
        self.text_sides = self._session.text_inputs(signature)
        embeds = signature == EMBEDDINGS_SIGNATURE
        self._output = EMBEDDINGS if embeds else SCORES
        self.identity = {"saved_model": str(directory), **_files(directory)}

    def answer(self, inputs):
        outputs = [self._output]
        try:
            answers = self._session.run(self._signature, inputs, outputs)
        except tf.errors.InvalidArgumentError as error:
            raise Refusal(error.message) from None
        except tf.errors.OpError as error:
            raise ValueError(f"the model failed: {error.message}") from error
        return answers[self._output]

    def stop(self):
        # No call waits for anything but the model's own work.
        pass

    def close(self):
        self._session.close()


def _load(directory):
    try:
        return SavedModelSession(directory)
    except tf.errors.OpError as error:
        raise ValueError(
            f"{directory} cannot be loaded: {error.message}"
        ) from error


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
