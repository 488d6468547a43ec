"""Paths with special characters, for each command."""

import json

import pytest

from export.__main__ import main as export
from o2v_keras.__main__ import main
from tests.training.small_training import make_config
from tests.tuning.small_search import IGNORED

NAMES = ["runs [lr=0.1]", "100%d *? {a}", "näh 犬", "-dash"]
ALL = "-x [lr=0.1] *? 100%d {a} 犬"


@pytest.fixture(params=NAMES)
def run(request, tmp_path, monkeypatch):
    """Runs a command in whose words `@` is a folder of a special name."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / request.param
    folder.mkdir()
    # What a folder's name would mean as a glob.
    for other in ("runs l", "100%d xyz {a}", "-x l xyz 100%d {a} 犬"):
        (tmp_path / other).mkdir()
        (tmp_path / other / "a.jsonl").write_text("wrong file")
    rows = [
        {"in0": [n % 9 + 1], "in1": [n % 7 + 1], "label": n % 2}
        | {"name": f"film {n}", "kind": "ab"[n % 2], "text": f"a dog {n % 3}"}
        for n in range(64)
    ]
    text = "\n".join(map(json.dumps, rows))
    (folder / "a.jsonl").write_text(text)
    (folder / "-b [1].jsonl").write_text(text)
    values = make_config(epochs=1).to_dict()
    values["comparator_list"] = ",".join(values["comparator_list"])
    values = {n: str(v) for n, v in values.items() if v is not None}
    (folder / "h.json").write_text(json.dumps(values))

    def run(command, main=main):
        words = [
            word.replace("@", request.param).replace("~", " ")
            for word in command.split(" ")
        ]
        assert main(words) == 0, command

    run.folder = folder
    return run


def test_data_are_found_and_written(run, capsys):
    run("check --data @/a.jsonl --hyperparameters @/h.json")
    capsys.readouterr()
    run("check --data @/*.jsonl")
    assert "128 rows read, 0 with errors" in capsys.readouterr().out
    run("vocabulary --data @/a.jsonl --columns text --output @/v.txt")
    run("convert --input @/-b~[1].jsonl --output @/pairs --shard-rows 40")
    run("check --data @/pairs/*.tfrecord")
    assert "64 rows read, 0 with errors" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("run", [ALL], indirect=True)
@pytest.mark.filterwarnings(IGNORED)
def test_models_are_trained_and_used(run):
    data, model = "--data @/a.jsonl", "--model @/model"
    train = "--train @/a.jsonl --hyperparameters @/h.json"
    run(
        f"train {train} --validation @/*b*.jsonl --test @/a.jsonl"
        " --allow-leaks --model-dir @/model"
    )
    run(
        f"train {train} --model-dir @/more --initial-model @/model"
        " --stream-rows 32"
    )
    run(
        "fold-in --model @/model --train @/a.jsonl --model-dir @/new"
        " --first-new-in0 9"
    )
    run(
        f"tune {train} --validation @/a.jsonl --directory @/search"
        " --max-trials 1 --best-model-dir @/best"
    )
    run(f"evaluate {model} {data}")
    run(f"predict --model @/model/model.keras {data} --output @/s.npy")
    run(f"embed {model} {data} --side in0 --output @/e.parquet")
    run(f"index {model} {data} --side in0 --id-column name --output @/i")
    run(f"neighbors --index @/i {data} {model} --output @/n.jsonl")
    for output in ("map.html", "map.png", "projector"):
        run(f"map {model} {data} --side in0 --output @/{output}")
    run(f"card {model} {data} --output @/card")
    run(f"{model} --output @/exports", export)
    made = {path.name for path in run.folder.iterdir()}
    assert made >= {
        *("model", "more", "new", "search", "best", "exports", "i"),
        *("s.npy", "e.parquet", "n.jsonl", "map.html", "map.png", "card"),
    }
