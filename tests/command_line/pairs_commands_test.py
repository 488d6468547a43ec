import inspect
import json
import re

import pytest

from o2v_keras import pairs
from o2v_keras.__main__ import main
from o2v_keras.command_line.pairs_commands import OPTIONS
from o2v_keras.config import Object2VecConfig
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from tests.command_line.commands import all_commands

NAMES = ("interactions", "baskets", "labels", "sequences", "split")
LOG = "user,item,stars\n" + "".join(
    f"u{n % 7},film {n % 11},{n % 5 + 1}\n" for n in range(60)
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text(LOG)
    return tmp_path


def o2v(words):
    return main(["pairs", *words.split()])


INTERACTIONS = (
    "interactions --input log.csv --user-column user --item-column item "
    "--output out"
)


@pytest.mark.parametrize("format_", ["jsonl", "parquet", "csv"])
def test_files_are_what_training_takes(folder, format_):
    words = f"--user-as items --split user --test 2 --format {format_}"
    assert o2v(f"{INTERACTIONS} {words}") == 0
    report = json.loads((folder / "out/_pairs.json").read_text())
    sizes = {"enc_dim": 4, "enc0_network": "pooled_embedding"}
    config = Object2VecConfig(
        **sizes, enc1_network="pooled_embedding", **report["hyperparameters"]
    )
    train = folder / f"out/train.{format_}"
    tokenizers = learn_tokenizers(train, config)
    config = tokenizers.configure(config)
    for part in ("train", "test"):
        file = folder / f"out/{part}.{format_}"
        table = load_pairs(file, config, tokenizers=tokenizers)
        assert report["counts"][f"{part} pairs"] == len(table)


def test_the_report_is_printed(capsys):
    assert o2v(INTERACTIONS) == 0
    assert capsys.readouterr().out == (
        "          60  rows read\n"
        "           7  users\n"
        "          11  items\n"
        "          60  train pairs\n"
        "hyperparameters of the data: enc0_tokenizer=category "
        "enc1_tokenizer=category\n"
        "train: out/train.jsonl\n"
    )


def test_earlier_pairs_are_replaced_and_nothing_else(folder, capsys):
    assert o2v(f"{INTERACTIONS} --split user") == 0
    assert o2v(f"{INTERACTIONS} --format csv") == 0
    assert sorted(file.name for file in (folder / "out").iterdir()) == [
        ".o2v.json",
        "_pairs.json",
        "train.csv",
    ]
    (folder / "out/notes.txt").write_text("mine")
    assert o2v(INTERACTIONS) == 2
    assert "which also holds notes.txt" in capsys.readouterr().err
    assert o2v(INTERACTIONS.replace("output out", "output log.csv")) == 2
    assert "--output log.csv" in capsys.readouterr().err.replace("'", "")
    assert o2v("split --input out/train.csv --output out") == 2
    assert "must be another folder than that" in capsys.readouterr().err
    assert (folder / "log.csv").read_text() == LOG


def test_a_failed_command_leaves_the_earlier_pairs(folder):
    assert o2v(INTERACTIONS) == 0
    before = (folder / "out/train.jsonl").read_text()
    assert o2v(f"{INTERACTIONS} --min-items 100") == 2
    assert (folder / "out/train.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--user-column who", 'no column "who". Columns by its first line'),
        ("--value-column item", "value: no number (60 rows)"),
        ("--positive-from 3", "`--value-column` must name the column that"),
        ("--split time", 'another one than "time" where `--time-column` names'),
        ("--earlier", "`--time-column` must name a column where `--earlier`"),
        ("--lines", "`--lines` must be left out where a column is named"),
        ("--test -1", "`--test` must be a share below 1"),
        ("--input u.data", "by `--separator` tab; if its first line is a row"),
        ("--separator tab", "say so by `--no-header`"),
    ],
)
def test_errors_name_options(folder, capsys, words, message):
    (folder / "u.data").write_text("1\t2\n")
    assert o2v(f"{INTERACTIONS} {words}") == 2
    assert message in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_other_commands(folder):
    (folder / "baskets.csv").write_text("tea,milk\ntea,milk,jam\n")
    assert o2v("baskets --input baskets.csv --lines --output b") == 0
    words = "labels --text-column item --label-columns user stars"
    assert o2v(f"{words} --input log.csv --output l --negatives 1") == 0
    words = "sequences --session-column user --item-column item --window 2"
    assert o2v(f"{words} --input log.csv --output s") == 0
    words = "--split group --group-column session"
    assert o2v(f"split --input s/train.jsonl --output p {words}") == 0
    for name in "blsp":
        assert (folder / name / "train.jsonl").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_options_are_the_arguments_of_the_functions(name):
    parameters = inspect.signature(getattr(pairs, name)).parameters
    actions = all_commands().parsers[f"pairs {name}"]._actions
    given = {action.dest: action for action in actions}
    named = {"source": "input", "columns": "in0_column"}
    for argument in parameters:
        if argument != "verbose":
            assert named.get(argument, argument) in given
            if argument in OPTIONS and argument != "source":
                assert given[argument].option_strings == [OPTIONS[argument]]
    for dest, action in given.items():
        stated = re.search(r"default: (\d[\d.]*)", action.help or "")
        if stated and dest != "skip_bad_rows":
            assert float(stated[1]) == parameters[dest].default, dest
