"""Each job on sample data, beside the command of a single machine."""

import gzip
import json
import random

import numpy as np
import tensorflow as tf

from o2v_keras.__main__ import main as o2v
from tests.export.exports import make_model
from tests.export.exports import write_export

WORDS = "the a of dog cat Ünïcode 犬 x".split()
_VOCAB_SIZE = 30


def write_corpus(folder, files=4, rows=60):
    """Writes JSON Lines, the last file packed, and returns their glob."""
    generator = random.Random(0)
    for file in range(files):
        numbers = range(file * rows, (file + 1) * rows)
        text = "".join(_record(generator, row) + "\n" for row in numbers)
        last = file == files - 1
        name = f"part-{file}.jsonl" + ".gz" * last
        data = text.encode()
        (folder / name).write_bytes(gzip.compress(data) if last else data)
    return f"{folder}/part-*"


def write_model(folder):
    """Writes an export; returns its base directory."""
    write_export(make_model({"enc0_network": "hcnn"}), folder / "1")
    return folder


def _record(generator, row):
    sides = {
        side: [
            generator.randrange(1, _VOCAB_SIZE)
            for _ in range(generator.randrange(1, 7))
        ]
        for side in ("in0", "in1")
    }
    weights = range(len(WORDS), 0, -1)
    text = " ".join(generator.choices(WORDS, weights, k=4))
    label = generator.randrange(3)
    return json.dumps({"id": row, **sides, "label": label, "text": text})


class Jobs:
    """Runs jobs on an engine, and commands for comparison.

    Args:
        options: Words that name the engine, for `o2v beam`.
        folder: Empty folder for what they write.
        capsys: Pytest's.
    """

    def __init__(self, options, folder, capsys):
        self._options, self._folder, self._capsys = options, folder, capsys

    def check(self, corpus):
        status = o2v(["check", "--data", corpus])
        expected = self._capsys.readouterr().out
        output = self._folder / "statistics.txt"
        words = ["check", "--input", corpus, "--output", output]
        assert self._beam(*words) == status
        assert output.read_text() == expected

    def vocabulary(self, corpus, *options):
        expected = self._folder / "expected.json"
        words = ["--columns", "text", *options]
        o2v(["vocabulary", "--data", corpus, *words, "--output", str(expected)])
        output = self._folder / "vocabulary.json"
        words = ["vocabulary", "--input", corpus, *words, "--output", output]
        assert self._beam(*words) == 0
        assert output.read_bytes() == expected.read_bytes()

    def split(self, corpus, *options):
        expected, output = self._folder / "expected", self._folder / "parts"
        words = ["split", "--input", corpus, *options, "--output"]
        o2v(["pairs", *words, str(expected)])
        assert self._beam(*words, output) == 0
        for part in ("train", "validation", "test"):
            assert _lines(output, part) == _lines(expected, part)
        report = (output / "_pairs.json").read_text()
        assert json.loads(report) == json.loads(
            (expected / "_pairs.json").read_text()
        )

    def convert(self, corpus):
        expected, output = self._folder / "expected", self._folder / "shards"
        o2v(["convert", "--input", corpus, "--output", str(expected)])
        assert self._beam("convert", "--input", corpus, "--output", output) == 0
        found = _examples(output)
        assert f"{len(found):,} rows" in self._capsys.readouterr().out
        assert found == _examples(expected)
        return len(found)

    def answer(self, corpus, model, side=None):
        """Embeds a side, or scores pairs."""
        expected, output = self._folder / "expected.jsonl", self._folder / "out"
        words = ["--saved-model", model, "--input", corpus]
        words += ["--id-column", "id"]
        job = ["predict"]
        if side:
            words += ["--signature", "encoder_embeddings", "--side", side]
            job = ["embed", "--side", side]
        status = o2v(["batch", *map(str, words), "--output", str(expected)])
        words = ["--model", model, "--input", corpus, "--output", output]
        words += ["--id-field", "id"]
        assert self._beam(*job, *words) == status
        said = self._capsys.readouterr().err
        column = "embeddings" if side else "scores"
        one = _vectors([expected], column)
        many = _vectors(self._folder.glob("out-*.jsonl"), column)
        assert many.keys() == one.keys()
        for name, vector in one.items():
            np.testing.assert_allclose(many[name], vector, rtol=1e-5, atol=1e-5)
        assert f"{len(many)} rows, 0 bad" in said
        return len(many)

    def _beam(self, *words):
        return o2v(["beam", *map(str, words), *self._options])


def _lines(folder, part):
    files = folder.glob(f"{part}*")
    lines = [line for f in files for line in f.read_text().splitlines()]
    assert lines
    return sorted(lines)


def _examples(folder):
    files = [str(file) for file in folder.glob("pairs-*")]
    return sorted(tf.data.TFRecordDataset(files).as_numpy_iterator())


def _vectors(files, column):
    lines = [
        json.loads(line)
        for file in files
        for line in file.read_text().splitlines()
    ]
    vectors = {line["id"]: line[column] for line in lines}
    assert len(vectors) == len(lines)
    return vectors
