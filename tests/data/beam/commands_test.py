"""The jobs give what the single-machine commands give."""

import gzip
import json
import random
import subprocess
import sys
import time

import pytest
import tensorflow as tf

from o2v_keras.__main__ import main as o2v
from o2v_keras.command import run_alone
from o2v_keras.data.beam.commands import add_beam_commands

pytest.importorskip(
    "apache_beam",
    reason="needs Apache Beam (pip install -r requirements-beam.txt); "
    "`make test-beam` runs it",
)

from o2v_keras.data.beam import commands  # noqa: E402
from o2v_keras.data.beam import vocabulary  # noqa: E402


def main(words):
    return run_alone(add_beam_commands, "beam", words)


WORDS = "the a of dog cat Ünïcode 犬 x".split()
FAULTY = [
    '{"in0": [3], "in1": [2.5], "label": 1}',
    '{"in0": [3], "in1": [], "label": 1}',
    '{"in0": [3, 0, 2], "in1": [-1], "label": 0}',
    "{",
]


def record(generator, text=None):
    sides = {
        side: [
            generator.randrange(1, 30) for _ in range(generator.randrange(1, 6))
        ]
        for side in ("in0", "in1")
    }
    weights = range(len(WORDS), 0, -1)
    text = text or " ".join(generator.choices(WORDS, weights, k=4))
    label = generator.randrange(3)
    return json.dumps({**sides, "label": label, "text": text, "more": "a b"})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three files, the last of them compressed."""
    folder, generator = tmp_path_factory.mktemp("corpus"), random.Random(0)
    for name in ("b.jsonl", "a.jsonl", "c.jsonl.gz"):
        rows = [record(generator) for _ in range(20)]
        lines = "\n".join([*rows, record(generator, "rare rare scarce")])
        open_ = gzip.open if name.endswith(".gz") else open
        with open_(folder / name, "wb") as file:
            file.write(lines.encode())
    return [str(folder / name) for name in ("b.jsonl", "a.jsonl", "c.jsonl.gz")]


@pytest.fixture
def faulty(tmp_path):
    generator, files = random.Random(1), []
    for name in ("z.jsonl", "y.jsonl"):
        lines = [record(generator) for _ in range(10)] + FAULTY * 4
        generator.shuffle(lines)
        (tmp_path / name).write_text("\n".join(lines))
        files.append(str(tmp_path / name))
    return files


@pytest.mark.parametrize("hyperparameters", [False, True])
def test_statistics_are_what_check_prints(
    corpus, faulty, tmp_path, capsys, hyperparameters
):
    files, options = [*corpus, *faulty], []
    if hyperparameters:
        content = {"enc0_max_seq_len": 4, "enc0_vocab_size": 20}
        (tmp_path / "h.json").write_text(json.dumps(content))
        options = ["--hyperparameters", str(tmp_path / "h.json"), "--training"]
    status = o2v(["check", "--data", *files, *options])
    expected = capsys.readouterr().out
    output = tmp_path / "statistics.txt"
    words = ["--input", *files, "--output", str(output), *options]
    assert main(["check", *words]) == status == 2
    assert capsys.readouterr().out == expected
    assert output.read_text() == expected


@pytest.mark.parametrize("text", ["a cat", " "])
def test_texts_and_weights_are_checked_as_check_does(tmp_path, capsys, text):
    row = {"in0": "a dog", "in1": "cat", "label": 1, "weight": 2}
    rows = [row, row | {"in1": text, "weight": 3}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "texts.jsonl").write_text(lines)
    options = ["--set", "enc0_tokenizer=words", "--set", "enc1_tokenizer=words"]
    options += ["--set", "enc0_max_seq_len=4", "--set", "enc0_vocab_size=99"]
    files = [str(tmp_path / "texts.jsonl"), *options]
    status = o2v(["check", "--data", *files])
    assert status == (0 if text.strip() else 2)
    expected = capsys.readouterr().out
    assert ("weight" in expected.splitlines()[-1]) == (status == 0)
    words = ["--input", *files, "--output", str(tmp_path / "s.txt")]
    assert main(["check", *words]) == status
    assert capsys.readouterr().out == expected


def test_statistics_of_sound_data_end_with_0(corpus, tmp_path, capsys):
    assert o2v(["check", "--data", *corpus]) == 0
    expected = capsys.readouterr().out
    words = ["--input", *corpus, "--output", str(tmp_path / "s.txt")]
    assert main(["check", *words]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("v.json", []),
        ("v.txt", ["--min-count", "6"]),
        ("v.txt", ["--max-size", "7", "--hash-buckets", "3"]),
    ],
)
@pytest.mark.parametrize("shard_words", [2, 1 << 20])
def test_vocabulary_is_that_of_one_machine(
    corpus, tmp_path, name, options, shard_words, monkeypatch
):
    monkeypatch.setattr(vocabulary, "_SHARD_WORDS", shard_words)
    expected, output = tmp_path / f"expected_{name}", tmp_path / name
    columns = ["--columns", "text", "more", *options]
    command = ["vocabulary", "--data", *corpus, *columns]
    assert o2v([*command, "--output", str(expected)]) == 0
    command = ["vocabulary", "--input", *corpus, *columns]
    assert main([*command, "--output", str(output)]) == 0
    assert output.read_bytes() == expected.read_bytes()
    assert len(output.read_text().splitlines()) >= 7


def records(folder, compression=""):
    files = sorted(str(file) for file in folder.glob("pairs-*"))
    dataset = tf.data.TFRecordDataset(files, compression)
    return sorted(dataset.as_numpy_iterator())


@pytest.mark.parametrize(
    ("ending", "options", "ours"),
    [
        (".tfrecord", [], ["--shards", "2"]),
        (".tfrecord.gz", ["--compression", "gzip", "--side", "in1"], []),
        (".tfrecord", ["--unlabelled"], []),
    ],
)
def test_convert_writes_the_records_of_one_machine(
    corpus, tmp_path, ending, options, ours
):
    expected, output = tmp_path / "expected", tmp_path / "output"
    words = ["--input", *corpus, *options]
    assert o2v(["convert", *words, "--output", str(expected)]) == 0
    assert main(["convert", *words, *ours, "--output", str(output)]) == 0
    files = sorted(file.name for file in output.iterdir())
    shards = 2 if ours else len(files)
    assert files == [
        f"pairs-{shard:05d}-of-{shards:05d}{ending}" for shard in range(shards)
    ]
    compression = "GZIP" if ending.endswith(".gz") else ""
    found = records(output, compression)
    assert found == records(expected, compression)
    assert len(found) == 63


def test_convert_stops_at_bad_rows_or_tells_them(faulty, tmp_path, capsys):
    expected, output = tmp_path / "expected", tmp_path / "output"
    words = ["--input", *faulty]
    assert main(["convert", *words, "--output", str(output)]) == 2
    assert "error: in1: empty sequence" in capsys.readouterr().err
    assert not list(output.glob("pairs-*"))
    words += ["--skip-bad-rows", "0.7"]
    assert o2v(["convert", *words, "--output", str(expected)]) == 0
    capsys.readouterr()
    assert main(["convert", *words, "--output", str(output)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"20 rows: {output}\n"
    assert "warning: 32 of 52 rows have errors and are left" in printed.err
    assert records(output) == records(expected)
    told = "".join(f.read_text() for f in output.glob("_rejected_rows*"))
    expected = (expected / "_rejected_rows.jsonl").read_text()
    assert sorted(told.splitlines()) == sorted(expected.splitlines())
    words[-1:] = ["--output", str(tmp_path / "limited")]
    assert main(["convert", *words]) == 2
    assert "32 of 52 rows have errors, more" in capsys.readouterr().err


def test_convert_does_not_mix_shards_of_two_jobs(corpus, tmp_path, capsys):
    words = ["convert", "--input", corpus[0], "--output", str(tmp_path)]
    assert main(words) == 0
    assert main(words) == 2
    message = "`--output` must hold no shards, for those of two jobs would mix"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vocabulary", "--columns", "no"], "no row has a value in the column"),
        (
            ["vocabulary", "--columns", "text", "--max-size", "2"],
            "`--max-size`",
        ),
        (
            ["vocabulary", "--columns", "text", "--min-count", "999"],
            "`--min-count`",
        ),
    ],
)
def test_user_errors_are_a_sentence(corpus, tmp_path, capsys, words, message):
    output = str(tmp_path / "v.txt")
    assert main([*words, "--input", *corpus, "--output", output]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_runner_can_be_named(corpus, tmp_path):
    output = tmp_path / "v.json"
    words = ["--input", *corpus, "--columns", "text", "--output", str(output)]
    assert (
        main(["vocabulary", *words, "--runner", "BundleBasedDirectRunner"]) == 0
    )
    assert len(json.loads(output.read_text())) == len(WORDS) + 2


def test_a_runner_that_loses_rows_is_refused(corpus, tmp_path, capsys):
    words = ["convert", "--input", *corpus, "--output", str(tmp_path / "o")]
    assert main([*words, "--runner", "DaskRunner"]) == 2
    assert "--runner DaskRunner loses all but one" in capsys.readouterr().err


def test_a_misspelt_option_is_refused(corpus, tmp_path, capsys):
    words = ["vocabulary", "--columns", "text", "--input", *corpus]
    words += ["--output", str(tmp_path / "v.json")]
    assert main([*words, "--min-counts=6"]) == 2
    assert "Did you mean --min-count?" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]
    # The first is Beam's, and the second may be an engine's.
    assert main([*words, "--job_name=a", "--sparkle=1"]) == 0


def test_a_vocabulary_may_be_named_without_a_folder(
    corpus, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["vocabulary", "--columns", "text", "--input", *corpus]
    assert main([*words, "--output", "v.json"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["v.json"]


def test_no_shard_of_a_vocabulary_is_left(corpus, tmp_path):
    words = ["vocabulary", "--columns", "text", "--input", *corpus]
    words += ["--output", str(tmp_path / "v.json")]
    assert main(words) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["v.json"]
    assert main([*words, "--min-count", "999"]) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["v.json"]
    words[-1] = str(tmp_path / "v.txt")
    (tmp_path / "reserved.jsonl").write_text('{"text": "a [PAD]"}')
    assert main([*words, "--input", str(tmp_path / "reserved.jsonl")]) == 2
    assert not (tmp_path / "v.txt").exists()
    assert not list(tmp_path.glob("*.words-*"))


def test_a_job_server_that_is_not_there_is_soon_named(
    corpus, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(commands, "_SECONDS_FOR_ANSWER", 1)
    begin = time.monotonic()
    words = ["vocabulary", "--columns", "text", "--input", *corpus]
    words += ["--output", str(tmp_path / "v.json")]
    words += ["--runner", "PortableRunner", "--job_endpoint", "localhost:1"]
    assert main(words) == 2
    # Beam by itself takes minutes.
    assert time.monotonic() - begin < 50
    error = capsys.readouterr().err
    assert "job server must run and be reached: no answer" in error
    assert "localhost:1" in error


_FREED = """
import ctypes
import psutil
from o2v_keras.command import run_alone
from o2v_keras.data.beam.commands import add_beam_commands

run_alone(add_beam_commands, "beam", {words})
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free(libc.malloc(30 << 20))
before = psutil.Process().memory_info().rss
blocks = [libc.malloc(10 << 20) for _ in range(9)]
for block in blocks:
    ctypes.memset(block, 1, 10 << 20)
for block in blocks[:-1]:
    libc.free(block)
print((psutil.Process().memory_info().rss - before) >> 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_a_worker_gives_back_what_it_freed(tmp_path):
    words = ["check", "--runner", "DaskRunner", "--input", "a.jsonl"]
    words += ["--output", str(tmp_path / "o")]
    found = subprocess.check_output(
        [sys.executable, "-c", _FREED.format(words=words)], text=True
    )
    # The last of nine blocks is in use.
    assert int(found) < 30
