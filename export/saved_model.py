"""Exports a model for TF Serving."""

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import tensorflow as tf

from export.acceptance import read_signatures
from export.acceptance_cases import acceptance_cases
from export.acceptance_cases import least_cosine
from export.int8_tables import int8_tables
from export.serving_module import ServingModule
from export.serving_module import encoder_of
from export.versions import publish_version
from export.versions import versions_in
from export.warmup import write_warmup_requests
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.start_tensorflow import without_file_names
from o2v_keras.storage.temporary_folder import TemporaryFolder
from o2v_keras.user_warning import warn_user
from serving.signatures import IN0
from serving.signatures import IN1

TABLE_PRECISIONS = ("float32", "int8")
# Of embeddings by int8 tables with those by float tables; 0.9999 is usual.
_LEAST_COSINE = 0.999
_ACCEPTANCE = pathlib.Path(__file__).with_name("acceptance.py")


class AcceptanceError(RuntimeError):
    """An export's answers differ from its model's; it was not published."""


def export_saved_model(
    model: Object2Vec,
    directory: str | os.PathLike[str],
    version: int | None = None,
    mode: str = "both",
    dim: int | None = None,
    table_precision: str = "float32",
) -> pathlib.Path:
    """Publishes a model as `directory/<version>/` in TF Serving's layout.

    A side is texts, string `(batch,)`, if `model.tokenizers` has a tokenizer
    for it, otherwise ids, int64 `(batch, length)`, padded with 0. All sizes
    are dynamic. The signatures:

    - `serving_default`: `in0`, `in1` to `scores`, float32
      `(batch, num_classes)` probabilities or `(batch, 1)`;
    - `encoder_embeddings`: one of `in0`, `in1` to `embeddings`, float32
      `(batch, dim)`, from that side's encoder. The other side is left
      out (gRPC) or `[]` in every row (REST); texts may also be `""` in every
      row.

    The graph cuts sequences longer than `max_seq_len`; an id outside the
    vocabulary is an invalid-argument error. A text without words has the
    answer of an empty sequence of ids. Vocabularies are assets of the
    SavedModel. The graph is traced for the CPU.

    The version is written to a staging folder and tested in another process
    that cannot import this package: the signatures must give the Keras
    model's outputs. It is then renamed to its final name, so that a server
    that watches `directory` never loads an incomplete or wrong model. This
    takes some seconds. `assets.extra` holds `config.json`, `export.json` (mode,
    width, precision) and TF Serving's warm-up requests.

    Args:
        model: `Object2Vec`. It is not changed.
        directory: Local folder of the model's versions; created if missing.
        version: Positive number. Defaults to `None`: one above the highest
            in `directory`, or 1.
        mode: `"both"` signatures, or `"classification"` or `"embedding"`
            alone, as SageMaker's `INFERENCE_PREFERRED_MODE` chooses. An
            embedding export leaves the comparator, the MLP and the head out.
            `"in0"` or `"in1"`: the tower of that side alone, as vector
            databases take it. Both signatures then have this input only and
            give `embeddings`, and the export holds nothing of the other side.
            Defaults to `"both"`.
        dim: Width of the embeddings, the first numbers of the encodings.
            Scores compare these prefixes too. One that is not in
            `matryoshka_dims` is used with a warning. Defaults to `None`:
            `enc_dim`.
        table_precision: `"float32"`, or `"int8"`: token tables are int8 with
            a float32 scale for each row, a quarter of the size. The
            acceptance test then compares with the Keras model on the same
            int8 tables, by the same tolerance, and requires a cosine of at
            least 0.999 of embeddings with those of the float tables; the
            least one is in `export.json`. Defaults to `"float32"`.

    Returns:
        The version's folder.

    Raises:
        TypeError: If `model` is no `Object2Vec`.
        ValueError: If another argument breaks its rule, the version exists,
            `table_precision="int8"` and no encoder has a token table of ours,
            the model was trained on texts and its tokenizers are missing, or
            its head is `embedding`, which scores no pairs, and `mode` asks for
            scores.
        AcceptanceError: If the export's answers differ from the model's, or
            int8 tables change an embedding too much.

    Example:
    >>> import tempfile
    >>> import o2v_keras
    >>> config = o2v_keras.Object2VecConfig(
    ...     enc0_max_seq_len=1,
    ...     enc0_vocab_size=9,
    ...     enc0_network="pooled_embedding",
    ...     enc_dim=8,
    ... )
    >>> model = o2v_keras.Object2Vec(config)
    >>> path = export_saved_model(model, tempfile.mkdtemp())
    >>> path.name
    '1'
    >>> served = tf.saved_model.load(path).signatures["serving_default"]
    >>> ids = tf.constant([[3], [5]], tf.int64)
    >>> served(in0=ids, in1=ids)["scores"].shape
    TensorShape([2, 2])
    """
    if table_precision not in TABLE_PRECISIONS:
        raise ValueError(
            f"`table_precision` must be one of {', '.join(TABLE_PRECISIONS)}. "
            f"Received: table_precision={table_precision!r}"
        )
    tower = mode if mode in (IN0, IN1) else None
    tables = {}
    if table_precision == "int8":
        tables = int8_tables(encoder_of(model, tower) if tower else model)
    module = ServingModule(model, mode, dim, tables)
    module.facts["table_precision"] = table_precision
    if tables:
        names = [side.name for side in module.sides]
        least = _checked_cosine(model, dim, tables, names)
        module.facts["least_cosine"] = least

    def write(folder):
        write_saved_model(module, folder)
        cases = acceptance_cases(model, module.functions, dim, tables, tower)
        accept(folder, cases)

    published = publish_version(directory, version, write)
    _warn_of_other_signatures(published, mode)
    return published


