import contextlib
import importlib
import json
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf

from export import acceptance
from export.acceptance import Refusal
from export.acceptance import check_export
from export.acceptance_cases import acceptance_cases
from o2v_keras.text.pair_tokenizers import PairTokenizers
from tests.export.exports import make_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export

BOTH = ("serving_default", "encoder_embeddings")


@pytest.fixture(scope="module")
def cases(unequal_sides):
    return acceptance_cases(unequal_sides.model, BOTH)


def _case(signature="serving_default", **changes):
    return {
        "signature": signature,
        "inputs": {"in0": [[1]], "in1": [[2]]},
        **changes,
    }


@pytest.mark.parametrize(
    "variant", ["bilstm", "hcnn_tied", "pooled"], indirect=True
)
def test_export_of_a_model_is_accepted(variant):
    check_export(variant.folder, acceptance_cases(variant.model, BOTH))


@pytest.mark.parametrize("fixture", ["text_sides", "text_and_ids"])
def test_export_that_takes_texts_is_accepted(request, fixture):
    exported = request.getfixturevalue(fixture)
    check_export(exported.folder, acceptance_cases(exported.model, BOTH))


def test_export_of_another_vocabulary_is_refused(text_sides):
    model, tokenizers = text_sides.model, text_sides.model.tokenizers
    words = tokenizers.in0.vocabulary.words[::-1]
    model.tokenizers = PairTokenizers(word_tokenizer(words), tokenizers.in1)
    try:
        cases = acceptance_cases(model, BOTH)
    finally:
        model.tokenizers = tokenizers
    with pytest.raises(
        Refusal, match=r"serving_default of in0 \[\d\], in1 .*: scores differs"
    ):
        check_export(text_sides.folder, cases)


def test_script_answers_with_its_status(
    tmp_path, unequal_sides, cases, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases))
    assert acceptance.main([str(unequal_sides.folder), str(file)]) == 0
    file.write_text("[]")
    assert acceptance.main([str(unequal_sides.folder), str(file)]) == 1
    assert "signatures are" in capsys.readouterr().out
    for name in ("o2v_keras.absent", "export.absent"):
        with pytest.raises(ModuleNotFoundError, match=f"server has no {name}"):
            importlib.import_module(name)


def test_export_of_another_model_is_refused(unequal_sides, cases):
    shifted = [dict(case) for case in cases]
    scores = np.array(shifted[0]["outputs"]["scores"]) + 0.001
    shifted[0]["outputs"] = {"scores": scores.tolist()}
    with pytest.raises(
        Refusal,
        match=r"C\+\+ session, serving_default of in0 \[1, 1\], in1 \[1, 8\]: "
        "scores differs from the Keras model's by 0.001, more than",
    ):
        check_export(unequal_sides.folder, shifted)


def test_keras_model_as_attribute_is_refused(tmp_path, unequal_sides):
    model = unequal_sides.model
    module = tf.Module()
    module.model = model
    ids = [tf.TensorSpec([None, None], tf.int64, n) for n in ("in0", "in1")]
    scores = tf.function(
        lambda in0, in1: {"scores": model({"in0": in0, "in1": in1})},
        input_signature=ids,
    )
    tf.saved_model.save(
        module, str(tmp_path), signatures={"serving_default": scores}
    )
    _no_warmup(tmp_path)
    with pytest.raises(
        Refusal, match="(?s)failed with.*(Could not find|does not exist)"
    ):
        check_export(tmp_path, acceptance_cases(model, BOTH[:1]))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        pytest.param(
            _case(outputs={"scores": [[0.1, 0.2]]}, tolerance=9.0),
            r"scores is float32 \[1, 3\], not float32 \[1, 2\]",
            id="shape",
        ),
        pytest.param(
            _case(outputs={"probabilities": [[0.1]]}, tolerance=9.0),
            r"outputs are \['scores'\]",
            id="output_name",
        ),
        pytest.param(
            _case(error="Give ids."),
            "answered, instead of: Give ids.",
            id="not_refused",
        ),
        pytest.param(
            _case("encoder_embeddings", error="Give ids."),
            "refused with .*Give exactly one of",
            id="other_sentence",
        ),
        pytest.param(
            _case("encoder_embeddings", outputs={}, tolerance=9.0),
            "encoder_embeddings of in0 .*: failed with .*Give exactly",
            id="failed",
        ),
    ],
)
def test_wrong_answer_is_refused(unequal_sides, cases, case, message):
    with pytest.raises(Refusal, match=rf"(?s)C\+\+ session.*{message}"):
        check_export(unequal_sides.folder, [case, *cases])


def test_other_signatures_are_refused(unequal_sides, cases):
    scores = [c for c in cases if c["signature"] == "serving_default"]
    with pytest.raises(
        Refusal,
        match=r"signatures are \['encoder_embeddings', 'serving_default'\], "
        r"not \['serving_default'\]",
    ):
        check_export(unequal_sides.folder, scores)


def test_wrong_answer_in_python_alone_is_refused(
    unequal_sides, cases, monkeypatch
):
    @contextlib.contextmanager
    def load(folder, signatures):
        yield lambda signature, inputs: {}

    monkeypatch.setattr(acceptance, "_python", load)
    with pytest.raises(Refusal, match=r"^Python, .*: outputs are \[\]"):
        check_export(unequal_sides.folder, cases)


def test_warmup_that_fails_is_refused(tmp_path, unequal_sides, cases):
    shutil.copytree(unequal_sides.folder, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    log = acceptance.prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = "serving_default"
    for name in ("in0", "in1"):
        request.inputs[name].CopyFrom(tf.make_tensor_proto([[99]], tf.int64))
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(log.SerializeToString())
    with pytest.raises(
        Refusal, match="(?s)warm-up: failed with.*in0 holds id 99"
    ):
        check_export(tmp_path, cases)


def test_model_that_gives_nan_is_refused(tmp_path):
    model = make_model({"enc0_network": "pooled_embedding"})
    model.get_layer("scores").bias.assign([np.nan, 0, 0])
    exported = write_export(model, tmp_path)
    with pytest.raises(Refusal, match="scores holds NaN or infinity"):
        check_export(exported.folder, acceptance_cases(model, BOTH))


def _no_warmup(folder):
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "tf_serving_warmup_requests").touch()
