"""`o2v check --training` finds what `o2v train` refuses: all of it."""

import ast
import gzip
import inspect
import json
from typing import NamedTuple

import numpy as np
import pytest

from o2v_keras.__main__ import main
from o2v_keras.data.check import values
from o2v_keras.data.read.record import ADVICE

SIZES = {
    "enc0_network": "pooled_embedding",
    "enc1_network": "pooled_embedding",
    "enc0_max_seq_len": 4,
    "enc1_max_seq_len": 4,
    "enc0_vocab_size": 20,
    "enc1_vocab_size": 20,
    "enc_dim": 4,
    "mlp_layers": 0,
    "epochs": 1,
}
GOOD = [
    {"in0": [n % 9 + 1], "in1": [n % 5 + 1], "label": n % 2} for n in range(8)
]
TEXTS = [{**row, "in0": f"a dog {n}"} for n, row in enumerate(GOOD)]
WORDS = {"enc0_tokenizer": "words"}
CATEGORY = {"enc0_tokenizer": "category"}
VECTORS = {"enc0_pretrained_embedding_file": "v.txt", **WORDS}
TEACHER = {"output_layer": "embedding", "target_embedding_file": "t.npy"}
TEACHER_FILE = {"t.npy": np.ones((2, 4), np.float32)}
CSV = "in0,in1,label\n1,2,1\n3,4,0\n"


class Case(NamedTuple):
    """Data and settings that are refused, and words of the refusal."""

    words: str
    data: list | str | bytes = GOOD
    settings: dict = {}
    ending: str = "jsonl"
    files: dict = {}
    options: tuple = ()


def one(**values):
    """Good rows and one with other values; `...` means none."""
    row = {**GOOD[0], **values}
    return [*GOOD, {k: v for k, v in row.items() if v is not ...}]


def lines(text):
    return "\n".join([*map(json.dumps, GOOD), text])


# Every kind of fault of a row.
ROWS = [
    Case("malformed JSON", lines("{")),
    Case("no JSON object", lines("[1]")),
    Case("repeated", lines('{"in0": [1], "in0": [2], "in1": [3], "label": 1}')),
    Case("missing", one(label=...)),
    Case("missing", one(in1=None)),
    Case("no UTF-8", CSV.encode() + b"\xe9,2,1\n", WORDS, "csv"),
    Case("wrong number of fields", CSV + "1,2\n", ending="csv"),
    Case("broken quoting", CSV + '"1"2,2,1\n', ending="csv"),
    Case("open quote", CSV + '"1,2,1\n1,2,1\n', ending="csv"),
    Case("line break in a category", [*TEXTS, one(in0="a\nb")[-1]], CATEGORY),
    Case("no text", [*TEXTS, one(in0={"a": 1})[-1]], WORDS),
    Case("ids in place of a text", [*TEXTS, GOOD[0]], WORDS),
    Case("a text in place of ids", TEXTS),
    Case("no list", one(in0=5.5)),
    Case("non-integer id", one(in0=[1.5])),
    Case("id beyond 64 bits", one(in0=[2**64])),
    Case("no number", one(label="1")),
    Case("not finite", lines('{"in0": [1], "in1": [2], "label": NaN}')),
    Case("not finite", one(weight=1e39)),
    Case("text without a token", [*TEXTS, one(in0=" ")[-1]], WORDS),
    Case("text without a token", [*TEXTS, one(in0="")[-1]], CATEGORY),
    Case("empty sequence", one(in0=[])),
    Case("negative id", one(in0=[-1])),
    Case("id >= vocab_size", one(in1=[20])),
    Case("no class", one(label=2)),
    Case("not 1", GOOD, {"negative_sampling_rate": 1}),
    Case("not 1", GOOD, {"output_layer": "bpr", "negative_sampling_rate": 1}),
    Case("neither 0 nor 1", one(label=3), {"output_layer": "in_batch_softmax"}),
    Case(
        "no 1 among all",
        [{**row, "label": 0} for row in GOOD],
        {"output_layer": "in_batch_softmax"},
    ),
    Case("negative", one(weight=-1)),
    Case("no row number", one(label=2), TEACHER, files=TEACHER_FILE),
    Case(
        "vector not finite",
        GOOD,
        TEACHER,
        files={"t.npy": np.full((2, 4), np.nan, np.float32)},
    ),
]
# Files that are none.
FILES = [
    Case("holds no record", ""),
    Case("unknown ending", ending="txt"),
    Case("no such file", options=("missing.jsonl",)),
    Case("is named twice", options=("train.jsonl", "train.jsonl")),
    Case('no column "label"', "in0,in1\n1,2\n", ending="csv"),
    Case('several columns "in1"', "in0,in1,in1,label\n", ending="csv"),
    Case("holds no record", "in0,in1,label\n", ending="csv"),
    Case("must name different columns", options=("--in0-column", "in1")),
    Case(
        "is cut off",
        gzip.compress(json.dumps(GOOD[0]).encode())[:-9],
        ending="jsonl.gz",
    ),
    Case("TFRecord files hold ids only", b"", WORDS, "tfrecord"),
    Case("cannot be read", b"PAR1", ending="parquet"),
    Case("lacks pairs-00001-of-00002.tfrecord", b"", options=("shards",)),
    Case("have a weight of 0", [{**row, "weight": 0} for row in GOOD]),
]
# Settings that the data or other files do not go with.
SETTINGS = [
    Case("is no hyperparameter", settings={"colour": 1}),
    Case("`enc_dim` must be", settings={"enc_dim": 0}),
    Case("must hold a word at least", TEXTS, {**WORDS, "enc0_min_count": 99}),
    Case("`vocab_size` must be", TEXTS, {**WORDS, "enc0_vocab_size": 2}),
    Case(
        "`vocab_size` must be larger",
        TEXTS,
        {"enc0_tokenizer": "wordpiece", "enc0_vocab_size": 4},
    ),
    Case(
        "`vocab_file` must name",
        TEXTS,
        {"enc0_tokenizer": "sentencepiece"},
    ),
    Case("there is no file", TEXTS, {**WORDS, "enc0_vocab_file": "w.txt"}),
    Case(
        "is no JSON",
        TEXTS,
        {**WORDS, "enc0_vocab_file": "w.json"},
        files={"w.json": "{"},
    ),
    Case(
        "lines of a file",
        TEXTS,
        {**WORDS, "enc0_vocab_file": "w.json"},
        files={"w.json": '{"a\\nb": 2}'},
    ),
    Case(
        "Set it to 23",
        TEXTS,
        {**WORDS, "enc0_vocab_file": "w.txt"},
        files={"w.txt": "\n".join(["[PAD]", "[UNK]", *map(str, range(21))])},
    ),
    Case("there is no file", TEXTS, VECTORS),
    Case("there is no file", settings=TEACHER),
    Case(
        "of shape (rows, width)", settings=TEACHER, files={"t.npy": np.ones(3)}
    ),
    Case(
        "There is nothing to train",
        settings={
            "output_layer": "cosent",
            "tied_token_embedding_weight": True,
            "enc0_pretrained_embedding_file": "v.npy",
        },
        files={"v.npy": np.ones((20, 4))},
    ),
    Case("whole .npy file", settings=TEACHER, files={"t.npy": "1 2 3"}),
    Case("v.txt", TEXTS, VECTORS, files={"v.txt": "dog 1 2 3 4 5\n"}),
    Case("for none of the", TEXTS, VECTORS, files={"v.txt": "cat 1 2 3 4\n"}),
    Case(
        "v.txt:2", TEXTS, VECTORS, files={"v.txt": "dog 1 2 3 4\na 1 2 3 x\n"}
    ),
    Case(
        "a row for each id",
        settings={"enc0_pretrained_embedding_file": "v.npy"},
        files={"v.npy": np.ones((3, 4))},
    ),
    Case(
        "holds NaN or infinity",
        settings={"enc0_pretrained_embedding_file": "v.npy"},
        files={"v.npy": np.full((20, 4), np.nan)},
    ),
    Case(
        "`enc0_vocab_file` must name",
        settings={"enc0_pretrained_embedding_file": "v.txt"},
        files={"v.txt": "dog 1 2 3 4\n"},
    ),
    Case(
        "no negative was found",
        [{"in0": [1], "in1": [n], "label": 1} for n in (1, 2)],
        {"output_layer": "bpr", "negative_sampling_rate": 1},
    ),
]


