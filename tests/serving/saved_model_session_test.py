import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from tensorflow_serving.apis import input_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.apis import regression_pb2

from serving import saved_model_session
from serving.saved_model_session import SavedModelSession
from serving.saved_model_session import serialized_examples
from tests.serving.local_server.models import write_spin
from tests.serving.tfs_cases.models import write_model

ROOT = pathlib.Path(__file__).parents[2]


def tensor(name, dtype, shape, **extra):
    return {"name": name, "dtype": dtype, "shape": shape, **extra}


def output(name, op, of, **arguments):
    return {"name": name, "expr": {"op": op, "of": of, **arguments}}


SIGNATURES = {
    "serving_default": {
        "inputs": [tensor("a", "float", [-1]), tensor("b", "float", [-1])],
        "outputs": [output("sum", "add", ["a", "b"])],
    },
    "optional": {
        "inputs": [
            tensor("x", "int64", [-1, 3]),
            tensor("scale", "float", [], default=2.0),
        ],
        "outputs": [
            output("y", "identity", "x"),
            output("scale_out", "identity", "scale"),
        ],
    },
    "text": {
        "inputs": [tensor("x", "string", None)],
        "outputs": [output("y", "identity", "x")],
    },
    "score_examples": {
        "inputs": [tensor("inputs", "string", [-1])],
        "outputs": [
            output("outputs", "example_int64_sum", "inputs", feature="ids")
        ],
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "1"
    write_model(path, SIGNATURES)
    return path


@pytest.fixture(scope="module")
def session(folder):
    session = SavedModelSession(folder)
    yield session
    session.close()


def floats(*values):
    return np.array(values, np.float32)


def test_signatures_are_those_of_the_export(session):
    assert session.signature_defs.keys() == {
        *SIGNATURES,
        "__saved_model_init_op",
    }
    assert session.signature_defs["text"].inputs["x"].dtype == tf.string


def test_runs_a_signature(session):
    outputs = session.run(
        "serving_default", {"a": floats(1, 2), "b": floats(10, 20)}
    )
    np.testing.assert_array_equal(outputs["sum"], [11, 22])
    assert outputs["sum"].dtype == np.float32


def test_omitted_input_takes_its_default(session):
    outputs = session.run("optional", {"x": np.array([[1, 2, 3]])})
    assert outputs["scale_out"] == 2


def test_only_the_wanted_outputs_are_returned(session):
    inputs = {"x": np.array([[1, 2, 3]])}
    assert list(session.run("optional", inputs, ["y"])) == ["y"]


def test_shapes_are_not_compared_with_the_signature(session):
    # `Session.run` would refuse this: the signature says [-1, 3].
    outputs = session.run("optional", {"x": np.array([5])})
    assert outputs["y"].tolist() == [5]


@pytest.mark.parametrize("value", [b"a\0", [b"a", b"\xff\0"], [[]]])
def test_strings_are_bytes_of_any_rank(session, value):
    array = np.array(value, object)
    result = session.run("text", {"x": array})["y"]
    assert result.dtype == object
    assert result.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("signature", "inputs", "error", "message"),
    [
        pytest.param(
            "optional",
            {"x": np.array([[1, 2, 3]], np.int32)},
            tf.errors.InvalidArgumentError,
            r"Expects arg\[1\] to be int64 but int32 is provided",
            id="dtype",
        ),
        pytest.param(
            "serving_default",
            {"a": floats(1)},
            tf.errors.InvalidArgumentError,
            r"Signature input alias: b\(feed name: .*:0\) not found in request "
            "and no default value provided.*{a}, or default input alias set: $",
            id="missing",
        ),
        pytest.param(
            "optional",
            {"x": np.array([1]), "q": floats(1)},
            tf.errors.InvalidArgumentError,
            "Inputs contains invalid name. Used request inputs: x, request "
            "input: q,x",
            id="foreign",
        ),
        pytest.param(
            "other",
            {},
            tf.errors.FailedPreconditionError,
            'Serving signature key "other" not found',
            id="signature",
        ),
        pytest.param(
            "serving_default",
            {"a": floats(1, 2, 3), "b": floats(1, 2)},
            tf.errors.InvalidArgumentError,
            r"^Incompatible shapes: \[3\] vs. \[2\]\s",
            id="graph",
        ),
    ],
)
def test_refuses(session, signature, inputs, error, message):
    with pytest.raises(error, match=message):
        session.run(signature, inputs)


def test_threads_share_a_session(session):
    wrong = []

    def ask(number):
        for _ in range(100):
            inputs = {"a": floats(number), "b": floats(1)}
            if session.run("serving_default", inputs)["sum"] != number + 1:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_python_goes_on_while_a_graph_runs(tmp_path):
    write_spin(tmp_path)
    session = SavedModelSession(tmp_path)
    run = threading.Thread(
        target=session.run,
        args=("serving_default", {"x": floats(300)}),
    )
    run.start()
    steps = 0
    while run.is_alive():
        time.sleep(0.001)
        steps += 1
    session.close()
    # Were the interpreter held, the loop would get on only once it is free.
    assert steps > 10


@pytest.mark.parametrize(
    ("break_export", "error", "message"),
    [
        pytest.param(
            lambda folder: (folder / "saved_model.pb").unlink(),
            tf.errors.NotFoundError,
            "Could not find SavedModel .pb or .pbtxt at supplied export",
            id="no_model",
        ),
        pytest.param(
            lambda folder: (folder / "saved_model.pb").write_bytes(b"\xff\xff"),
            tf.errors.DataLossError,
            "Cannot parse file",
            id="garbage",
        ),
        pytest.param(
            lambda folder: [
                file.write_bytes(b"")
                for file in (folder / "variables").glob("*.data*")
            ],
            tf.errors.OutOfRangeError,
            "^Read less bytes than requested",
            id="no_variables",
        ),
    ],
)
def test_refuses_a_broken_export(tmp_path, break_export, error, message):
    module = tf.Module()
    module.w = tf.Variable([1.0])
    spec = tf.TensorSpec([None], tf.float32, name="x")
    scale = tf.function(lambda x: {"y": x * module.w}, input_signature=[spec])
    tf.saved_model.save(
        module, str(tmp_path), signatures={"serving_default": scale}
    )
    break_export(tmp_path)
    with pytest.raises(error, match=message):
        SavedModelSession(tmp_path)


def predict_log(**inputs):
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = "whatever"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return log


def log_without_tensor():
    log = predict_log(b=floats(2))
    log.predict_log.request.inputs["a"].dtype = 99
    return log


GOOD_LOG = predict_log(a=floats(1), b=floats(2))


def write_warmup(folder, logs):
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    return file


@pytest.fixture
def fresh_session(tmp_path):
    """A session over an export to which warm-up requests may be added."""
    write_model(tmp_path, SIGNATURES)
    session = SavedModelSession(tmp_path)
    yield session
    session.close()


def test_warmup_may_be_missing(fresh_session):
    assert fresh_session.replay_warmup() == 0


def test_warmup_runs_every_kind_of_request(fresh_session, tmp_path):
    regress = prediction_log_pb2.PredictionLog()
    request = regress.regress_log.request
    request.model_spec.signature_name = "score_examples"
    request.input.example_list.examples.add()
    write_warmup(tmp_path, [GOOD_LOG, regress])
    assert fresh_session.replay_warmup() == 2


@pytest.mark.parametrize(
    ("log", "error", "message"),
    [
        pytest.param(
            predict_log(a=np.array([1]), b=floats(2)),
            tf.errors.InvalidArgumentError,
            r"Expects arg\[0\] to be float but int64 is provided",
            id="dtype",
        ),
        pytest.param(
            log_without_tensor(),
            tf.errors.InvalidArgumentError,
            "tensor parsing error: a",
            id="no_tensor",
        ),
        pytest.param(
            prediction_log_pb2.PredictionLog(
                session_run_log=prediction_log_pb2.SessionRunLog()
            ),
            tf.errors.UnimplementedError,
            "Unsupported log_type for warmup: session_run_log",
            id="kind",
        ),
        pytest.param(
            predict_pb2.PredictRequest(output_filter=["\x7f" * 9] * 3),
            tf.errors.InvalidArgumentError,
            "Failed to parse warmup record",
            id="message",
        ),
    ],
)
def test_warmup_fails_with_a_record(
    fresh_session, tmp_path, log, error, message
):
    write_warmup(tmp_path, [GOOD_LOG, log])
    with pytest.raises(error, match=message):
        fresh_session.replay_warmup()


def test_warmup_may_not_be_longer_than_1000_records(fresh_session, tmp_path):
    write_warmup(tmp_path, [GOOD_LOG] * 1000)
    assert fresh_session.replay_warmup() == 1000
    write_warmup(tmp_path, [GOOD_LOG] * 1001)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"Number of warmup records exceeds the maximum \(1000\)",
    ):
        fresh_session.replay_warmup()


