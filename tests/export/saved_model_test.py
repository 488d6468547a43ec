import json
import os

import numpy as np
import pytest
import tensorflow as tf

import export
import export.saved_model
from export.acceptance import read_signatures
from export.saved_model import AcceptanceError
from export.saved_model import accept
from o2v_keras.config import Object2VecConfig
from o2v_keras.models.trainable_model import scores_of
from tests.export.exports import make_model
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export
from tests.export.served_model import ServedModel

REQUESTS = [
    pytest.param([[3]], [[4, 5]], id="one_row"),
    pytest.param([[3, 0, 4], [0, 0, 0]], [[9], [8]], id="interior_padding"),
    pytest.param([[], []], [[1, 2, 3, 4], [5, 0, 0, 0]], id="no_length"),
    pytest.param([[*range(9)]] * 3, [[*range(1, 10)]] * 3, id="too_long"),
]


@pytest.mark.parametrize(("in0", "in1"), REQUESTS)
def test_scores_are_those_of_the_model(variant, in0, in1):
    in0, in1 = np.array(in0, np.int64), np.array(in1, np.int64)
    scores = variant.served("serving_default", in0=in0, in1=in1)
    expected = variant.model({"in0": in0, "in1": in1}, training=False)
    _assert_close(scores, scores_of(expected), variant.model)


@pytest.mark.parametrize("side", ["in0", "in1"])
@pytest.mark.parametrize(("in0", "in1"), REQUESTS[1::2])
def test_embeddings_are_those_of_the_side(variant, side, in0, in1):
    ids = np.array({"in0": in0, "in1": in1}[side], np.int64)
    encoder = {
        "in0": variant.model.encoder0,
        "in1": variant.model.encoder1,
    }[side]
    embeddings = variant.served.embed(side, ids)
    _assert_close(embeddings, encoder(ids, training=False), variant.model)


@pytest.mark.parametrize(
    ("side", "spec"), [("in0", ("string", [-1])), ("in1", ("int64", [-1, -1]))]
)
def test_a_tower_holds_one_side_alone(tmp_path, side, spec):
    model = make_text_model(
        {
            "enc0_network": "hcnn",
            "enc0_token_embedding_dim": 5,
            "enc0_tokenizer": "words",
            "matryoshka_dims": (6,),
            "enc1_network": "pooled_embedding",
            "enc1_max_seq_len": 3,
            "enc1_vocab_size": 50,
        },
        word_tokenizer(),
    )
    folder = export.export_saved_model(
        model, tmp_path, mode=side, dim=6, table_precision="int8"
    )
    signatures = read_signatures(folder)
    assert {name: _tensors(s.inputs) for name, s in signatures.items()} == {
        "serving_default": {side: spec},
        "encoder_embeddings": {side: spec},
    }
    assert _tensors(signatures["serving_default"].outputs) == {
        "embeddings": ("float32", [-1, 6])
    }
    is_text = side == "in0"
    assert len(os.listdir(folder / "assets")) == is_text
    rows = model.config.side(side).vocab_size
    tables = [s for s in _stored_shapes(folder) if len(s) == 2 and s[1] == 1]
    assert tables == [[rows, 1]]
    values = ["the dog", "cat"] if is_text else [[3, 1], [49, 0]]
    encoder = model.encoder0 if is_text else model.encoder1
    ids = model.tokenizers.in0.tokenize(values).to_tensor() if is_text else None
    expected = encoder(np.array(values) if ids is None else ids)[:, :6]
    served = ServedModel(folder)
    for signature in signatures:
        found = served(signature, **{side: values})
        np.testing.assert_allclose(found, expected, atol=0.05)
    facts = json.loads((folder / "assets.extra" / "export.json").read_text())
    assert facts["mode"] == side


def test_python_loads_the_same(unequal_sides):
    loaded = tf.saved_model.load(unequal_sides.folder)
    in0, in1 = tf.constant([[3, 1]], tf.int64), tf.constant([[40]], tf.int64)
    scores = loaded.signatures["serving_default"](in0=in0, in1=in1)["scores"]
    expected = unequal_sides.model({"in0": in0, "in1": in1})
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_ids_beyond_max_seq_len_change_nothing(unequal_sides):
    served = unequal_sides.served
    for side, longest in (("in0", 4), ("in1", 6)):
        ids = np.arange(1, longest + 3)[None]
        np.testing.assert_array_equal(
            served.embed(side, ids), served.embed(side, ids[:, :longest])
        )
        moved = ids[:, 1:]
        assert not np.array_equal(
            served.embed(side, ids), served.embed(side, moved)
        )


