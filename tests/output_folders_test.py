"""No command removes, or writes over, what it did not write."""

import json

import pytest

from o2v_keras.__main__ import main as o2v
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.tuning.trials import search_folder
from serving.batch_inference.job import Job
from serving.batch_inference.run_job import run_job
from tests.serving.batch_inference.fake_model import FakeModel
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import write_records


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """What a training leaves, as far as commands read it."""
    directory = ModelDirectory(tmp_path_factory.mktemp("trained") / "model")
    model = Object2Vec(make_config())
    model.optimizer.build(model.trainable_variables)
    directory.make()
    directory.write_config(model.config)
    directory.write_model(model)
    directory.write_metrics({})
    return directory.path


@pytest.fixture
def inputs(tmp_path, model_dir):
    folder = tmp_path / "inputs"
    folder.mkdir()
    source = make_source(12)
    write_records(folder / "pairs.jsonl", source)
    config = make_config().to_dict()
    (folder / "h.json").write_text(json.dumps(config))
    return {
        "model": model_dir,
        "pairs": folder / "pairs.jsonl",
        "hyperparameters": folder / "h.json",
    }


def words(template, inputs, target):
    return [
        word.format(**inputs, target=target, parent=target.parent)
        for word in template.split()
    ]


def command(template):
    def run(inputs, target):
        return o2v(words(template, inputs, target))

    return run


def batch(**options):
    def run(inputs, target):
        options_ = {k: v.format(target=target) for k, v in options.items()}
        try:
            run_job(
                Job(inputs=(str(inputs["pairs"]),), **options_), FakeModel()
            )
        except ValueError as error:
            print(error)
            return 2
        return 0

    return run


TRAIN = "--train {pairs} --hyperparameters {hyperparameters}"
TUNE = f"tune {TRAIN} --validation {{pairs}} --max-trials 1"
# Command and the names that it writes in its folder: two of them are the
# user's here.
COMMANDS = {
    "train": (f"train {TRAIN} --model-dir {{target}}", "config.json logs/a"),
    "train_overwrite": (
        f"train {TRAIN} --model-dir {{target}} --overwrite",
        "config.json logs/a",
    ),
    "train_resume": (
        f"train {TRAIN} --model-dir {{target}} --resume",
        "history.csv logs/a",
    ),
    "fold_in": (
        "fold-in --model {model} --train {pairs} --model-dir {target} "
        "--overwrite",
        "metrics.json logs/a",
    ),
    "tune": (f"{TUNE} --directory {{target}}", "data.json trials.csv"),
    "tune_overwrite": (
        f"{TUNE} --directory {{target}} --overwrite",
        "trial_0/a trials.csv",
    ),
    "tune_best_model": (
        f"{TUNE} --directory {{parent}}/search --best-model-dir {{target}}",
        "config.json data/a",
    ),
    "tune_best_model_overwrite": (
        f"{TUNE} --directory {{parent}}/search --best-model-dir {{target}} "
        "--overwrite",
        "config.json data/a",
    ),
    "index": (
        "index --model {model} --side in0 --data {pairs} --output {target}",
        "vectors.npy ids.json",
    ),
    "convert": (
        "convert --input {pairs} --output {target}",
        "_job.txt pairs-mine.tfrecord",
    ),
    "card": ("card --model {model} --output {target}", "card.md a.md"),
    "map": (
        "map --model {model} --side in0 --data {pairs} --output {target}",
        "tensors.bytes train/events",
    ),
}
RUNS = {
    name: (command(text), files) for name, (text, files) in COMMANDS.items()
}
RUNS |= {
    "batch_folder": (
        batch(sagemaker_output="{target}"),
        "pairs.jsonl.out a",
    ),
    "batch_parts": (
        batch(output="{target}/o.jsonl"),
        "o.jsonl.parts/mine.part o.jsonl.parts/mine.bad",
    ),
}


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def put(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"mine: {name}")


@pytest.mark.parametrize("name", RUNS)
def test_folder_of_others_is_refused_by_name_and_left_alone(
    inputs, tmp_path, capsys, name
):
    run, files = RUNS[name]
    target = tmp_path / "mine"
    put(target, [*files.split(), "notes.txt"])
    # Beside it, names that writing it aside could take.
    put(tmp_path, ["mine.partial/a", ".mine.partial/a", "mine.tmp"])
    before = snapshot(tmp_path)
    assert run(inputs, target) == 2
    printed = "".join(capsys.readouterr())
    assert str(target) in printed
    assert files.split()[0].split("/")[0] in printed or "notes.txt" in printed
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["card", "map"])
def test_what_adds_files_to_a_folder_leaves_the_others(inputs, tmp_path, name):
    run, _ = RUNS[name]
    target = tmp_path / "mine"
    put(target, ["notes.txt", "train/events"])
    before = snapshot(target)
    assert run(inputs, target) == 0
    first = snapshot(target)
    assert run(inputs, target) == 0
    assert before.items() <= first.items()
    assert {*snapshot(target)} == {*first}


@pytest.mark.parametrize("best", [".", "search", "search/trial_0/model"])
def test_best_model_never_replaces_its_search(inputs, tmp_path, capsys, best):
    target = tmp_path / "project"
    run = command(
        f"{TUNE} --directory {{target}}/search --best-model-dir "
        f"{{target}}/{best} --overwrite"
    )
    assert run(inputs, target) == 2
    assert (
        "neither `--directory`, nor in it, nor above" in capsys.readouterr().err
    )
    assert snapshot(tmp_path / "project") == {}


def test_files_of_others_in_an_index_are_named(inputs, tmp_path, capsys):
    run, _ = RUNS["index"]
    target = tmp_path / "index"
    assert run(inputs, target) == 0
    put(target, ["notes.txt"])
    before = snapshot(target)
    assert run(inputs, target) == 2
    assert "which also holds notes.txt" in capsys.readouterr().err
    assert snapshot(target) == before
    (target / "notes.txt").unlink()
    assert run(inputs, target) == 0


def test_files_of_others_in_a_search_survive_its_replacement(tmp_path):
    ours = [
        "oracle.json",
        "search.json",
        "trials.png",
        "trial_0/trial.json",
        "trial_0/model/model.keras",
        "trial_0/model/logs/train/events.out.tfevents.1",
        "trial_0/events.out.tfevents.1",
        "trial_1/failure.txt",
    ]
    mine = ["notes.txt", "trials.md", "trial_0/model/mine.keras", "trial_x/a"]
    put(tmp_path, [*ours, *mine])
    search_folder(tmp_path).clear()
    assert sorted(snapshot(tmp_path)) == sorted(mine)
    assert not (tmp_path / "trial_1").exists()
