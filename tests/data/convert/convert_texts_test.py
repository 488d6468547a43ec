import json
import pathlib

import pytest
import tensorflow as tf

from export.saved_model import export_saved_model
from o2v_keras.__main__ import main
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.convert.convert import convert
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.evaluation.inference import embed
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.training.model_directory import load_model
from tests.data.convert.convert_test import Killed
from tests.data.convert.convert_test import kill_at
from tests.data.texts import COLUMNS
from tests.data.texts import ROWS
from tests.data.texts import config
from tests.data.texts import write

TEXTS = {"columns": COLUMNS, "config": config(), "verbose": 0}


def all_contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
def test_shards_of_texts_hold_the_same_ids(tmp_path, ending):
    if ending == "tsv":
        text = "plot\tgenre\tliked\nA dog.\tdrama\t1\nA cat.\tcrime\t0\n"
        path = tmp_path / "a.tsv"
        path.write_text(text)
    else:
        path = write(tmp_path / f"a.{ending}")
    manifest = convert(path, tmp_path / "out", **TEXTS)
    tokenizers = learn_tokenizers(path, config(), COLUMNS, verbose=0)
    found = learn_tokenizers(tmp_path / "out", config(), verbose=0)
    assert found.fingerprint() == tokenizers.fingerprint()
    assert manifest["tokenizers"] == {
        side: tokenizer.fingerprint()
        for side, tokenizer in tokenizers.sides.items()
    }
    settings = tokenizers.configure(config())
    expected = load_pairs(
        path, settings, tokenizers=tokenizers, columns=COLUMNS
    )
    shards = tmp_path / "out"
    table = load_pairs(shards, settings, tokenizers=tokenizers)
    assert table.fingerprint() == expected.fingerprint()
    again = tmp_path / "again"
    convert(shards, again, config=config(), shard_rows=2, verbose=0)
    table = load_pairs(again, settings, tokenizers=tokenizers)
    assert table.fingerprint() == expected.fingerprint()
    stream = PairStream(shards, settings, 9999, tokenizers=tokenizers)
    assert stream.num_rows == len(expected)


def test_test_data_take_the_tokenizers_of_the_training(tmp_path):
    path = write(tmp_path / "a.csv")
    convert(path, tmp_path / "train", **TEXTS)
    other = write(tmp_path / "b.csv", ROWS[:2])
    taken = PairTokenizers.load(tmp_path / "train")
    convert(other, tmp_path / "test", tokenizers=taken, **TEXTS)
    convert(other, tmp_path / "own", **TEXTS)
    settings = taken.configure(config())
    assert len(load_pairs(tmp_path / "test", settings, tokenizers=taken)) == 2
    with pytest.raises(DataError, match="in0 were made by another tokenizer"):
        load_pairs(tmp_path / "own", settings, tokenizers=taken)


def test_one_side_takes_given_tokenizers(tmp_path):
    path = write(tmp_path / "a.csv")
    one_side = {"sides": ["in0"], "label": False}
    message = "`tokenizers` must be given for texts of one side"
    with pytest.raises(ValueError, match=message):
        convert(path, tmp_path / "out", **one_side, **TEXTS)
    tokenizers = learn_tokenizers(path, config(), COLUMNS, verbose=0)
    manifest = convert(
        path, tmp_path / "out", tokenizers=tokenizers, **one_side, **TEXTS
    )
    assert list(manifest["tokenizers"]) == ["in0"]
    with pytest.raises(ValueError, match="`config` must be given"):
        convert(path, tmp_path / "other", tokenizers=tokenizers)


def test_shards_without_tokenizers_are_no_texts(tmp_path):
    line = {"in0": [1], "in1": [1], "label": 1}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    convert(tmp_path / "a.jsonl", tmp_path / "out", verbose=0)
    message = "TFRecord files hold ids only, and no tokenizer is beside them"
    with pytest.raises(DataError, match=message):
        learn_tokenizers(tmp_path / "out", config())


