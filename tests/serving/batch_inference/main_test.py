import concurrent.futures
import json
import time

import numpy as np
import pyarrow.parquet
import pytest

from serving.batch_inference.__main__ import main
from serving.local_model import LocalModel
from tests.export.exports import make_model
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export
from tests.serving.batch_inference.model_server import serve

ROWS = 40
VOCAB_SIZE = 30
EMBED = ["--signature", "encoder_embeddings", "--side"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Base directory of an export, with one version."""
    base = tmp_path_factory.mktemp("base")
    model = make_model({"enc0_network": "hcnn"})
    write_export(model, base / "7")
    return base


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    return [
        {
            side: rng.integers(1, VOCAB_SIZE, rng.integers(1, 9)).tolist()
            for side in ("in0", "in1")
        }
        for _ in range(ROWS)
    ]


@pytest.fixture
def source(tmp_path, pairs):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, pairs)))
    return path


def _run(*arguments):
    words = ["--batch-size", "8", "--window", "16", *arguments]
    return main([str(word) for word in words])


def _expected(base, pairs, side=None):
    model = LocalModel(base)
    if side:
        return model.embed(**{side: [pair[side] for pair in pairs]})
    return model.predict(*([p[s] for p in pairs] for s in ("in0", "in1")))


@pytest.mark.parametrize("side", [None, "in0", "in1"])
def test_answers_are_those_of_the_model(base, pairs, source, tmp_path, side):
    output = tmp_path / "out.npy"
    words = [*EMBED, side] if side else []
    source_words = ["--saved-model", base, "--input", source]
    assert _run(*source_words, "--output", output, *words) == 0
    found = np.load(output)
    expected = _expected(base, pairs, side)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_unknown_ids_are_told_by_the_graph(base, pairs, tmp_path, capfd):
    pairs = [dict(pair) for pair in pairs]
    pairs[11]["in1"] = [1, VOCAB_SIZE]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(map(json.dumps, pairs)))
    status = _run("--saved-model", base, "--input", source, "--output", output)
    assert status == 3
    assert "40 rows, 1 bad" in capfd.readouterr().err
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert lines[11] == {
        "error": "in1 holds id 30, but ids must be from 0 to 29."
    }
    assert sum("scores" in line for line in lines) == ROWS - 1
    status = _run("--saved-model", base, "--input", source, "--output", output)
    assert status == 3
    assert "finished by an earlier run" in capfd.readouterr().err


def test_csv_is_answered_under_the_users_names(base, pairs, tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.parquet"
    lines = [
        f"u{row},{' '.join(map(str, pair['in1']))}"
        for row, pair in enumerate(pairs)
    ]
    source.write_text("\n".join(["user,film", *lines]))
    words = ["--saved-model", base, "--input", source, "--output", output]
    words += [*EMBED, "in1", "--in1-column", "film", "--id-column", "user"]
    assert _run(*words) == 0
    table = pyarrow.parquet.read_table(output)
    assert table["user"].to_pylist() == [f"u{row}" for row in range(ROWS)]
    found = np.array(table["embeddings"].to_pylist())
    expected = _expected(base, pairs, "in1")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("side", [None, "in1"])
def test_server_answers_the_same(base, pairs, tmp_path, side):
    pairs = [dict(pair) for pair in pairs]
    pairs[3]["in1"] = [VOCAB_SIZE]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(map(json.dumps, pairs)))
    words = ["--input", source, *([*EMBED, side] if side else [])]
    with serve(base / "7") as (server, address):
        remote = tmp_path / "remote.npy"
        status = _run("--server", address, "--output", remote, *words)
    assert status == 3
    assert server.asked == {4}
    local = tmp_path / "local.npy"
    assert _run("--saved-model", base, "--output", local, *words) == 3
    np.testing.assert_allclose(np.load(remote), np.load(local), rtol=1e-5)
    lists = [
        tmp_path / f"{name}.npy.bad_rows.jsonl" for name in ("remote", "local")
    ]
    assert lists[0].read_text() == lists[1].read_text()


def test_sagemaker_output(base, source, tmp_path):
    words = ["--input", source, "--sagemaker-output", tmp_path / "out"]
    assert _run("--saved-model", base, *words) == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [".batch_inference.finished.json", "in.jsonl.out"]
    file = tmp_path / "out" / "in.jsonl.out"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [list(line) for line in lines] == [["scores"]] * ROWS


ERRORS = {
    "no_model": (["--saved-model", "none"], "none is no SavedModel"),
    "bad_wait": (
        ["--server", "127.0.0.1:1", "--server-wait", "-1"],
        "`--server-wait` must be 0 or more",
    ),
    "no_input": (["--saved-model", "x", "--input", "none"], "no such file"),
    "no_side": (["--saved-model", "x", *EMBED[:2]], "`--side` must be in0 or"),
}


@pytest.mark.parametrize(("words", "message"), ERRORS.values(), ids=ERRORS)
def test_user_errors_are_sentences(source, tmp_path, capfd, words, message):
    words = ["--input", source, "--output", tmp_path / "out.npy", *words]
    assert _run(*words) == 2
    error = capfd.readouterr().err
    assert error.startswith("o2v batch: ")
    assert message in error
    assert not (tmp_path / "out.npy.parts").exists()


def test_absent_signature_is_an_error(source, tmp_path, capfd):
    folder = tmp_path / "export"
    model = make_model({"enc0_network": "pooled_embedding"})
    write_export(model, folder, mode="classification")
    words = ["--input", source, "--output", tmp_path / "out.npy", *EMBED, "in0"]
    assert _run("--saved-model", folder, *words) == 2
    error = capfd.readouterr().err
    assert "holds no signature encoder_embeddings, but serving_default" in error


def test_a_tower_embeds_its_side_and_refuses_the_rest(
    source, tmp_path, pairs, capfd
):
    model = make_model({"enc0_network": "pooled_embedding"})
    write_export(model, tmp_path / "export", mode="in1")
    output = tmp_path / "out.npy"
    words = ["--input", source, "--output", output]
    with serve(tmp_path / "export") as (_, address):
        for model_words in (
            ["--saved-model", tmp_path / "export"],
            ["--server", address],
        ):
            assert _run(*model_words, *words, "--restart", *EMBED, "in1") == 0
            expected = _expected(tmp_path / "export", pairs, "in1")
            np.testing.assert_allclose(np.load(output), expected, rtol=1e-4)
            capfd.readouterr()
            for wrong in ([], [*EMBED, "in0"]):
                assert _run(*model_words, *words, "--restart", *wrong) == 2
                assert "is the tower of in1 alone" in capfd.readouterr().err


def test_broken_model_is_an_error(source, tmp_path, capfd):
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    words = ["--input", source, "--output", tmp_path / "out.npy"]
    assert _run("--saved-model", tmp_path, *words) == 2
    assert "cannot be loaded" in capfd.readouterr().err


def test_other_export_in_the_same_place_does_not_continue(
    base, source, tmp_path, monkeypatch, capfd
):
    folder = tmp_path / "export"
    write_export(make_model({"enc0_network": "pooled_embedding"}), folder)
    words = ["--saved-model", folder, "--input", source]
    words += ["--output", tmp_path / "out.npy"]
    with monkeypatch.context() as patch:
        patch.setattr(
            "serving.batch_inference.resume_folder.ResumeFolder.join",
            _interrupt,
        )
        assert _run(*words) == 130
    assert "the same command goes on" in capfd.readouterr().err
    file = folder / "saved_model.pb"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    assert _run(*words) == 2
    assert "saved_model/saved_model.pb was [" in capfd.readouterr().err


def _interrupt(*_):
    raise KeyboardInterrupt


def test_server_without_a_version_is_an_error(base, source, tmp_path, capfd):
    words = ["--input", source, "--output", tmp_path / "out.npy"]
    with serve(base / "7", {1: "END"}) as (_, address):
        assert _run("--server", address, *words) == 2
    assert "serves no version of model now" in capfd.readouterr().err


def test_server_that_is_away_is_another_status(source, tmp_path, capfd):
    words = ["--input", source, "--output", tmp_path / "out.npy"]
    words += ["--server", "127.0.0.1:1", "--server-wait", "0"]
    assert _run(*words) == 75
    error = capfd.readouterr().err
    assert "127.0.0.1:1 does not answer (UNAVAILABLE: " in error
    assert "the same command goes on" in error


def test_restart_of_the_server_is_waited_for(base, source, tmp_path, capfd):
    output = tmp_path / "out.npy"
    words = ["--input", source, "--output", output]
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        with serve(base / "7", last=3) as (server, address):
            words += ["--server", address]
            run = thread.submit(_run, *words, "--server-wait", "0.1")
            assert server.hung.wait(60)
        assert run.result(60) == 75
        parts = list((tmp_path / "out.npy.parts").glob("*.part"))
        assert len(parts) == 1
        with serve(base / "7", last=2, address=address) as (server, _):
            run = thread.submit(_run, *words)
            assert server.hung.wait(60)
        # The client's own tries end before the server is back.
        time.sleep(2.5)
        with serve(base / "7", address=address) as (last, _):
            assert run.result(60) == 0
    assert f"{address} answers again" in capfd.readouterr().err
    assert server.rows + last.rows == ROWS - 16
    local = tmp_path / "local.npy"
    words = ["--input", source, "--saved-model", base]
    assert _run(*words, "--output", local) == 0
    np.testing.assert_allclose(np.load(output), np.load(local), rtol=1e-5)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """An export that takes texts and ids, and rows for it."""
    base = tmp_path_factory.mktemp("texts")
    hyperparameters = {
        "enc0_network": "pooled_embedding",
        "enc1_network": "pooled_embedding",
        "enc1_max_seq_len": 6,
        "enc1_vocab_size": VOCAB_SIZE,
    }
    model = make_text_model(hyperparameters, word_tokenizer())
    write_export(model, base / "1")
    return base, [
        {"in0": text, "in1": [n, n + 1]}
        for n, text in enumerate(["a dog", "", "qzxv", "the cat barks"] * 5)
    ]


@pytest.mark.parametrize("side", [None, "in0", "in1"])
def test_texts_and_ids_are_answered(texts, tmp_path, side):
    base, pairs = texts
    source, output = tmp_path / "in.jsonl", tmp_path / "out.npy"
    source.write_text("\n".join(map(json.dumps, pairs)))
    words = [*EMBED, side] if side else []
    words += ["--input", source, "--output", output]
    assert _run("--saved-model", base, *words) == 0
    expected = _expected(base, pairs, side)
    np.testing.assert_allclose(np.load(output), expected, rtol=1e-4, atol=1e-6)


def test_server_is_sent_texts(texts, tmp_path):
    base, pairs = texts
    source, output = tmp_path / "in.jsonl", tmp_path / "out.npy"
    source.write_text("\n".join(map(json.dumps, pairs)))
    with serve(base / "1") as (_, address):
        words = ["--input", source, "--output", output]
        assert _run("--server", address, *words) == 0
    expected = _expected(base, pairs)
    np.testing.assert_allclose(np.load(output), expected, rtol=1e-4, atol=1e-6)