def _warn_of_other_signatures(published, mode):
    """Warns if the version before is of another mode."""
    number = int(published.name)
    others = [n for n in versions_in(published.parent) if n < number]
    for file in (
        published.parent / str(other) / "assets.extra" / "export.json"
        for other in sorted(others)[-1:]
    ):
        before = json.loads(file.read_text())["mode"] if file.exists() else mode
        if before != mode:
            warn_user(
                f"{published} is of mode {mode}, but version "
                f"{file.parts[-3]} beside it of mode {before}. A server puts "
                "the newest in place of the other, under the same name: give "
                "each mode an `--output` of its own."
            )


def _checked_cosine(model, dim, tables, names):
    least = least_cosine(model, dim, tables, names)
    if least < _LEAST_COSINE:
        raise AcceptanceError(
            "The export was not published: by int8 tables an embedding has a "
            f"cosine of {least:.5f} with the model's, less than "
            f'{_LEAST_COSINE}. Export with `table_precision="float32"`.'
        )
    return least


def write_saved_model(module: ServingModule, folder: str | os.PathLike[str]):
    """Writes the files of one version without testing them.

    Args:
        module: `ServingModule` to save.
        folder: Folder of the version; created if missing.
    """
    folder = pathlib.Path(folder)
    with without_file_names():
        tf.saved_model.save(
            module, os.fspath(folder), signatures=dict(module.functions)
        )
    extra = folder / "assets.extra"
    extra.mkdir()
    write_warmup_requests(extra, module.sides, module.functions)
    config = json.dumps(module.config.to_dict(), indent=2)
    (extra / "config.json").write_text(config + "\n")
    facts = json.dumps(dict(module.facts), indent=2)
    (extra / "export.json").write_text(facts + "\n")


def accept(folder: str | os.PathLike[str], cases: list[dict[str, Any]]):
    """Runs the acceptance test, `acceptance.py`, on an export.

    It runs in a new process, because this one has imported the package that
    an export must not need, and on the CPU, because the model may fill the
    GPU's memory.

    Args:
        folder: The export.
        cases: Result of `acceptance_cases`.

    Raises:
        AcceptanceError: If the export fails; the message names the case.
    """
    with TemporaryFolder("acceptance") as scratch:
        file = scratch / "cases.json"
        file.write_text(json.dumps(cases))
        child = subprocess.run(
            [sys.executable, "-P", _ACCEPTANCE, folder, file],
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
            text=True,
        )
    if child.returncode != 0:
        raise AcceptanceError(
            "The export failed its acceptance test and was not published: "
            + (child.stdout.strip() or child.stderr.strip())
        )


def signature_lines(folder: str | os.PathLike[str]) -> list[str]:
    """Returns a line for each signature of an export.

    Args:
        folder: A version's folder.

    Returns:
        Lines such as `serving_default: in0 string [batch], in1 int64 [batch,
        length] -> scores float32 [batch, 2]`.
    """
    return [
        f"{name}: {_tensors(signature.inputs)} -> {_tensors(signature.outputs)}"
        for name, signature in sorted(read_signatures(folder).items())
    ]


def _tensors(tensors):
    return ", ".join(
        f"{name} {tf.as_dtype(info.dtype).name} {_shape(info)}"
        for name, info in sorted(tensors.items())
    )


def _shape(info):
    sizes = [dimension.size for dimension in info.tensor_shape.dim]
    words = [
        word if size < 0 else str(size)
        for size, word in zip(sizes, ("batch", "length"), strict=False)
    ]
    return f"[{', '.join(words)}]"
