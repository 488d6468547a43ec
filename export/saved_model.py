"""Export of a model for TF Serving."""

import json
import os
import pathlib
import subprocess
import sys

import tensorflow as tf

from export.acceptance import read_signatures
from export.acceptance_cases import acceptance_cases
from export.serving_module import ServingModule
from export.versions import publish_version
from export.warmup import write_warmup_requests
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.start_tensorflow import without_file_names
from o2v_keras.storage.temporary_folder import TemporaryFolder

_ACCEPTANCE = pathlib.Path(__file__).with_name("acceptance.py")


class AcceptanceError(RuntimeError):
    """An export does not answer as its model does; it was not published."""


def export_saved_model(
    model: Object2Vec,
    directory: str | os.PathLike,
    version: int | None = None,
    mode: str = "both",
) -> pathlib.Path:
    """Publishes a model as `directory/<version>/` in TF Serving's layout.

    Signatures, where a side is texts, string `(batch,)`, if
    `model.tokenizers` has a tokenizer for it, and else ids, int64 `(batch,
    length)`, padded with 0; sizes are dynamic:

    - `serving_default`: `in0`, `in1` to `scores`, float32
      `(batch, num_classes)` probabilities or `(batch, 1)`;
    - `encoder_embeddings`: one of `in0`, `in1` to `embeddings`, float32
      `(batch, enc_dim)`, from that side's encoder. The other side is left
      out (gRPC) or `[]` in every row (REST); texts may also be `""` in every
      row.

    Sequences longer than `max_seq_len` are cut in the graph; an id outside
    the vocabulary is an invalid-argument error. Every text has an answer:
    one without words has that of an empty sequence of ids. Vocabularies are
    assets of the SavedModel. The graph is traced for the CPU.

    The version is written aside and loaded by another process that cannot
    import this package, where both signatures must give the Keras model's
    outputs. Only then is it renamed into place, so a server that watches
    `directory` never sees half a model or a wrong one. This takes some
    seconds. Beside the model, `assets.extra` holds `config.json` and requests
    that TF Serving replays to warm up.

    Args:
        model: `Object2Vec`. It is left as it is.
        directory: Local folder of the model's versions; made when missing.
        version: Positive number. Defaults to `None`: one above the highest
            in `directory`, or 1.
        mode: `"both"` signatures, or `"classification"` or `"embedding"`
            alone, as SageMaker's `INFERENCE_PREFERRED_MODE` chooses. An
            embedding export leaves the comparator, the MLP and the head out.
            Defaults to `"both"`.

    Returns:
        The version's folder.

    Raises:
        TypeError: If `model` is no `Object2Vec`.
        ValueError: If another argument breaks its rule, the version exists,
            or the model was trained on texts and its tokenizers are missing.
        AcceptanceError: If the export does not answer as the model does.

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
    module = ServingModule(model, mode)

    def write(folder):
        write_saved_model(module, folder)
        accept(folder, acceptance_cases(model, module.functions))

    return publish_version(directory, version, write)


def write_saved_model(module: ServingModule, folder: str | os.PathLike):
    """Writes the files of one version, without any check of them.

    Args:
        module: What the version holds.
        folder: The version's own folder; made when missing.
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


def signature_lines(folder: str | os.PathLike) -> list[str]:
    """Returns a line per signature of an export.

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