def test_warmup_must_be_in_records(fresh_session, tmp_path):
    write_warmup(tmp_path, []).write_bytes(b"no records, but just this text")
    with pytest.raises(tf.errors.DataLossError, match="is in TFRecord format"):
        fresh_session.replay_warmup()


def test_context_goes_in_front_of_every_example():
    request = regression_pb2.RegressionRequest()
    parts = request.input.example_list_with_context
    parts.context.features.feature["ids"].int64_list.value.append(7)
    parts.examples.add().features.feature["x"].float_list.value.append(1)
    parts.examples.add()
    for text in serialized_examples(request.input):
        features = tf.train.Example.FromString(text).features.feature
        assert features["ids"].int64_list.value == [7]


def test_examples_must_not_be_empty():
    with pytest.raises(tf.errors.InvalidArgumentError, match="Input is empty"):
        serialized_examples(input_pb2.Input())


RUN_TEXT_MODEL = """
import sys
import numpy as np
from serving.saved_model_session import SavedModelSession

session = SavedModelSession(sys.argv[1])
text = np.array(["STRASSE".encode()], object)
print(session.run("serving_default", {"x": text})["y"][0].decode())
"""


def _folded(x):
    return {"y": tensorflow_text.case_fold_utf8(x)}


def _folded_in_a_branch(x):
    """As an export of embeddings alone has its tokenizers."""
    return tf.cond(tf.size(x) > 0, lambda: _folded(x), lambda: {"y": x})


