import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import load_model
from o2v_keras import rank
from o2v_keras.__main__ import main
from o2v_keras.training import train

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
        ".o2v.json",
        # Of the last checkpoint and of the one before it.
        "best_weights.0.zip",
        "best_weights.1.zip",
        "checkpoint.earlier.zip",
        "checkpoint.zip",
        "config.json",
        "history.csv",
        "hyperparameters.json",
        "logs",
        "metrics.json",
        "model.keras",
        "trained_ids.npz",
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


def test_evaluation_prints_baselines_of_the_training_data(
    model, folder, capsys
):
    command = ["evaluate", "--model", model, "--data", f"{folder}/test.jsonl"]
    training = ["--training", f"{folder}/train.jsonl"]
    assert main([*command, *training]) == 0
    captured = capsys.readouterr()
    heading, *lines = captured.err.splitlines()[-5:]
    assert heading.split()[:2] == ["model", "majority_class"]
    printed = json.loads(captured.out)["metrics"]
    cells = {line.split()[0]: line.split()[1] for line in lines}
    assert cells["accuracy"] == f"{printed['accuracy']:.4f}"
    assert main([*command, "--training", f"{folder}/test.jsonl"]) == 2
    assert "--allow-leaks" in capsys.readouterr().err
    allowed = ["--training", f"{folder}/test.jsonl", "--allow-leaks"]
    assert main([*command, *allowed]) == 0
    assert json.loads(capsys.readouterr().out)["leaked"] == 3


def test_evaluation_ranks_the_corpus(model, folder, capsys):
    command = ["evaluate", "--model", model, "--data", f"{folder}/test.jsonl"]
    options = [
        *("--ranking", "--training", f"{folder}/train.jsonl"),
        *("--score", "head", "--at", "1", "5", "--query", "in1"),
        *("--min-label", "0", "--keep-seen", "--filtered"),
    ]
    assert main([*command, *options]) == 0
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    expected = rank(
        load_model(model),
        f"{folder}/test.jsonl",
        training=f"{folder}/train.jsonl",
        score="head",
        at=[1, 5],
        query="in1",
        min_label=0,
        keep_seen=True,
        filtered=True,
    )
    assert printed["metrics"] == pytest.approx(expected["metrics"])
    assert printed["candidates"] == expected["candidates"]
    counts, *table = captured.err.splitlines()[-12:]
    assert counts.startswith("rows: 3, ")
    assert table[0].split() == ["model", "random", "popularity"]
    assert table[-1].split()[0] == "mean_rank"


def training_words(folder, target):
    words = "train --train {0}/train.jsonl --validation {0}/validation.jsonl"
    words += " --hyperparameters {0}/h.json --model-dir {1}"
    return words.format(folder, target).split()


def test_training_watches_a_metric(folder, tmp_path):
    run = training_words(folder, tmp_path / "m")
    assert main([*run, "--monitor", "validation:accuracy"]) == 0
    history = (tmp_path / "m" / "history.csv").read_text()
    assert "val_accuracy" in history.splitlines()[0]


def test_training_watches_a_ranking_as_evaluation_ranks(
    folder, tmp_path, capsys
):
    options = "--query in1 --score dot --min-label 1 --keep-seen".split()
    options += ["--corpus", f"{folder}/*.jsonl"]
    run = training_words(folder, tmp_path)
    assert main([*run, "--monitor", "val_mrr", *options]) == 0
    with open(tmp_path / "history.csv", newline="") as file:
        best = max(float(epoch["val_mrr"]) for epoch in csv.DictReader(file))
    capsys.readouterr()
    command = ["evaluate", "--model", str(tmp_path), "--ranking", *options]
    assert main([*command, "--data", f"{folder}/validation.jsonl"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    assert metrics["mrr"] == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ([], "`--monitor`, with a metric that ranks, must be given with"),
        (["--monitor", "val_loss"], "must be a ranking metric"),
    ],
    ids=["none", "loss"],
)
def test_options_of_a_ranking_need_a_metric_that_ranks(
    folder, tmp_path, capsys, monitor, message
):
    run = training_words(folder, tmp_path / "m")
    assert main([*run, *monitor, "--query", "in1"]) == 2
    assert message in capsys.readouterr().err