@pytest.mark.filterwarnings("ignore:.*rows have errors")
def test_goes_on_from_any_moment_with_the_same_tokenizers(
    tmp_path, monkeypatch
):
    bad = {"plot": " ", "genre": "drama", "liked": 1}
    path = write(tmp_path / "a.csv", [*ROWS, bad])
    settings = {"shard_rows": 3, "skip_bad_rows": 0.5, **TEXTS}
    convert(path, tmp_path / "whole", **settings)
    expected = all_contents(tmp_path / "whole")
    # Keras writes the time of writing into it.
    assert expected.pop("_tokenizers.keras")
    tokenizers = PairTokenizers.load(tmp_path / "whole").fingerprint()
    rejected = json.loads(expected["_rejected_rows.jsonl"])
    assert rejected["record"] == " ,drama,1"
    for moment in range(1, 99):
        folder = tmp_path / f"killed{moment}"
        try:
            with monkeypatch.context() as patch:
                kill_at(patch, moment, ("rename", "remove", "copy"))
                convert(path, folder, **settings)
            break
        except Killed:
            pass
        convert(path, folder, **settings)
        contents = all_contents(folder)
        del contents["_tokenizers.keras"]
        assert contents == expected, moment
        assert PairTokenizers.load(folder).fingerprint() == tokenizers
    # Of job, tokenizers twice, 2 shards twice, side file, manifest, and one
    # removal.
    assert moment - 1 == 9


def test_other_hyperparameters_are_another_job(tmp_path):
    path = write(tmp_path / "a.csv")
    convert(path, tmp_path / "out", **TEXTS)
    convert(path, tmp_path / "out", **TEXTS)
    changed = TEXTS | {"config": config(enc0_min_count=2)}
    with pytest.raises(DataError, match="these differ: hyperparameters"):
        convert(path, tmp_path / "out", **changed)


def test_bad_texts_leave_nothing(tmp_path):
    bad = {"plot": " ", "genre": "drama", "liked": 1}
    path = write(tmp_path / "a.csv", [*ROWS, bad])
    with pytest.raises(DataError, match="text without a token"):
        convert(path, tmp_path / "out", **TEXTS)
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match='no column "plot"|"film"'):
        convert(
            path,
            tmp_path / "out",
            **TEXTS | {"columns": PairColumns("film", "genre", "liked")},
        )
    assert not (tmp_path / "out").exists()


def test_remote_shards_have_their_tokenizers(tmp_path):
    path = write(tmp_path / "a.csv")
    convert(path, "ram://texts/out", **TEXTS)
    found = learn_tokenizers("ram://texts/out", config(), verbose=0)
    settings = found.configure(config())
    assert len(load_pairs("ram://texts/out", settings, tokenizers=found)) == 5
    assert tf.io.gfile.exists("ram://texts/out/_tokenizers.keras")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*longer than max_seq_len")
def test_two_commands_train_on_converted_texts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "films.csv")
    values = config(epochs=1, mini_batch_size=2).to_dict()
    pathlib.Path("text.json").write_text(json.dumps(values))
    named = "--in0-column plot --in1-column genre --label-column liked"
    for command in (
        f"convert --input films.csv {named} --hyperparameters text.json "
        "--output shards",
        "check --data shards --hyperparameters text.json",
        "check --data shards --hyperparameters text.json --training",
        "train --train shards --hyperparameters text.json --model-dir model",
        "convert --input films.csv --side in0 --unlabelled --in0-column plot "
        "--hyperparameters text.json --tokenizers model "
        "--output plots",
    ):
        assert main(command.split()) == 0, capsys.readouterr().err
    model = load_model("model")
    texts = [row["plot"] for row in ROWS]
    assert (
        embed(model, "in0", {"in0": texts}) == embed(model, "in0", "plots")
    ).all()
    served = export_saved_model(model, "served")
    loaded = tf.saved_model.load(str(served))
    signature = loaded.signatures["serving_default"]
    (_, inputs) = signature.structured_input_signature
    assert inputs["in0"].dtype == tf.string