def test_signatures_have_names_dtypes_and_dynamic_shapes(unequal_sides):
    signatures = read_signatures(unequal_sides.folder)
    ids = {"in0": ("int64", [-1, -1]), "in1": ("int64", [-1, -1])}
    assert {name: _tensors(s.inputs) for name, s in signatures.items()} == {
        "serving_default": ids,
        "encoder_embeddings": ids,
    }
    assert {name: _tensors(s.outputs) for name, s in signatures.items()} == {
        "serving_default": {"scores": ("float32", [-1, 3])},
        "encoder_embeddings": {"embeddings": ("float32", [-1, 8])},
    }


def test_half_precision_and_regression_stay_behind_the_signature(variant):
    signatures = read_signatures(variant.folder)
    is_softmax = variant.model.config.output_layer == "softmax"
    assert _tensors(signatures["serving_default"].outputs) == {
        "scores": ("float32", [-1, 3 if is_softmax else 1])
    }
    assert _tensors(signatures["encoder_embeddings"].outputs) == {
        "embeddings": ("float32", [-1, 8])
    }


def test_only_embeddings_has_defaults_for_an_omitted_side(unequal_sides):
    signatures = read_signatures(unequal_sides.folder)
    assert not signatures["serving_default"].defaults
    defaults = signatures["encoder_embeddings"].defaults
    assert set(defaults) == {"in0", "in1"}
    for default in defaults.values():
        default = tf.make_ndarray(default)
        assert (default.dtype, default.shape) == (np.int64, (0, 0))


def test_embedding_mode_holds_the_encoders_alone(tmp_path):
    model = make_model({"enc0_network": "hcnn"})
    exported = write_export(model, tmp_path, "embedding")
    assert set(read_signatures(tmp_path)) == {"encoder_embeddings"}
    encoders = model.encoder0.variables + model.encoder1.variables
    assert _stored_shapes(tmp_path) == sorted(list(v.shape) for v in encoders)
    ids = np.array([[1, 2, 3]])
    _assert_close(exported.served.embed("in1", ids), model.encoder1(ids), model)


def test_classification_mode_has_one_signature(tmp_path):
    model = make_model({"enc0_network": "pooled_embedding"})
    exported = write_export(model, tmp_path, "classification")
    assert set(read_signatures(tmp_path)) == {"serving_default"}
    ids = np.array([[1, 2, 3]])
    scores = exported.served("serving_default", in0=ids, in1=ids)
    _assert_close(scores, model({"in0": ids, "in1": ids}), model)


@pytest.mark.parametrize(
    "head",
    [
        {"output_layer": "in_batch_softmax"},
        {"output_layer": "mean_squared_error"},
    ],
    ids=str,
)
def test_prefixes_are_served_and_scored(head, tmp_path):
    model = make_model(
        {"enc0_network": "pooled_embedding", "matryoshka_dims": (4,), **head}
    )
    path = export.export_saved_model(model, tmp_path, dim=4)
    served = ServedModel(path)
    ids = np.array([[1, 2, 3], [4, 5, 0]])
    pair = [e(ids).numpy() for e in (model.encoder0, model.encoder1)]
    embeddings = [served.embed(side, ids) for side in ("in0", "in1")]
    for cut, whole in zip(embeddings, pair, strict=True):
        np.testing.assert_allclose(cut, whole[:, :4], rtol=1e-5)
    scores = served("serving_default", in0=ids, in1=ids)[:, 0]
    if "in_batch_softmax" in head.values():
        units = [e / np.linalg.norm(e, axis=1)[:, None] for e in embeddings]
        np.testing.assert_allclose(scores, np.sum(units[0] * units[1], 1), 1e-4)
    else:
        # The head sees zeros after the prefix.
        for side in pair:
            side[:, 4:] = 0
        values = pair
        for name in ("comparator", "mlp", "scores"):
            values = model.get_layer(name)(values)
        np.testing.assert_allclose(scores, values[:, 0], 1e-4)


def test_an_untrained_prefix_is_exported_with_a_warning(tmp_path):
    model = make_model({"enc0_network": "pooled_embedding"})
    with pytest.warns(UserWarning, match="not trained for prefixes of 5"):
        export.export_saved_model(model, tmp_path, mode="embedding", dim=5)
    with pytest.raises(ValueError, match="`dim` must be .* from 1 to enc_dim="):
        export.export_saved_model(model, tmp_path, dim=9)


