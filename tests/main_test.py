import json
import subprocess
import sys

import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras.__main__ import main

HYPERPARAMETERS = {
    "enc0_network": "pooled_embedding",
    "enc0_max_seq_len": "3",
    "enc0_vocab_size": "9",
    "enc_dim": "4",
    "mlp_dim": "4",
    "num_classes": "3",
    "epochs": "2",
    "mini_batch_size": "4",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("o2v")
    generator = np.random.default_rng(0)
    for name, rows in (("train", 12), ("validation", 5), ("test", 3)):
        records = (
            {
                "label": int(generator.integers(3)),
                "in0": generator.integers(1, 9, 2).tolist(),
                "in1": generator.integers(1, 9, 3).tolist(),
            }
            for _ in range(rows)
        )
        lines = [json.dumps(record) for record in records]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "h.json").write_text(json.dumps(HYPERPARAMETERS))
    return folder


@pytest.fixture(scope="module")
def model(folder):
    status = main(
        [
            "train",
            *("--train", f"{folder}/tr*.jsonl"),
            *("--validation", f"{folder}/validation.jsonl"),
            *("--test", f"{folder}/test.jsonl"),
            *("--hyperparameters", f"{folder}/h.json"),
            *("--model-dir", f"{folder}/model"),
        ]
    )
    assert status == 0
    return f"{folder}/model"


def test_train_leaves_a_model_directory(model, folder):
    names = {path.name for path in (folder / "model").iterdir()}
    assert names == {
        "best_weights.1.zip",
        "checkpoint.zip",
        "config.json",
        "history.csv",
        "logs",
        "metrics.json",
        "model.keras",
    }


def test_evaluate_prints_what_training_reported(model, folder, capsys):
    assert (
        main(["evaluate", "--model", model, "--data", f"{folder}/test.jsonl"])
        == 0
    )
    printed = json.loads(capsys.readouterr().out)
    report = json.loads((folder / "model" / "metrics.json").read_text())
    assert printed["metrics"] == pytest.approx(report["test"], rel=1e-5)
    assert printed["rows"] == 3


@pytest.mark.parametrize(
    ("command", "shape"),
    [(["predict"], (3, 3)), (["embed", "--side", "in1"], (3, 4))],
    ids=["predict", "embed"],
)
def test_vectors_are_written(model, folder, command, shape):
    output = folder / "vectors.npy"
    data = f"{folder}/test.jsonl"
    status = main(
        [*command, "--model", model, "--data", data, "--output", str(output)]
    )
    assert status == 0
    assert np.load(output).shape == shape


def test_check_proposes_sizes(folder, capsys):
    assert main(["check", "--data", f"{folder}/train.jsonl"]) == 0
    printed = capsys.readouterr().out
    assert "12 rows read, 0 with errors" in printed
    sizes = json.loads(printed[printed.index("{") :])
    assert sizes["num_classes"] == 3
    assert sizes["enc1_max_seq_len"] == 3
    Object2VecConfig.from_hyperparameters(sizes)


def test_check_proposes_one_size_for_copied_encoders(folder, capsys):
    hyperparameters = f"{folder}/h.json"
    data = f"{folder}/train.jsonl"
    main(["check", "--data", data, "--hyperparameters", hyperparameters])
    printed = capsys.readouterr().out
    sizes = json.loads(printed[printed.index("{") :])
    assert sizes["enc0_max_seq_len"] == 3
    assert "enc1_max_seq_len" not in sizes


def test_check_ends_with_status_2_on_errors(folder, capsys):
    path = folder / "bad.jsonl"
    path.write_text('{"label": 1, "in0": [1], "in1": [2]}\n{"label": 1}\n')
    assert main(["check", "--data", str(path)]) == 2
    assert f"{path}:2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--model", "nowhere", "--data", "x"], "nowhere"),
        (["check", "--data", "nothing-*.jsonl"], "nothing-*.jsonl"),
        (
            ["train", "--train", "x", "--hyperparameters", "no.json"]
            + ["--model-dir", "unused"],
            "no.json",
        ),
    ],
    ids=["no_model", "no_data", "no_hyperparameters"],
)
def test_a_users_error_is_a_sentence_and_status_2(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_warnings_are_plain_lines(folder, capsys):
    long = folder / "long.jsonl"
    long.write_text('{"label": 1, "in0": [1, 2, 3, 4], "in1": [2]}\n')
    main(["evaluate", "--model", f"{folder}/model", "--data", str(long)])
    error = capsys.readouterr().err
    assert "warning: in0: longer than max_seq_len (1 row)" in error


def test_outputs_are_checked_before_the_model_is_loaded(tmp_path, capsys):
    for output in ("scores.csv", "nowhere/scores.npy"):
        path = str(tmp_path / output)
        arguments = ["--model", "m", "--data", "d", "--output", path]
        assert main(["predict", *arguments]) == 2
        assert "`path` must" in capsys.readouterr().err


def test_a_module_of_the_users_is_imported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_parts.py").write_text("print('registered')")
    command = ["check", "--data", "nothing.jsonl", "--import"]
    assert main([*command, "my_parts"]) == 2
    assert "registered" in capsys.readouterr().out
    assert main([*command, "no_such_module"]) == 2
    assert "`--import` must name a module" in capsys.readouterr().err


def test_resume_and_overwrite_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--resume", "--overwrite"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_help_starts_without_tensorflow():
    code = (
        "import sys; from o2v_keras.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
