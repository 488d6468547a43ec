"""A SavedModel in this process, asked like a server."""

import os
import pathlib
from collections.abc import Collection

import numpy as np
import tensorflow as tf

from serving.client.pair_client import Answers
from serving.client.pair_client import Call
from serving.client.pair_client import embeddings_call
from serving.client.pair_client import scores_call
from serving.client.pair_rows import Side
from serving.client.server_error import ServerError
from serving.errors import code_name
from serving.saved_model_session import SavedModelSession
from serving.signatures import refusal


class LocalModel:
    """The clients' `predict` and `embed` without a server.

    Args:
        path: A version's directory, or the model's base directory, of which
            the highest version is taken.
        batch_size: Rows of one step. Defaults to 256.

    Raises:
        ValueError: If there is no SavedModel, or it cannot be loaded.
    """

    def __init__(self, path: str | os.PathLike[str], batch_size: int = 256):
        self.directory = version_directory(path)
        try:
            self._session = SavedModelSession(self.directory)
        except tf.errors.OpError as error:
            raise ValueError(
                f"{self.directory} cannot be loaded: {error.message}"
            ) from error
        self._batch_size = batch_size

    @property
    def signatures(self) -> frozenset[str]:
        """Names of the signatures that the export holds."""
        return frozenset(self._session.signature_defs)

    def refusal(self, signature: str, sides: Collection[str]) -> str:
        """Returns why the export has no answer, as `signatures.refusal`."""
        names = self._session.names.items()
        return refusal({n: each.inputs for n, each in names}, signature, sides)

    @property
    def text_sides(self) -> frozenset[str]:
        """Names of the sides that the export takes texts for."""
        sides = map(self._session.text_inputs, self.signatures)
        return frozenset().union(*sides)

    def predict(self, in0: Side, in1: Side) -> np.ndarray:
        """Returns the scores of pairs, as the clients do."""
        return self._answer(scores_call(in0, in1))

    def embed(
        self, in0: Side | None = None, in1: Side | None = None
    ) -> np.ndarray:
        """Returns the embeddings of one side, as the clients do."""
        return self._answer(embeddings_call(in0, in1))

    def run(
        self, signature: str, inputs: dict[str, np.ndarray], output: str
    ) -> np.ndarray:
        """Runs one step of a signature.

        Args:
            signature: Its name.
            inputs: Side -> int64 `(batch, length)`, padded with 0, or object
                `(batch,)` of `bytes` for the sides that are texts.
            output: Name of the output wanted.

        Raises:
            ServerError: With the code and the message of the runtime.
        """
        try:
            return self._session.run(signature, inputs, [output])[output]
        except tf.errors.OpError as error:
            raise ServerError(code_name(error), error.message) from error

    def close(self):
        """Frees the model."""
        self._session.close()

    def _answer(self, call: Call):
        reason = self.refusal(call.signature, call.rows.sides)
        if reason:
            raise ServerError("FAILED_PRECONDITION", f"the export {reason}")
        answers = Answers(len(call.rows))
        for batch in call.rows.batches(self._batch_size):
            answer = self.run(call.signature, batch.inputs, call.output)
            answers.put(batch.rows, answer)
        return answers.values


def version_directory(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the directory that holds `saved_model.pb`.

    Args:
        path: That directory, or one above it with numbered versions.

    Raises:
        ValueError: If neither is so.
    """
    path = pathlib.Path(path)
    if (path / "saved_model.pb").is_file():
        return path
    versions = [
        child
        for child in (path.iterdir() if path.is_dir() else ())
        if child.name.isdigit() and (child / "saved_model.pb").is_file()
    ]
    if not versions:
        raise ValueError(
            f"{path} is no SavedModel: it holds neither saved_model.pb nor "
            f"numbered versions with one. Make it with `o2v export`."
        )
    return max(versions, key=lambda child: int(child.name))
