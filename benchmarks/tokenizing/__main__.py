"""Tokenizing beside a Python loop and HuggingFace `tokenizers`.

Run with `make bench` or `python -m benchmarks.tokenizing`. The texts are
WordNet's definitions: all of them if `O2V_DATA_DIR` is set, else the sample
that comes with the package. `O2V_HF_PYTHON` names an interpreter with
`benchmarks/requirements-tokenizers.txt`; without it that part is left out.
"""

# ruff: noqa: E402

import json
import os
import pathlib
import statistics
import tempfile

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

from benchmarks.contest import Rate
from benchmarks.contest import run_contest
from benchmarks.machine import machine
from benchmarks.tokenizing.texts import definitions
from notebooks.sizes import sized
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer

ROUNDS = sized(9, quick=1)
TEXTS = sized(None, quick=500)
# A contestant -> whom it is compared with, and how many times as fast is asked
# of it.
RIVALS = {
    "words": ("Python loop", 5),
    "wordpiece": ("HuggingFace tokenizers", 0.5),
}


def main():
    """Prints texts a second and ratios."""
    print(machine())
    texts = definitions()[:TEXTS]
    print(f"{len(texts):,} definitions, {sum(map(len, texts)) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "texts.json").write_text(json.dumps(texts))
        words = learn_tokenizer("words", texts, 30_000)
        PairTokenizers(in0=words).save(path / "words.keras")
        # Learning pieces is slow, and not what is measured.
        pieces = learn_tokenizer("wordpiece", texts[::20], 8_000)
        PairTokenizers(in0=pieces).save(path / "wordpiece.keras")
        results = run_contest(_commands(folder), ROUNDS)
    rates = {name: Rate.of(rounds) for name, rounds in results.items()}
    for name, rate in rates.items():
        version = results[name][0].get("version")
        print(f"{' '.join(filter(None, [name, version]))}: {rate} texts/s")
    for name, (rival, target) in RIVALS.items():
        if rival in rates:
            _compare(name, rival, target, results)


def _compare(name, rival, target, results):
    ours, theirs = results[name], results[rival]
    ratios = _ratios(ours, theirs, "seconds")
    work = statistics.median(_ratios(ours, theirs, "processor"))
    same = ours[0]["ids"] == theirs[0]["ids"]
    print(
        f"{name}: {statistics.median(ratios):.1f} times as fast as {rival} "
        f"({min(ratios):.1f} to {max(ratios):.1f} in {len(ratios)} rounds), "
        f"target {target}; {work:.1f} times less processor time; "
        f"{'the ids are equal' if same else 'ids differ'}"
    )


def _ratios(ours, theirs, key):
    return [t[key] / o[key] for o, t in zip(ours, theirs, strict=True)]


def _commands(folder):
    def module(name, *arguments):
        return ["-m", f"benchmarks.tokenizing.{name}", folder, *arguments]

    commands = {
        "words": module("ours", "words"),
        "Python loop": module("python_loop"),
        "wordpiece": module("ours", "wordpiece"),
    }
    hugging_face = os.environ.get("O2V_HF_PYTHON")
    if hugging_face:
        command = [hugging_face, *module("hugging_face")]
        commands["HuggingFace tokenizers"] = command
    else:
        print(
            "Without HuggingFace: set O2V_HF_PYTHON to an interpreter with "
            "benchmarks/requirements-tokenizers.txt."
        )
    return commands


if __name__ == "__main__":
    main()