def test_evaluation_ranks_what_the_data_give(model, folder, capsys):
    path = folder / "given.jsonl"
    rows = [([1, 2], 1), ([3], 0), ([4], 0)]
    path.write_text(
        "\n".join(
            json.dumps({"in0": [5], "in1": in1, "label": label})
            for in1, label in rows
        )
    )
    command = ["evaluate", "--model", model, "--data", str(path), "--ranking"]
    options = ["--given-candidates", "--exclude-own", "--min-label", "1"]
    assert main([*command, *options]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["candidates"] == 3
    assert "rows: 1, distinct queries: 1 " in captured.err


def test_hyperparameters_are_set_by_words(folder, tmp_path, capsys):
    run = training_words(folder, tmp_path / "m")
    assert main([*run, "--set", "epochs=1", "--set", "enc_dim=6"]) == 0
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert (config["epochs"], config["enc_dim"], config["mlp_dim"]) == (1, 6, 4)
    capsys.readouterr()
    for words, message in (
        (["enc_dims=6"], "The nearest known one is `enc_dim`"),
        (["enc_dim=x"], "`enc_dim` must be an integer of at least 4"),
        (["enc_dim"], "`--set` must be NAME=VALUE. Received: enc_dim"),
        (["seed=1", "--set", "seed=2"], "must give seed only once"),
    ):
        assert main([*run, "--overwrite", "--set", *words]) == 2
        assert message in capsys.readouterr().err


def test_words_may_be_all_the_hyperparameters_there_are(folder, capsys):
    data = ["--data", f"{folder}/train.jsonl"]
    sizes = "enc0_max_seq_len=3 enc0_vocab_size=9 num_classes=2".split()
    words = [word for size in sizes for word in ("--set", size)]
    assert main(["check", *data, *words]) == 2
    assert "label" in capsys.readouterr().out
    assert (
        main(["tune", "--train", "x", "--validation", "x", "--directory", "d"])
        == 2
    )
    assert "`--hyperparameters` must be given" in capsys.readouterr().err


def test_without_hyperparameters_the_data_choose_them(tmp_path, capsys):
    path, model = tmp_path / "pairs.csv", tmp_path / "m"
    lines = [f"a dog {n},an animal {n},1" for n in range(60)]
    path.write_text("\n".join(["in0,in1,label", *lines]))
    run = ["train", "--train", str(path), "--model-dir", str(model)]
    small = ["--set", "enc_dim=8", "--set", "epochs=2"]
    assert main(["check", "--data", str(path)]) == 0
    assert "recipe retrieval: 60 rows" in capsys.readouterr().out
    assert main([*run, *small]) == 0
    printed = capsys.readouterr().out
    assert "recipe retrieval: 60 rows; in0: texts of" in printed
    assert "validation: 6 rows held out" in printed
    assert "tfidf_characters" in printed
    assert "Best epoch" in printed or "best epoch" in printed
    chosen = json.loads((model / "hyperparameters.json").read_text())
    assert (chosen["enc_dim"], chosen["enc0_tokenizer"]) == (8, "ngrams")
    given = ["--hyperparameters", str(model / "hyperparameters.json")]
    assert main([*run, *given, "--overwrite"]) == 0
    assert "recipe" not in capsys.readouterr().out
    assert main([*run, "--recipe", "ratings", "--overwrite"]) == 2
    assert "ratings needs labels that differ" in capsys.readouterr().err


def test_options_of_ranking_need_it(capsys):
    command = ["evaluate", "--model", "m", "--data", "d", "--keep-seen"]
    assert main(command) == 2
    assert "`--ranking` must be given with --keep-seen" in (
        capsys.readouterr().err
    )


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


def test_embeddings_go_to_vector_search(model, folder, capsys):
    data, output = folder / "films.jsonl", folder / "films.json"
    rows = [
        {"in1": [2, 3], "film": 7, "genre": ["Drama", "War"]},
        {"in1": [1], "film": "tt8", "genre": None},
    ]
    data.write_text("\n".join(map(json.dumps, rows)))
    command = ["embed", "--side", "in1", "--model", model, "--data", str(data)]
    command += ["--output", str(output), "--format", "vector-search"]
    ids = ["--id-column", "film", "--restrict-columns", "genre"]
    assert main([*command, *ids]) == 0
    first, second = map(json.loads, output.read_text().splitlines())
    assert [len(row.pop("embedding")) for row in (first, second)] == [4, 4]
    allow = ["Drama", "War"]
    restricts = [{"namespace": "genre", "allow": allow}]
    assert first == {"id": "7", "restricts": restricts}
    assert second == {"id": "tt8"}
    for wrong, message in (
        ([], "`--id-column` must be given with `--format vector-search`"),
        ([*ids, "--precision", "int8"], "`--precision` must be float32 with"),
        ([*ids, "--output", "x.jsonl"], "`--output` must end in .json. "),
    ):
        assert main([*command, *wrong]) == 2
        assert message in capsys.readouterr().err


def test_shards_are_data_like_any_other(model, folder, capsys):
    shards = str(folder / "shards")
    command = ["convert", "--input", f"{folder}/test.jsonl", "--output", shards]
    options = ["--shard-rows", "2", "--compression", "gzip"]
    assert main([*command, *options]) == 0
    assert f"2 shards: {shards}" in capsys.readouterr().out
    assert main([*command, *options]) == 0
    assert "holds this conversion already" in capsys.readouterr().out
    assert main(command) == 2
    assert "o2v convert: " in capsys.readouterr().err
    assert main(["check", "--data", shards]) == 0
    assert "3 rows read, 0 with errors" in capsys.readouterr().out
    printed = []
    for data in (shards, f"{folder}/test.jsonl"):
        assert main(["evaluate", "--model", model, "--data", data]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_blocks_are_asked_for(folder, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        train, "train", lambda *args, **settings: asked.update(settings)
    )
    command = ["train", "--train", "a.tfrecord", "--model-dir", "m"]
    blocks = ["--stream-rows", "500"]
    main([*command, "--hyperparameters", f"{folder}/h.json", *blocks])
    assert asked["stream_rows"] == 500


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


def check_texts(path, tmp_path, capsys, *columns):
    """Status and output of checking a file of texts without a vocabulary."""
    hyperparameters = {
        **HYPERPARAMETERS,
        "enc0_tokenizer": "words",
        "output_layer": "mean_squared_error",
    }
    (tmp_path / "h.json").write_text(json.dumps(hyperparameters))
    options = ("--in0-column", "--in1-column", "--label-column")
    status = main(
        [
            "check",
            *("--data", str(path)),
            *("--hyperparameters", str(tmp_path / "h.json")),
            *(w for pair in zip(options, columns, strict=True) for w in pair),
        ]
    )
    return status, capsys.readouterr().out


def test_check_looks_at_weights(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text('{"in0": [1], "in1": [2], "label": 1, "weight": 0}')
    command = ["check", "--data", str(path)]
    assert main(command) == 2
    assert "a.jsonl:1: this record and all" in capsys.readouterr().err
    assert main([*command, "--weight-column", ""]) == 0
    assert main([*command, "--weight-column", "importance"]) == 2
    assert "column importance" in capsys.readouterr().err


def test_check_reads_texts(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("a,b,score\nx,y,1\n ,y,2\nx,,3\nx,y,neutral\n,y,z\n")
    status, out = check_texts(path, tmp_path, capsys, "a", "b", "score")
    assert status == 2
    assert "5 rows read, 4 with errors" in out
    assert "a.csv:3: in0 is empty, or white space" in out
    assert "a.csv:4: in1 is empty, or white space" in out
    assert "a.csv:5: score='neutral'" in out
    assert "Labels must be numbers: a class as 0, 1, 2" in out
    assert "vocab_size" not in out


@pytest.mark.parametrize(
    ("name", "file", "columns", "summary"),
    [
        (
            "sick.tsv",
            "sick/SICK.txt",
            ("sentence_A", "sentence_B", "relatedness_score"),
            "9,840 rows read, 0 with errors",
        ),
        (
            "netflix.csv",
            "netflix-titles/netflix_titles.csv",
            ("description", "listed_in", "release_year"),
            "8,807 rows read, 0 with errors",
        ),
        (
            "netflix.csv",
            "netflix-titles/netflix_titles.csv",
            ("description", "director", "release_year"),
            "8,807 rows read, 2,634 with errors",
        ),
    ],
)
def test_check_reads_real_texts(tmp_path, capsys, name, file, columns, summary):
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        pytest.skip("needs the data in the folder that O2V_DATA_DIR names")
    (tmp_path / name).symlink_to(pathlib.Path(folder, file))
    status, out = check_texts(tmp_path / name, tmp_path, capsys, *columns)
    assert out.startswith(summary)
    assert status == (0 if " 0 with" in summary else 2)


def test_names_of_columns_must_be_in_the_first_line(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("A plane is taking off.,An air plane is taking off.,5.0\n")
    status, _ = check_texts(path, tmp_path, capsys, "a", "b", "score")
    assert status == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--model", "nowhere", "--data", "x"], "nowhere"),
        (["check", "--data", "nothing-*.jsonl"], "nothing-*.jsonl"),
        (
            ["index", "--model", "nowhere", "--data", "x", "--side", "in0"],
            "no such file at nowhere",
        ),
        (
            ["train", "--train", "x", "--hyperparameters", "no.json"]
            + ["--model-dir", "unused"],
            "no.json",
        ),
    ],
    ids=["no_model", "no_data", "no_model_to_index", "no_hyperparameters"],
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


def test_warnings_are_plain_lines(folder, model, capsys):
    long = folder / "long.jsonl"
    long.write_text('{"label": 1, "in0": [1, 2, 3, 4], "in1": [2]}\n')
    main(["evaluate", "--model", model, "--data", str(long)])
    error = capsys.readouterr().err
    assert "warning: in0: longer than max_seq_len (1 row)" in error


def test_a_warning_comes_once(folder, tmp_path, capsys):
    words = training_words(folder, tmp_path / "m")
    long = folder / "long.jsonl"
    long.write_text('{"label": 1, "in0": [1, 2, 3, 4], "in1": [2]}\n')
    words[words.index("--validation") + 1] = str(long)
    # Ranking reads the validation data as well.
    assert main([*words, "--monitor", "val_mrr", "--set", "epochs=1"]) == 0
    error = capsys.readouterr().err
    assert error.count("in0: longer than max_seq_len (1 row)") == 1


def test_outputs_are_checked_before_the_model_is_loaded(tmp_path, capsys):
    for output in ("scores.csv", "nowhere/scores.npy"):
        path = str(tmp_path / output)
        arguments = ["--model", "m", "--data", "d", "--output", path]
        assert main(["predict", *arguments]) == 2
        assert "`--output` must" in capsys.readouterr().err


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


def test_a_clone_that_is_not_installed_says_what_to_run(monkeypatch, capsys):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    assert main(["export", "--model", "m"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("o2v: no command export. This copy of o2v_keras is")
    assert error.endswith("run: pip install -e .\n")
    with pytest.raises(SystemExit):
        main(["check", "--help"])


@pytest.mark.parametrize("command", [[], ["export"], ["serve"], ["client"]])
def test_help_starts_at_once(command):
    # Of the clone, installed or not.
    code = (
        "import sys; from tests.command_line.commands import all_commands\n"
        f"try: all_commands().run([*{command}, '--help'])\n"
        "except SystemExit as error: status = error.code\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pyarrow', 'rich'}\n"
        "sys.exit(status or (heavy & {*sys.modules}) or 0)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=pathlib.Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_vocabulary_is_built_and_copied(tmp_path, capsys):
    texts, words = tmp_path / "texts.csv", tmp_path / "words.txt"
    texts.write_text("title,plot\na b,b c\nb,a\n")
    command = ["vocabulary", "--data", texts, "--columns", "title", "plot"]
    options = ["--min-count", "2", "--hash-buckets", "2", "--output", words]
    assert main([*map(str, command), *map(str, options)]) == 0
    assert capsys.readouterr().out == f"5 ids (vocab_size): {words}\n"
    assert words.read_text().split() == "[PAD] [UNK0] [UNK1] b a".split()
    copy = tmp_path / "words.json"
    command = ["vocabulary", "--vocabulary", words, "--output", copy]
    assert main([*map(str, command)]) == 0
    assert json.loads(copy.read_text()) == {"b": 3, "a": 4}


def test_a_vocabulary_with_a_word_as_padding_is_shifted(tmp_path, capsys):
    foreign, ours = tmp_path / "vocab.json", tmp_path / "ours.json"
    foreign.write_text('{"the": 0, "<unk>": 5}')
    command = ["vocabulary", "--vocabulary", str(foreign)]
    command += ["--output", str(ours)]
    assert main(command) == 2
    assert "id 0 is the word 'the'" in capsys.readouterr().err
    assert main([*command, "--shift-ids"]) == 0
    assert json.loads(ours.read_text()) == {"the": 2}


def test_hyperparameters_reach_folding_in(monkeypatch, capsys):
    given = {}
    monkeypatch.setattr(
        "o2v_keras.training.fold_in.fold_in",
        lambda *sources, **settings: given.update(settings),
    )
    command = "fold-in --model m --train a --model-dir n --epochs 3"
    words = ["--set", "learning_rate=0.5", "--set", "optimizer=sgd"]
    assert main([*command.split(), *words]) == 0
    assert given["hyperparameters"] == {
        "learning_rate": 0.5,
        "optimizer": "sgd",
        "epochs": 3,
    }
    monkeypatch.undo()
    assert main([*command.split(), "--set", "weight_decay=1"]) == 2
    assert "`weight_decay` must be left out" in capsys.readouterr().err


def test_flags_reach_training(folder, monkeypatch):
    given = {}

    def train(config, *sources, **arguments):
        given.update(arguments, dtype_policy=config["dtype_policy"])

    monkeypatch.setattr("o2v_keras.training.train.train", train)
    command = [
        "train",
        *("--train", f"{folder}/train.jsonl", "--model-dir", "elsewhere"),
        *("--hyperparameters", f"{folder}/h.json", "--stream-rows", "7"),
        *("--dtype-policy", "mixed_bfloat16", "--deterministic"),
        *("--steps-per-execution", "3", "--shard-by", "file"),
        *("--auxiliary", "vectors", "--allow-leaks"),
    ]
    assert main(command) == 0
    expected = {
        "dtype_policy": "mixed_bfloat16",
        "deterministic": True,
        "steps_per_execution": 3,
        "stream_rows": 7,
        "shard_by": "file",
        "auxiliary": "vectors",
        "allow_leaks": True,
    }
    assert expected.items() <= given.items()
