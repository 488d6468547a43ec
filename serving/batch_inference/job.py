"""The settings of a job and the names of its files."""

import dataclasses
import os
import pathlib
from typing import Any

from o2v_keras.storage.output_vectors import ERROR
from o2v_keras.storage.output_vectors import FORMATS
from o2v_keras.storage.output_vectors import JsonLines
from o2v_keras.storage.output_vectors import VectorFormat
from serving.signatures import EMBEDDINGS
from serving.signatures import EMBEDDINGS_SIGNATURE
from serving.signatures import IN0
from serving.signatures import IN1
from serving.signatures import SCORES
from serving.signatures import SCORES_SIGNATURE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """Inputs, outputs and how to get from one to the other.

    Args:
        inputs: Files to read, in this order.
        signature: `"serving_default"` for scores of both sides, or
            `"encoder_embeddings"` for one side's embeddings.
        side: `"in0"` or `"in1"`, of embeddings only. Defaults to `None`.
        output: File for all answers: `.jsonl`, `.parquet` or `.npy`.
            Defaults to `None`.
        sagemaker_output: Instead, the folder for a file `<input>.out` an
            input, as Batch Transform names them; JSON Lines. Defaults to
            `None`.
        bad_rows: File for the rows without an answer. Defaults to `None`:
            `<output>.bad_rows.jsonl`.
        batch_size: Rows of a batch. Defaults to 256.
        window: Rows that are sorted by length and stored together. Defaults
            to 16,384.
        in0_column: The column, or field, of `in0`. Defaults to `"in0"`.
        in1_column: The one of `in1`. Defaults to `"in1"`.
        id_column: One that names the rows, by a text or an integer; it goes
            into the output under its name. Defaults to `None`.

    Raises:
        ValueError: If the values do not fit together.
    """

    inputs: tuple[str, ...]
    signature: str = SCORES_SIGNATURE
    side: str | None = None
    output: str | None = None
    sagemaker_output: str | None = None
    bad_rows: str | None = None
    batch_size: int = 256
    window: int = 16384
    in0_column: str = IN0
    in1_column: str = IN1
    id_column: str | None = None

    def __post_init__(self) -> None:
        self._check_sides()
        for name in ("batch_size", "window"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. "
                    f"Received: {name}={getattr(self, name)!r}"
                )
        if (self.output is None) == (self.sagemaker_output is None):
            raise ValueError(
                "Give exactly one of `output` and `sagemaker_output`."
            )
        if self.output and not self.output.endswith(tuple(FORMATS)):
            raise ValueError(
                f"`output` must end with one of {', '.join(FORMATS)}. "
                f"Received: output={self.output!r}"
            )
        self._check_id_column()
        self._check_files()

    @property
    def columns(self) -> dict[str, str]:
        """Side to read -> its column."""
        columns = {IN0: self.in0_column, IN1: self.in1_column}
        return {self.side: columns[self.side]} if self.side else columns

    @property
    def outputs(self) -> list[tuple[pathlib.Path, list[int]]]:
        """The outputs, each with the numbers of its inputs."""
        if self.output:
            return [(pathlib.Path(self.output), [*range(len(self.inputs))])]
        folder = pathlib.Path(self._sagemaker_folder)
        return [
            (folder / f"{os.path.basename(file)}.out", [number])
            for number, file in enumerate(self.inputs)
        ]

    @property
    def bad_rows_file(self) -> pathlib.Path:
        """Where the rows without an answer are listed."""
        if self.bad_rows:
            return pathlib.Path(self.bad_rows)
        return self._beside("bad_rows.jsonl")

    @property
    def parts_folder(self) -> pathlib.Path:
        """Where finished windows wait for the others."""
        return self._beside("parts")

    @property
    def receipt_file(self) -> pathlib.Path:
        """What says that the job is finished; hidden, so that no data."""
        path = self._beside("finished.json")
        return path.with_name(f".{path.name}")

    @property
    def format(self) -> VectorFormat:
        """Writes the outputs."""
        kind = JsonLines
        if self.output:
            kind = FORMATS[pathlib.Path(self.output).suffix]
        return kind(self._answer, self.id_column)

    @property
    def _answer(self):
        return EMBEDDINGS if self.side else SCORES

    @property
    def _sagemaker_folder(self) -> Any:
        # There is one, as there is no `output`.
        return self.sagemaker_output

    def _beside(self, ending):
        if self.output:
            return pathlib.Path(f"{self.output}.{ending}")
        return pathlib.Path(self._sagemaker_folder, f"batch_inference.{ending}")

    def _check_sides(self):
        signatures = (SCORES_SIGNATURE, EMBEDDINGS_SIGNATURE)
        if self.signature not in signatures:
            raise ValueError(
                f"`signature` must be one of {', '.join(signatures)}. "
                f"Received: signature={self.signature!r}"
            )
        sides = (
            (IN0, IN1) if self.signature == EMBEDDINGS_SIGNATURE else (None,)
        )
        if self.side not in sides:
            raise ValueError(
                f"`side` must be in0 or in1 with {EMBEDDINGS_SIGNATURE}, and "
                f"must not be given with {SCORES_SIGNATURE}. "
                f"Received: side={self.side!r}, signature={self.signature!r}"
            )

    def _check_id_column(self):
        if self.id_column is None:
            return
        if self.output and self.output.endswith(".npy"):
            raise ValueError(
                "`id_column` must be left out for .npy, which holds numbers "
                "only; write .jsonl or .parquet. "
                f"Received: id_column={self.id_column!r}"
            )
        if self.id_column in (self._answer, ERROR):
            raise ValueError(
                "`id_column` must have another name than what stands beside "
                f"it in the output, {self._answer} and {ERROR}. "
                f"Received: id_column={self.id_column!r}"
            )

    def _check_files(self):
        files = [*self.inputs, *(path for path, _ in self.outputs)]
        files.append(self.bad_rows_file)
        seen = set()
        for file in map(os.path.realpath, files):
            if file in seen:
                raise ValueError(
                    f"{file}: two inputs or outputs of the job are this file. "
                    f"Rename one."
                )
            seen.add(file)
        for file in (self.output, self.bad_rows):
            if file and not pathlib.Path(file).absolute().parent.is_dir():
                raise ValueError(
                    f"{file}: its folder does not exist. Make it first."
                )
