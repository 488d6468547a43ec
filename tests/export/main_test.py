import os
import sys

import keras
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

import export.saved_model
from export.__main__ import main
from export.saved_model import AcceptanceError
from tests.export.exports import make_model


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model = make_model({"enc0_network": "pooled_embedding"})
    # As after training; Keras warns when it loads an optimizer without slots.
    model.optimizer.build(model.trainable_variables)
    model.save(folder / "model.keras")
    return folder


def test_exports_and_prints_path_and_signatures(tmp_path, model_dir, capsys):
    status = main(
        ["--model", str(model_dir), "--output", str(tmp_path), "--version", "7"]
    )
    assert status == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "7"),
        "  encoder_embeddings: in0 int64 [batch, length], in1 int64 [batch, "
        "length] -> embeddings float32 [batch, 8]",
        "  serving_default: in0 int64 [batch, length], in1 int64 [batch, "
        "length] -> scores float32 [batch, 3]",
    ]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("nowhere", [], "`--model` must be a model directory or a .keras file"),
        (None, ["--version", "3"], "`--version` must be a new one"),
        (None, ["--version", "-3"], "`--version` must be an integer from 1"),
    ],
    ids=["no_model", "existing_version", "negative_version"],
)
def test_user_error_has_status_2_and_one_line(
    tmp_path, model_dir, capsys, model, options, message
):
    (tmp_path / "3").mkdir()
    model = model or str(model_dir)
    status = main(["--model", model, "--output", str(tmp_path), *options])
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    assert captured.err.startswith(f"o2v export: {message}")
    assert len(captured.err.splitlines()) == 1
    assert os.listdir(tmp_path) == ["3"]


@pytest.mark.parametrize(
    "options",
    [[], ["--model", "m"], ["--model", "m", "--output", "o", "--mode", "x"]],
    ids=["nothing", "no_output", "mode"],
)
def test_misused_options_have_status_2(capsys, options):
    with pytest.raises(SystemExit) as exit_:
        main(options)
    assert exit_.value.code == 2
    assert "usage: o2v export" in capsys.readouterr().err


OWN_PARTS = """
import keras
from o2v_keras.encoders import PooledEmbedding

@keras.saving.register_keras_serializable(package="own_parts")
class Mine(PooledEmbedding):
    pass
"""


def test_a_model_with_an_encoder_of_ones_own(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_parts.py").write_text(OWN_PARTS)
    network = "own_parts:Mine"
    model = make_model({"enc0_network": network})
    model.optimizer.build(model.trainable_variables)
    model.save("model.keras")
    # As in a new process.
    monkeypatch.delitem(sys.modules, "own_parts")
    with pytest.raises(ValueError, match="`own_parts:Mine` must be a Keras"):
        keras.models.load_model("model.keras")
    assert "own_parts" not in sys.modules
    exported = []
    monkeypatch.setattr(
        export.saved_model,
        "export_saved_model",
        lambda model, *_: exported.append(model) or make_folder(tmp_path),
    )
    words = ["--model", "model.keras", "--output", "out"]
    assert main([*words, "--import", "no_such_module"]) == 2
    assert "`--import` must name a module" in capsys.readouterr().err
    assert main(words) == 0
    assert exported[0].config.enc0_network == network
    (tmp_path / "own_parts.py").unlink()
    monkeypatch.delitem(sys.modules, "own_parts")
    assert main(words) == 2
    assert "`own_parts:Mine` must name a module" in capsys.readouterr().err


def make_folder(folder):
    """An export by its signatures alone, one of which takes texts."""
    proto = saved_model_pb2.SavedModel()
    signatures = proto.meta_graphs.add().signature_def
    text = signatures["serving_default"].inputs["in0"]
    text.dtype = types_pb2.DT_STRING
    text.tensor_shape.dim.add().size = -1
    (folder / "saved_model.pb").write_bytes(proto.SerializeToString())
    return folder


def test_an_export_of_texts_says_what_loads_it(
    tmp_path, model_dir, monkeypatch, capsys
):
    monkeypatch.setattr(
        export.saved_model,
        "export_saved_model",
        lambda *_: make_folder(tmp_path),
    )
    assert main(["--model", str(model_dir), "--output", "out"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "import tensorflow_text before tf.saved_model.load" in last


def test_refused_export_has_status_1(tmp_path, model_dir, capsys, monkeypatch):
    def refuse(model, directory, version, mode, dim, table_precision):
        assert (version, mode, dim) == (None, "embedding", None)
        assert table_precision == "float32"
        raise AcceptanceError("not published: why")

    monkeypatch.setattr(export.saved_model, "export_saved_model", refuse)
    words = ["--model", str(model_dir), "--output", str(tmp_path)]
    assert main([*words, "--mode", "embedding"]) == 1
    assert capsys.readouterr().err == "o2v export: not published: why\n"