@pytest.mark.parametrize("function", [_folded, _folded_in_a_branch])
def test_ops_of_tf_text_are_known(function, tmp_path):
    spec = tf.TensorSpec([None], tf.string, name="x")
    fold = tf.function(function, input_signature=[spec])
    tf.saved_model.save(
        tf.Module(), str(tmp_path), signatures={"serving_default": fold}
    )
    # This process knows the ops already.
    child = subprocess.run(
        [sys.executable, "-c", RUN_TEXT_MODEL, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert child.stdout == "strasse\n"


def test_missing_tf_text_is_named(tmp_path, monkeypatch):
    def load(path):
        raise tf.errors.NotFoundError(
            None, None, "Op type not registered 'CaseFoldUTF8' in binary"
        )

    monkeypatch.setattr(saved_model_session, "_load_session", load)
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    with pytest.raises(
        tf.errors.NotFoundError,
        match="(?s)'CaseFoldUTF8'.*install the package tensorflow-text",
    ):
        SavedModelSession(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("runs[lr=0.1]", "a*b?c", "a b", "100%d", "имя", "-x", "back\\slash"),
        *("{a,b}", "~", "$HOME"),
    ],
)
def test_a_folder_may_have_any_name(tmp_path, name):
    module = tf.Module()
    module.three = tf.Variable(3)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
    def times_three(x):
        return {"y": x * module.three}

    path = tmp_path / "plain"
    tf.saved_model.save(module, str(path), signatures=times_three)
    path = path.rename(tmp_path / name)
    session = SavedModelSession(path)
    inputs = {"x": np.array([2], np.int32)}
    assert session.run("serving_default", inputs)["y"].tolist() == [6]
    session.close()
    (path / "variables" / "variables.index").unlink()
    with pytest.raises(tf.errors.OpError) as raised:
        SavedModelSession(path)
    assert str(path) in raised.value.message


def test_the_graph_stops_after_the_timeout(tmp_path):
    write_spin(tmp_path)
    session = SavedModelSession(tmp_path)
    start = time.monotonic()
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run("serving_default", {"x": floats(100_000)}, timeout=0.2)
    assert time.monotonic() - start < 20
    session.close()


def test_small_and_large_requests_are_answered_alike(session):
    for size in (1, 1, 100_000, 1):
        ones = np.ones(size, np.float32)
        outputs = session.run("serving_default", {"a": ones, "b": ones})
        np.testing.assert_array_equal(outputs["sum"], 2 * ones)
