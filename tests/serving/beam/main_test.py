"""The jobs give what `o2v batch` gives."""

import gzip
import json
import pathlib

import numpy as np
import pyarrow.parquet as pq
import pytest

from serving.batch_inference.__main__ import main as batch_inference
from serving.beam.__main__ import main
from tests.export.exports import make_model
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export

pytest.importorskip(
    "apache_beam",
    reason="needs Apache Beam (pip install -r requirements-beam.txt); "
    "`make test-beam` runs it",
)

VOCAB_SIZE = 30
SIDES = ("in0", "in1")
COLUMNS = {None: "scores", "in0": "embeddings", "in1": "embeddings"}
BAD = [
    "",
    '{"in0": [1]',
    '{"in0": [], "in1": []}',
    '{"in0": [30], "in1": [31]}',
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Base directory of an export, with one version."""
    base = tmp_path_factory.mktemp("base")
    write_export(make_model({"enc0_network": "hcnn"}), base / "7")
    return base


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two files, one compressed, with bad rows in one of them."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    lines = [
        json.dumps(
            {
                side: rng.integers(1, VOCAB_SIZE, rng.integers(1, 9)).tolist()
                for side in SIDES
            }
            | {"id": f"row {row}" if row % 2 else row}
        )
        for row in range(50)
    ]
    sound, bad = folder / "a.jsonl", folder / "b.jsonl.gz"
    sound.write_text("\n".join(lines[:20]))
    bad.write_bytes(gzip.compress("\n".join(lines[20:] + BAD * 2).encode()))
    return sound, bad


def job(side):
    return ["embed", "--side", side] if side else ["predict"]


def run(*words):
    sizes = ["--batch-size", "8", "--window", "16"]
    return main([*map(str, words), *sizes])


def expected(base, files, side, folder):
    """What the single-machine command says of each file and line."""
    output = folder / "expected.jsonl"
    words = ["--saved-model", base, "--input", *files, "--output", output]
    if side:
        words += ["--signature", "encoder_embeddings", "--side", side]
    status = batch_inference([str(word) for word in words])
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    rows = [
        (str(file), line)
        for file in files
        for line, _ in enumerate(read(file).split("\n"), 1)
    ]
    return status, dict(zip(rows, lines, strict=True))


def read(file):
    text = file.read_bytes()
    text = gzip.decompress(text) if file.suffix == ".gz" else text
    return text.decode()


def shards(output, ending):
    return sorted(output.parent.glob(f"{output.name}-*-of-*{ending}"))


def json_lines(files):
    return [json.loads(x) for f in files for x in f.read_text().splitlines()]


@pytest.mark.parametrize("side", [None, "in0", "in1"])
def test_answers_are_those_of_one_machine(base, corpus, tmp_path, side, capfd):
    status, answers = expected(base, corpus, side, tmp_path)
    output = tmp_path / "out"
    words = ["--model", base, "--input", *corpus, "--output", output]
    assert run(*job(side), *words) == status == 3
    assert "58 rows, 8 bad" in capfd.readouterr().err
    found = {
        (line["file"], line["line"]): line[COLUMNS[side]]
        for line in json_lines(shards(output, ".jsonl"))
    }
    sound = {key for key, answer in answers.items() if "error" not in answer}
    assert found.keys() == sound
    for key in sound:
        np.testing.assert_allclose(
            found[key], answers[key][COLUMNS[side]], rtol=1e-6, atol=1e-6
        )
    bad = tmp_path / "out.bad_rows"
    told = json_lines(shards(bad, ".jsonl"))
    one_machine = json_lines([tmp_path / "expected.jsonl.bad_rows.jsonl"])
    assert sorted(told, key=lambda row: row["line"]) == one_machine


def test_parquet_holds_the_same_under_the_ids(base, corpus, tmp_path):
    _, answers = expected(base, corpus[:1], "in1", tmp_path)
    output = tmp_path / "out"
    words = ["--model", base / "7", "--input", corpus[0], "--output", output]
    words += ["--format", "parquet", "--id-field", "id", "--shards", "2"]
    assert run("embed", "--side", "in1", *words) == 0
    files = shards(output, ".parquet")
    assert [file.name for file in files] == [
        "out-00000-of-00002.parquet",
        "out-00001-of-00002.parquet",
    ]
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    found = {row["id"]: row["embeddings"] for row in rows}
    ids = [str(json.loads(x)["id"]) for x in read(corpus[0]).split("\n")]
    assert found.keys() == set(ids)
    np.testing.assert_allclose(
        [found[id_] for id_ in ids],
        [answer["embeddings"] for answer in answers.values()],
        rtol=1e-6,
        atol=1e-6,
    )
    assert not list(tmp_path.glob("out.bad_rows*"))


def test_texts_are_answered_as_on_one_machine(tmp_path):
    hyperparameters = {
        "enc0_network": "hcnn",
        "enc1_network": "hcnn",
        "enc1_max_seq_len": 6,
        "enc1_vocab_size": VOCAB_SIZE,
    }
    model = make_text_model(hyperparameters, word_tokenizer())
    write_export(model, tmp_path / "base" / "1")
    source, output = tmp_path / "in.jsonl", tmp_path / "out"
    texts = ["a dog", "", 5, "qzxv"]
    source.write_text("\n".join(json.dumps({"in0": t}) for t in texts))
    _, answers = expected(tmp_path / "base", [source], "in0", tmp_path)
    words = ["--model", tmp_path / "base", "--input", source]
    assert run("embed", "--side", "in0", *words, "--output", output) == 3
    found = {
        (line["file"], line["line"]): line["embeddings"]
        for line in json_lines(shards(output, ".jsonl"))
    }
    assert {line for _, line in found} == {1, 2, 4}
    for key, embedding in found.items():
        np.testing.assert_allclose(embedding, answers[key]["embeddings"])


def test_parquet_names_file_and_line(base, corpus, tmp_path):
    output = tmp_path / "out"
    words = ["--model", base, "--input", corpus[0], "--output", output]
    assert run("predict", *words, "--format", "parquet") == 0
    (file,) = shards(output, ".parquet")
    table = pq.read_table(file)
    assert set(table["file"].to_pylist()) == {str(corpus[0])}
    assert sorted(table["line"].to_pylist()) == list(range(1, 21))


def test_ids_are_kept_as_they_are(base, corpus, tmp_path):
    output = tmp_path / "out"
    words = ["--model", base, "--input", corpus[0], "--output", output]
    assert run("predict", *words, "--id-field", "id") == 0
    found = json_lines(shards(output, ".jsonl"))
    assert {0, "row 1", 2, "row 19"} <= {line["id"] for line in found}


def test_a_row_without_an_id_is_bad(base, tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text('{"in0": [1], "id": 1.5}\n{"in0": [2], "id": "b"}')
    words = ["--model", base, "--input", source, "--output", output]
    assert run("embed", "--side", "in0", *words, "--id-field", "id") == 3
    (answer,) = json_lines(shards(output, ".jsonl"))
    assert answer["id"] == "b"
    (told,) = json_lines(shards(tmp_path / "out.bad_rows", ".jsonl"))
    assert told["line"] == 1
    assert told["reason"] == (
        '"id" names the row and must be a text or an integer: 1.5'
    )


def test_all_rows_may_be_bad(base, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text("\n{}")
    for format_ in ("jsonl", "parquet"):
        output = tmp_path / format_
        words = ["--model", base, "--input", source, "--output", output]
        assert run("predict", *words, "--format", format_) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "no.jsonl"], "no.jsonl: no such file"),
        (["--input", "a.parquet"], "a.parquet: must be JSON Lines"),
        (["--input", "a.jsonl", "a.jsonl"], "is named twice"),
        (["--input", "gone://a.jsonl"], "gone"),
        (["--model", "no"], "no is no SavedModel"),
        (["--window", "0"], "`--window` must be at least 1"),
        (["--shards", "-1"], "`--shards` must be at least 0"),
    ],
)
def test_user_errors_are_a_sentence(
    base, tmp_path, monkeypatch, capfd, options, message
):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "a.parquet"):
        pathlib.Path(name).write_text('{"in0": [1], "in1": [2]}')
    words = ["predict", "--model", base, "--input", "a.jsonl", "--output", "o"]
    assert main([*map(str, words), *options]) == 2
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_shards_of_two_jobs_are_not_mixed(base, corpus, tmp_path, capfd):
    words = ["--model", base, "--input", corpus[0], "--output", tmp_path / "o"]
    assert run("predict", *words) == 0
    assert run("predict", *words) == 2
    assert "`--output` must name no shards yet" in capfd.readouterr().err
