"""Folders of static token vectors, as other libraries write them."""

import json
import pathlib

import numpy as np

TOKENIZERS = pathlib.Path(__file__).parent / "tokenizers"
BERT = json.loads((TOKENIZERS / "bert.json").read_text())
LLAMA = json.loads((TOKENIZERS / "llama.json").read_text())
DIM = 8

_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16"} | {
    "int64": "I64",
    "int32": "I32",
    "int8": "I8",
}


def write_safetensors(path, tensors):
    """Writes arrays; those of dtype uint16 are bfloat16."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, values in tensors.items():
        start, data = len(data), data + values.tobytes()
        header[name] = {
            "dtype": _DTYPES.get(values.dtype.name, "BF16"),
            "shape": list(values.shape),
            "data_offsets": [start, len(data)],
        }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def vectors(rows, dtype="float32", seed=0):
    """Returns a table of random vectors."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, DIM)).astype(dtype)


def static_embedding(folder, tokenizer, table, inner=""):
    """Writes what sentence-transformers' StaticEmbedding saves."""
    place = folder / inner
    place.mkdir(parents=True)
    (place / "tokenizer.json").write_text(json.dumps(tokenizer))
    write_safetensors(place / "model.safetensors", {"embedding.weight": table})
    modules = [
        {"path": inner, "type": "sentence_transformers.models.StaticEmbedding"},
        {"path": "1", "type": "sentence_transformers.models.Normalize"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    return folder


def model2vec(folder, tokenizer, table, **tensors):
    """Writes what model2vec's `save_pretrained` does."""
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text('{"normalize": true}')
    tensors = {"embeddings": table, **tensors}
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def wordllama(folder, tokenizer, table):
    """Writes the files of wordllama's package."""
    (folder / "weights").mkdir(parents=True)
    (folder / "tokenizers").mkdir()
    name = "l2_supercat_tokenizer_config.json"
    (folder / "tokenizers" / name).write_text(json.dumps(tokenizer))
    write_safetensors(
        folder / "weights" / "l2_supercat_8.safetensors",
        {"embedding.weight": table},
    )
    return folder


def means(rows, table):
    """Returns the mean of the vectors of each row's ids; zeros for none."""
    return np.array(
        [table[row].mean(axis=0) if row else np.zeros(DIM) for row in rows]
    )