def write(folder, case):
    for name, content in case.files.items():
        if isinstance(content, str):
            (folder / name).write_text(content)
        else:
            np.save(folder / name, content)
    (folder / "shards").mkdir()
    (folder / "shards" / "pairs-00000-of-00002.tfrecord").touch()
    content = case.data
    if isinstance(content, list):
        content = "\n".join(map(json.dumps, content))
    if isinstance(content, str):
        content = content.encode()
    (folder / f"train.{case.ending}").write_bytes(content)
    (folder / "h.json").write_text(json.dumps(SIZES | case.settings))


def told(capsys):
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize(
    "case", [*ROWS, *FILES, *SETTINGS], ids=lambda case: case.words
)
def test_check_finds_what_train_refuses(tmp_path, monkeypatch, capsys, case):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, case)
    data, options = [f"train.{case.ending}"], list(case.options)
    if options and not options[0].startswith("--"):
        data, options = options, []
    words = ["--hyperparameters", "h.json", "--auxiliary", ".", *options]
    train = ["train", "--train", *data, "--model-dir", "model", *words]
    assert main(train) == 2
    refusal = told(capsys)
    assert case.words in refusal
    assert main(["check", "--training", "--data", *data, *words]) == 2
    assert case.words in told(capsys)


def test_every_kind_of_fault_of_a_row_is_a_case():
    tree = ast.parse(inspect.getsource(values))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Finding"
    ]
    errors = {
        node.args[1].value
        for node in found
        if not any(word.arg == "severity" for word in node.keywords)
    }
    # Told from a broken file only if TensorFlow reads it; see the readers.
    assert {case.words for case in ROWS} == (errors | {*ADVICE}) - {
        "no such Example"
    }


def test_what_check_passes_is_trained(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, Case("", TEXTS, VECTORS, files={"v.txt": "dog 1 2 3 4\n"}))
    words = ["--hyperparameters", "h.json", "--training", "--auxiliary", "."]
    assert main(["check", "--data", "train.jsonl", *words]) == 0
    assert "8 rows read, 0 with errors" in told(capsys)


@pytest.mark.parametrize("training", [[], ["--training"]], ids=str)
def test_categories_are_checked_without_sizes(tmp_path, capsys, training):
    sizes = {n: v for n, v in SIZES.items() if not n.startswith("enc1")}
    for name in ("enc0_vocab_size", "enc0_max_seq_len"):
        sizes.pop(name)
    rows = [{**row, "in1": row["in0"]} for row in TEXTS]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "h.json").write_text(json.dumps(sizes | CATEGORY))
    words = ["check", "--data", str(tmp_path / "a.jsonl"), *training]
    assert main([*words, "--hyperparameters", str(tmp_path / "h.json")]) == 0
    assert "8 rows read, 0 with errors" in told(capsys)
