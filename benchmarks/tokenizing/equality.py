"""Our ids and sentence vectors beside those of other libraries.

Run with `python -m benchmarks.tokenizing.equality`. `O2V_HF_PYTHON` names an
interpreter with `benchmarks/requirements-tokenizers.txt`; without it nothing
is compared. The 10,000 texts are definitions and examples of WordNet,
sentences of STS-B (`O2V_DATA_DIR`; else the package's sample of WordNet),
strings of odd characters, long runs of one character, and random Unicode.
"""

# ruff: noqa: E402

import csv
import json
import os
import pathlib
import random
import subprocess
import tempfile

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

import numpy as np
from scipy.stats import spearmanr

from benchmarks.machine import machine
from benchmarks.tokenizing.texts import definitions
from notebooks.sizes import sized
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.tokenizers.encode_texts import encode_texts
from o2v_keras.text.tokenizers.learn_tokenizer import learn_tokenizer
from o2v_keras.text.tokenizers.tokenizer_json import TokenizerJson

TEXTS = sized(10_000, quick=500)
_ODD = (
    *("a", "A", " ", "  ", "\t", "\n", "\r", "\u00a0", "\u3000", "\u200b"),
    *("\u00ad", "\ufeff", "\x00", "\x85", "\x0b", "\ufffd", "\ufb01", "\uff21"),
    *("\U0001f469\u200d\U0001f469", "\u2028", "ö", "Ł", "ß", "ẞ", "Σ", "ς"),
    *(
        "İ",
        "ı",
        "犬",
        "日本",
        "½",
        "µ",
        "²",
        "①",
        "e\u0301",
        "\u2581",
        "<0x41>",
    ),
    *("##a", "the", "dog", "'", "’", "-", "—", "…", "¿", "\U00020000"),
    *("\ue000", "ก็", "नमस्ते", "한국어", "العربية", "12,345.67", "$", "€", "_"),
)


def main():
    """Prints how many texts have equal ids, and equal vectors."""
    print(machine())
    python = os.environ.get("O2V_HF_PYTHON")
    if not python:
        print(
            "Nothing to compare with: set O2V_HF_PYTHON to an interpreter "
            "with benchmarks/requirements-tokenizers.txt."
        )
        return
    texts = _texts()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "texts.json").write_text(json.dumps(texts))
        subprocess.run(
            [python, "-m", "benchmarks.tokenizing.reference", folder],
            check=True,
        )
        theirs = json.loads((place / "reference.json").read_text())
        vectors = np.load(place / "vectors.npy")
    for kind in ("wordpiece", "sentencepiece"):
        _compare_ids(kind, theirs[kind], texts)
    _compare_vectors(theirs["wordllama"], vectors, texts)


def _compare_ids(kind, reference, texts):
    path = reference["path"]
    tokenizer = learn_tokenizer(kind, (), vocab_file=path)
    ids = np.array(TokenizerJson.read(path).ids)
    differing = [
        text
        for text, row, expected in zip(
            texts,
            encode_texts(tokenizer, texts),
            reference["ids"],
            strict=True,
        )
        if ids[row].tolist() != expected
    ]
    print(
        f"{kind}: {len(texts) - len(differing):,} of {len(texts):,} texts have "
        f"the ids of {path}; others: {list(map(ascii, differing[:3]))}"
    )


def _compare_vectors(folder, vectors, texts):
    config = Object2VecConfig(
        enc0_network="pooled_embedding",
        enc0_tokenizer="sentencepiece",
        enc0_pretrained_embedding_file=folder,
        enc0_max_seq_len=max(map(len, texts)) * 4,
        enc_dim=vectors.shape[1],
        shared_encoder=True,
        output_layer="in_batch_softmax",
    )
    tokenizers = learn_tokenizers({"in0": [], "in1": []}, config)
    model = Object2Vec(tokenizers.configure(config))
    model.tokenizers = tokenizers
    model.load_pretrained_vectors()
    print(
        "wordllama: the smallest cosine of our vectors and its own on "
        f"{len(texts):,} texts is "
        f"{_cosines(model.embed_texts(texts), vectors).min():.7f}"
    )
    pairs = _pairs("test")
    if pairs:
        first, second, scores = zip(*pairs, strict=True)
        cosines = _cosines(model.embed_texts(first), model.embed_texts(second))
        score = spearmanr(cosines, scores).statistic
        print(f"wordllama, untrained: Spearman {score:.4f} on STS-B test")


def _cosines(first, second):
    first, second = first.astype(np.float64), second.astype(np.float64)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    # Texts without tokens have no direction.
    products = (first * second).sum(axis=1)
    return np.divide(products, norms, out=np.ones(len(norms)), where=norms > 0)


def _texts():
    generator = random.Random(14)
    odd = [
        "".join(generator.choices(_ODD, k=generator.randint(1, 25)))
        for _ in range(TEXTS // 6)
    ]
    for run in (" ", "\n", "a", "ab", "é", "犬"):
        odd += [run * length for length in range(1, 130, 3)]
    strange = [
        "".join(_character(generator) for _ in range(generator.randint(1, 40)))
        for _ in range(TEXTS // 6)
    ]
    real = definitions(examples=True)
    real += [s for p in _parts() for s in _sentences(p)]
    generator.shuffle(real)
    return (odd + strange + real)[:TEXTS]


def _character(generator):
    low, high = generator.choice(
        [(1, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0x10FFFF)]
    )
    return chr(generator.randint(low, high))


def _parts():
    return ("train", "dev", "test") if os.environ.get("O2V_DATA_DIR") else ()


def _sentences(part):
    return [sentence for pair in _pairs(part) for sentence in pair[:2]]


def _pairs(part):
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        return []
    file = pathlib.Path(folder, "stsb", f"stsb-en-{part}.csv")
    with file.open(newline="", encoding="utf-8") as lines:
        return [(a, b, float(score)) for a, b, score in csv.reader(lines)]


if __name__ == "__main__":
    main()
