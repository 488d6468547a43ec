"""The pages' examples run, in the order of the page, as they are pasted.

A test lends files, and a server with a free port; never a name.
"""

import json
import os
import pathlib
import re
import shlex

import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras.__main__ import main
from o2v_keras.registry import COMPARATORS
from serving.local_server.local_server import LocalServer
from tests.command_line.commands import all_commands
from tests.tuning.small_search import IGNORED

README = pathlib.Path(__file__).parents[1] / "README.md"
ENCODERS = README.parent / "docs" / "encoders.md"
SIZES = {"enc0_max_seq_len": "3", "enc0_vocab_size": "900"}
RECORDS = {"train": 6, "validation": 2, "test": 2, "films": 10, "users": 2}


def blocks(*languages, page=README):
    """The texts between fences; the language may be empty."""
    fenced = re.findall(
        r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.M
    )
    return [text for language, text in fenced if language in languages]


def commands(program):
    """The lines of a program that hold nothing to fill in."""
    text = "\n".join(blocks("", "bash")).replace("\\\n", "")
    lines = re.findall(rf"^{program} .*$", text, re.M)
    return [line for line in lines if not re.search(r"\.\.\.|\[", line)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What the examples take for granted."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    titles = ["Star Wars (1977)", "Alien", "Bambi"]
    for name, rows in RECORDS.items():
        with open(f"{name}.jsonl", "w") as file:
            for row in range(rows):
                record = {
                    "label": row % 2,
                    # So few that training has seen those of all rows.
                    "in0": generator.integers(1, 9, 3).tolist(),
                    "in1": generator.integers(1, 6, 2).tolist(),
                    "title": titles[row % 3] if row < 3 else f"Film {row}",
                    "seen": titles[:1],
                }
                file.write(json.dumps(record) + "\n")
    sizes = SIZES | {
        "enc0_network": "pooled_embedding",
        "enc_dim": "8",
        "mlp_dim": "4",
        "epochs": "1",
    }
    pathlib.Path("hyperparameters.json").write_text(json.dumps(sizes))
    # As the section before says.
    pathlib.Path("text.json").write_text(blocks("json")[0])
    pathlib.Path("films.csv").write_text(
        "title,plot,relevant\nAlien,A crew in space.,1\nBambi,A war.,0\n"
    )
    return tmp_path


@pytest.fixture
def _comparators(monkeypatch):
    monkeypatch.setattr(COMPARATORS, "_builders", {**COMPARATORS._builders})


@pytest.mark.filterwarnings(IGNORED)
@pytest.mark.usefixtures("_comparators")
def test_examples_run_in_the_order_of_the_page(files, capsys):
    names, vectors, text_model = {}, [], None
    for example in blocks("python"):
        if "movielens_100k" in example and not _has_data("ml-100k"):
            continue
        example = example.replace("max_trials=10", "max_trials=2")
        if "localhost:8500" in example:
            _ask_a_server(example, text_model, names)
        else:
            exec(example, names)
        if "vectors = " in example:
            vectors.append(names["vectors"].shape)
        if "model.tokenizers = " in example:
            text_model = names["model"]
    assert vectors == [(1, 8), (1, 128), (2, 128)]
    assert (files / "served" / "1" / "saved_model.pb").is_file()
    assert names["scores"].shape == (1, 2)
    assert names["nearest"].ids.shape == (2, 10)
    assert (files / "ranked" / "metrics.json").is_file()
    assert "2 trials: 2 completed" in capsys.readouterr().out


def _ask_a_server(example, model, names):
    names["export_saved_model"](model, "wordnet")
    with LocalServer("wordnet", "wordnet") as server:
        address = f"localhost:{server.port}"
        exec(example.replace("localhost:8500", address), names)


def _has_data(name):
    return pathlib.Path(os.environ.get("O2V_DATA_DIR", ""), name).is_dir()


def test_an_encoder_of_ones_own_is_served(files, monkeypatch):
    definition, *examples, request = blocks("python", page=ENCODERS)
    lines = [line for line in definition.splitlines() if line]
    assert len(lines) <= 30
    # Where the commands find it, too.
    monkeypatch.syspath_prepend(files)
    pathlib.Path("my_encoders.py").write_text(definition)
    names = {}
    for example in examples:
        exec(example, names)
    assert pathlib.Path("weighted.keras").is_file()
    (hyperparameters,) = blocks("json", page=ENCODERS)
    pathlib.Path("hyperparameters.json").write_text(hyperparameters)
    commands = blocks("bash", page=ENCODERS)[0].splitlines()
    for command in commands[:-1]:
        assert main(shlex.split(command)[1:]) == 0, command
    arguments = all_commands().parse(shlex.split(commands[-1])[1:])
    with LocalServer(arguments.model_name, "served") as server:
        address = f"localhost:{server.port}"
        exec(request.replace("localhost:8500", address), names)
    assert names["vectors"].shape == (2, 8)


def test_the_first_example_is_short():
    lines = blocks("python")[0].splitlines()
    assert len([line for line in lines if line]) <= 12


def test_hyperparameters_are_accepted():
    examples = [json.loads(text) for text in blocks("json")]
    assert len(examples) >= 4
    for values in examples:
        Object2VecConfig.from_hyperparameters(SIZES | values)


@pytest.mark.parametrize("command", commands("o2v"))
def test_commands_are_accepted(command):
    words = shlex.split(command, comments=True)
    all_commands().parse(words[1:])


def test_pairs_are_made_of_logs(files):
    log = "user,film,stars\n" + "".join(
        f"{n % 5 + 1},{n % 7 + 1},{n % 5 + 1}\n" for n in range(40)
    )
    pathlib.Path("ratings.csv").write_text(log)
    lines = log.splitlines()[1:]
    pathlib.Path("u.data").write_text(
        "".join(line.replace(",", "\t") + "\n" for line in lines)
    )
    pathlib.Path("groceries.csv").write_text(
        "tea,milk\nmilk,jam,tea\nrice,jam\n"
    )
    pathlib.Path("titles.csv").write_text(
        "plot,genres\n"
        + "".join(f'Plot {n}.,"drama, genre {n % 4}"\n' for n in range(20))
    )
    pathlib.Path("visits.csv").write_text(
        "visitor,page,time\n"
        + "".join(f"v{n % 4},p{n % 9},2026-11-29\n" for n in range(40))
    )
    made = commands("o2v pairs")
    assert len(made) == 6
    for command in made:
        assert main(shlex.split(command)[1:]) == 0, command
    assert main(["check", "--data", "rated/train.jsonl"]) == 0


def test_every_hyperparameter_is_in_the_table():
    config = Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9)
    text = README.read_text()
    for name in config.to_dict():
        if not name.startswith("enc1_") or name == "enc1_network":
            assert f"| `{name}` |" in text, name


def test_links_lead_somewhere():
    text = README.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    anchors = {
        "#" + re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in headings
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if not target.startswith("http"):
            is_file = (README.parent / target.partition("#")[0]).exists()
            assert target in anchors if target[0] == "#" else is_file, target