def test_model_of_two_replicas_is_exported(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = make_model({"enc0_network": "pooled_embedding"})
    exported = write_export(model, tmp_path)
    ids = np.array([[1, 2, 3]])
    scores = exported.served("serving_default", in0=ids, in1=ids)
    _assert_close(scores, model({"in0": ids, "in1": ids}), model)


def test_configuration_lies_beside_the_model(unequal_sides):
    file = unequal_sides.folder / "assets.extra" / "config.json"
    config = Object2VecConfig.from_dict(json.loads(file.read_text()))
    assert config == unequal_sides.model.config


def test_export_publishes_an_accepted_version(tmp_path):
    model = make_model({"enc0_network": "bilstm"})
    (tmp_path / "base" / "4").mkdir(parents=True)
    path = export.export_saved_model(model, tmp_path / "base")
    assert path == tmp_path / "base" / "5"
    assert sorted(os.listdir(tmp_path / "base")) == ["4", "5"]
    assert sorted(os.listdir(path)) == [
        "assets",
        "assets.extra",
        "fingerprint.pb",
        "saved_model.pb",
        "variables",
    ]


def test_failed_acceptance_publishes_nothing(tmp_path, monkeypatch):
    def wrong_cases(model, signatures, dim, tables, tower):
        in0 = [[1, 2]]
        return [
            {
                "signature": name,
                "inputs": {"in0": in0, "in1": [[]]},
                "outputs": {output: [[7.0] * size]},
                "tolerance": 0.01,
            }
            for name, output, size in (
                ("serving_default", "scores", 3),
                ("encoder_embeddings", "embeddings", 8),
            )
        ]

    monkeypatch.setattr(export.saved_model, "acceptance_cases", wrong_cases)
    model = make_model({"enc0_network": "pooled_embedding"})
    with pytest.raises(
        AcceptanceError,
        match=r"not published: C\+\+ session, serving_default of in0 \[1, 2\], "
        r"in1 \[1, 0\]: scores differs from the Keras model's by",
    ):
        export.export_saved_model(model, tmp_path)
    assert os.listdir(tmp_path) == []


def test_failed_writing_publishes_nothing(tmp_path, monkeypatch):
    def full_disk(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(export.saved_model, "write_warmup_requests", full_disk)
    model = make_model({"enc0_network": "pooled_embedding"})
    with pytest.raises(OSError, match="no space is left"):
        export.export_saved_model(model, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "m.keras"}, TypeError, "`model` must be an Object2Vec"),
        (
            {"mode": "scores"},
            ValueError,
            "`mode` must be one of both, classification, embedding, in0, in1. "
            "Received: mode='scores'",
        ),
        ({"version": 0}, ValueError, "`version` must be an integer from 1"),
    ],
    ids=["model", "mode", "version"],
)
def test_bad_argument_is_named(
    tmp_path, unequal_sides, arguments, error, message
):
    arguments = {
        "model": unequal_sides.model,
        "directory": tmp_path / "base",
        **arguments,
    }
    with pytest.raises(error, match=message):
        export.export_saved_model(**arguments)
    assert not (tmp_path / "base").exists()


def _assert_close(actual, expected, model):
    expected = np.asarray(tf.cast(expected, tf.float32))
    is_half = model.encoder0.outputs[0].dtype == "float16"
    tolerance = 0.02 if is_half else 1e-5
    assert actual.dtype == np.float32
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance, atol=tolerance * 2
    )


def _tensors(tensors):
    return {
        name: (
            tf.dtypes.as_dtype(info.dtype).name,
            [dimension.size for dimension in info.tensor_shape.dim],
        )
        for name, info in tensors.items()
    }


def _stored_shapes(folder):
    stored = tf.train.list_variables(str(folder / "variables" / "variables"))
    return sorted(shape for name, shape in stored if "OBJECT_GRAPH" not in name)


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Stands in for acceptance.py, without its seconds of start-up."""
    script = tmp_path / "script.py"
    monkeypatch.setattr(export.saved_model, "_ACCEPTANCE", script)
    return script


def test_script_gets_folder_and_cases_and_no_gpu(tmp_path, script):
    script.write_text(
        "import json, os, sys\n"
        "_, folder, cases = sys.argv\n"
        "assert os.path.isdir(folder)\n"
        "assert json.load(open(cases)) == [{'signature': 's'}]\n"
        "assert os.environ['CUDA_VISIBLE_DEVICES'] == '-1'\n"
        "assert os.path.dirname(__file__) not in sys.path\n"
    )
    accept(tmp_path, [{"signature": "s"}])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "import sys; print('why'); sys.exit(1)", "why", id="refusal"
        ),
        pytest.param(
            "raise OSError('crashed')", "OSError: crashed", id="crash"
        ),
    ],
)
def test_error_shows_what_the_process_said(tmp_path, script, source, message):
    script.write_text(source)
    with pytest.raises(AcceptanceError, match=f"(?s)not published.*{message}"):
        accept(tmp_path, [])
