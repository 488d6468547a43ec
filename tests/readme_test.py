import json
import pathlib
import re

import numpy as np
import pytest

from tests.tuning.small_search import IGNORED

README = pathlib.Path(__file__).parents[1] / "README.md"


def python_blocks(heading):
    section = README.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """What the notebook example takes for granted."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name in ("train", "test"):
        with open(f"{name}.jsonl", "w") as file:
            for _ in range(6):
                record = {
                    "label": int(generator.integers(2)),
                    "in0": generator.integers(1, 900, 3).tolist(),
                    "in1": generator.integers(1, 900, 2).tolist(),
                }
                file.write(json.dumps(record) + "\n")
    hyperparameters = {
        "enc0_max_seq_len": "3",
        "enc0_vocab_size": "900",
        "enc0_token_embedding_dim": "4",
        "enc_dim": "8",
        "mlp_dim": "4",
    }
    pathlib.Path("hyperparameters.json").write_text(json.dumps(hyperparameters))
    return tmp_path


def test_the_notebook_example_runs_in_ten_lines(files):
    example, _ = python_blocks("In a notebook")
    statements = [line for line in example.splitlines() if line]
    assert len(statements) <= 12
    names = {}
    exec(example, names)
    assert names["vectors"].shape == (1, 8)
    assert (files / "served" / "1" / "saved_model.pb").is_file()


def test_the_notebook_example_of_texts_runs(files):
    ids, texts = python_blocks("In a notebook")
    (settings,) = re.findall(
        r"```json\n(.*?)```",
        README.read_text().split("## From a CSV file")[1].split("\n## ")[0],
        flags=re.DOTALL,
    )
    (files / "films.csv").write_text(
        "title,plot,relevant\nAlien,A crew in space.,1\nBambi,A war.,0\n"
    )
    names = {}
    exec(ids, names)
    names["text_config"] = names["Object2VecConfig"](**json.loads(settings))
    exec(texts, names)
    assert names["vectors"].shape == (1, 128)
    names["export_saved_model"](names["model"], "texts")


def test_every_hyperparameter_is_in_the_table():
    from o2v_keras import Object2VecConfig

    config = Object2VecConfig(enc0_max_seq_len=3, enc0_vocab_size=9)
    text = README.read_text()
    for name in config.to_dict():
        if not name.startswith("enc1_") or name == "enc1_network":
            assert f"| `{name}` |" in text, name


@pytest.mark.filterwarnings(IGNORED)
def test_the_example_of_tuning_runs(files, capsys):
    (files / "train.jsonl").rename(files / "validation.jsonl")
    (files / "test.jsonl").rename(files / "train.jsonl")
    (example,) = python_blocks("Tuning")
    exec(example.replace("max_trials=10", "max_trials=2"), {})
    assert "2 trials: 2 completed" in capsys.readouterr().out
