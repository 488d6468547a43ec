import csv
import json

import keras
import numpy as np
import pytest

from export import export_saved_model
from o2v_keras.__main__ import main
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import embed
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.training import channels
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from serving.local_model import LocalModel
from tests.training.small_training import make_config
from tests.training.small_training import read_history

COLUMNS = PairColumns("title", "plot", "relevant")
WORDS = {
    "enc0_tokenizer": "words",
    "enc0_vocab_size": 100,
    "enc0_max_seq_len": 20,
}


def write_films(file, rows):
    """Writes titles, plots and whether they belong together."""
    with open(file, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title", "plot", "relevant"])
        for row in rows:
            animal = ("dog", "cat", "cow")[row % 3]
            plot = f'The {animal}, {row} years old, says "hello".\nThe end.'
            writer.writerow([f"A {animal}", plot, row % 2])
    return file


@pytest.fixture
def films(tmp_path):
    return write_films(tmp_path / "films.csv", range(24))


def test_trains_on_the_texts_of_a_file(films, tmp_path, capsys):
    folder = tmp_path / "model"
    later = write_films(tmp_path / "later.csv", range(24, 30))
    last = write_films(tmp_path / "last.csv", range(30, 40))
    settings = {"model_dir": folder, "columns": COLUMNS}
    result = train(make_config(**WORDS), films, later, last, **settings)
    said = capsys.readouterr().out
    size = result.model.config.enc0_vocab_size
    assert f'in0 and in1: texts, by the tokenizer "words" of {size} ids' in said
    assert size == result.model.config.enc1_vocab_size < 100
    settings = json.loads((folder / "config.json").read_text())
    assert settings["enc0_vocab_size"] == size
    loaded = load_model(folder)
    metrics = evaluate(loaded, last, columns=COLUMNS)["metrics"]
    assert metrics["loss"] == pytest.approx(result.report["test"]["loss"])


def test_the_model_directory_takes_texts_as_the_export_does(films, tmp_path):
    folder = tmp_path / "model"
    train(make_config(**WORDS), films, model_dir=folder, columns=COLUMNS)
    model = load_model(folder)
    texts = ["a dog and a cat", "unknown nouns only", "Cow!"]
    embeddings = embed(model, "in0", {"in0": texts})
    version = export_saved_model(model, tmp_path / "served")
    served = LocalModel(version).embed(in0=texts)
    np.testing.assert_allclose(served, embeddings, rtol=0, atol=1e-6)


def test_resumes_with_the_words_it_began_with(films, tmp_path, monkeypatch):
    config = make_config(**WORDS, epochs=4)
    settings = {"columns": COLUMNS, "verbose": 0}
    whole = train(config, films, model_dir=tmp_path / "whole", **settings)
    folder = tmp_path / "parts"
    train(config.replace(epochs=2), films, model_dir=folder, **settings)
    monkeypatch.delattr(channels, "learn_tokenizers")
    parts = train(config, films, model_dir=folder, resume=True, **settings)
    assert read_history(folder) == read_history(tmp_path / "whole")
    for ours, expected in zip(
        parts.model.get_weights(), whole.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("epoch", [0, 1])
def test_resumes_after_a_kill_without_a_model(films, tmp_path, epoch):
    class Killed(keras.callbacks.Callback):
        def on_epoch_begin(self, number, logs=None):
            if number == epoch:
                raise KeyboardInterrupt

    config = make_config(**WORDS)
    folder, settings = tmp_path / "model", {"columns": COLUMNS, "verbose": 0}
    whole = train(config, films, model_dir=tmp_path / "whole", **settings)
    settings = {**settings, "model_dir": folder, "checkpoint_minutes": 0}
    with pytest.raises(KeyboardInterrupt):
        train(config, films, callbacks=[Killed()], **settings)
    assert not (folder / "model.keras").exists()
    words = PairTokenizers.load(folder).fingerprint()
    result = train(config, films, resume=True, **settings)
    assert result.model.tokenizers.fingerprint() == words
    assert read_history(folder) == read_history(tmp_path / "whole")
    for ours, expected in zip(
        result.model.get_weights(), whole.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, expected)


def test_an_initial_model_brings_its_words(films, tmp_path):
    config = make_config(**WORDS)
    settings = {"verbose": 0}
    first, second = tmp_path / "first", tmp_path / "second"
    train(config, films, model_dir=first, columns=COLUMNS, **settings)
    others = {"in0": ["a zebra", "a cat"], "in1": ["x", "y"], "label": [0, 1]}
    result = train(
        config, others, model_dir=second, initial_model=first, **settings
    )
    assert "zebra" not in result.model.tokenizers.in0.word_ids()
    assert "cat" in load_model(second).tokenizers.in0.word_ids()


def test_an_initial_model_keeps_to_its_vocabulary(films, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("[PAD]\n[UNK]\ndog\n")
    config = make_config(**WORDS)
    settings = {"columns": COLUMNS, "verbose": 0}
    train(config, films, model_dir=tmp_path / "first", **settings)
    with pytest.raises(ValueError, match="`enc0_vocab_file` must be empty or"):
        train(
            config.replace(enc0_vocab_file=str(words)),
            films,
            model_dir=tmp_path / "second",
            initial_model=tmp_path / "first",
            **settings,
        )


def test_a_keras_file_alone_takes_texts(films, tmp_path):
    folder = tmp_path / "model"
    train(make_config(**WORDS), films, model_dir=folder, columns=COLUMNS)
    alone = tmp_path / "alone.keras"
    (folder / "model.keras").rename(alone)
    model = keras.models.load_model(alone)
    assert model.tokenizers.in0 is model.tokenizers.in1
    expected = PairTokenizers.load(folder).fingerprint()
    assert model.tokenizers.fingerprint() == expected
    assert evaluate(model, films, columns=COLUMNS)["rows"] == 24


def test_says_what_the_vocabulary_does_not_know(films, tmp_path, capsys):
    other = tmp_path / "other.csv"
    other.write_text("title,plot,relevant\ndog zebra gnu yak,cat,1\n")
    settings = {"model_dir": tmp_path / "model", "columns": COLUMNS}
    train(make_config(**WORDS), films, other, **settings)
    said = capsys.readouterr().out
    assert "unknown words: train in0 0.0 %, train in1 0.0 %" in said
    assert "validation in0 75.0 %, validation in1 0.0 %" in said


def test_errors_of_a_vocabulary_name_the_side(films, tmp_path):
    with pytest.raises(ValueError, match='^enc0_tokenizer="words": `vocab_s'):
        train(
            make_config(**{**WORDS, "enc0_vocab_size": 2}),
            films,
            model_dir=tmp_path / "model",
            columns=COLUMNS,
        )


def test_one_side_may_be_text_and_the_other_ids(tmp_path):
    source = {
        "in0": [[3], [4], [5], [3]],
        "in1": ["a dog", "a cat", "a cow", "a dog"],
        "label": [1, 0, 1, 0],
    }
    own = {
        "enc1_network": "hcnn",
        "enc1_layers": 1,
        "enc1_max_seq_len": 4,
        "enc1_vocab_size": 50,
        "enc1_tokenizer": "words",
    }
    result = train(make_config(**own), source, model_dir=tmp_path / "model")
    assert result.model.config.enc0_vocab_size == 30
    assert result.model.config.enc1_vocab_size == 6


def test_streamed_texts_train_what_texts_in_memory_do(films, tmp_path):
    config = make_config(**WORDS)
    settings = {"columns": COLUMNS, "verbose": 0}
    kept = train(config, films, model_dir=tmp_path / "kept", **settings)
    streamed = train(
        config,
        films,
        model_dir=tmp_path / "streamed",
        stream_rows=100,
        **settings,
    )
    for ours, expected in zip(
        streamed.model.get_weights(), kept.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, expected)


def test_the_vocabulary_file_counts_from_the_auxiliary_folder(films, tmp_path):
    folder = tmp_path / "auxiliary"
    folder.mkdir()
    (folder / "words.json").write_text('{"dog": 2, "cat": 3}')
    result = train(
        make_config(**WORDS, enc0_vocab_file="words.json"),
        films,
        model_dir=tmp_path / "model",
        columns=COLUMNS,
        auxiliary=folder,
        verbose=0,
    )
    assert result.model.tokenizers.in0.word_ids() == {"dog": 2, "cat": 3}


def test_overwriting_takes_the_former_tokenizers_away(films, tmp_path):
    folder = tmp_path / "model"
    settings = {"model_dir": folder, "verbose": 0}
    train(make_config(**WORDS), films, columns=COLUMNS, **settings)
    ids = {"in0": [[1], [2]], "in1": [[1], [2]], "label": [0, 1]}
    train(make_config(), ids, overwrite=True, **settings)
    assert not (folder / "tokenizers.keras").exists()


def test_commands_take_columns(films, tmp_path, capsys):
    settings = make_config(**WORDS).to_dict()
    hyperparameters = tmp_path / "h.json"
    hyperparameters.write_text(json.dumps(settings))
    columns = ["--in0-column", "title", "--in1-column", "plot"]
    columns += ["--label-column", "relevant"]
    folder = str(tmp_path / "model")
    train_words = ["train", "--train", str(films), "--model-dir", folder]
    given = [*train_words, *columns, "--hyperparameters", str(hyperparameters)]
    assert main(given) in (None, 0)
    data = ["--model", folder, "--data", str(films)]
    assert main(["evaluate", *data, *columns]) in (None, 0)
    output = tmp_path / "vectors.npy"
    side = ["--side", "in1", "--output", str(output)]
    assert main(["embed", *data, *columns, *side]) in (None, 0)
    assert np.load(output).shape == (24, 8)
    capsys.readouterr()
    assert main(["evaluate", *data]) == 2
    assert 'films.csv: no column "in0"' in capsys.readouterr().err


def test_texts_without_a_tokenizer_are_an_error(films, tmp_path):
    with pytest.raises(DataError, match="enc0_tokenizer"):
        train(make_config(), films, model_dir=tmp_path / "m", columns=COLUMNS)


def test_texts_with_unknown_words_are_no_leaks(films, tmp_path):
    test = tmp_path / "test.csv"
    rows = "title,plot,relevant\nA zebra,The cat.,1\n"
    test.write_text(rows)
    source = {"title": ["A gnu", "A dog"], "plot": ["The cat."] * 2}
    source["relevant"] = [1, 0]
    settings = {"columns": COLUMNS, "verbose": 0}
    words = tmp_path / "words.txt"
    words.write_text("[PAD]\n[UNK]\na\ndog\nthe\ncat\n.\n")
    config = make_config(**WORDS, enc0_vocab_file=str(words), epochs=1)
    # Both are "a", an unknown word, and the same plot.
    train(config, source, None, test, model_dir=tmp_path / "1", **settings)
    test.write_text(rows.replace("zebra", "dog"))
    with pytest.raises(DataError, match="test: the same pair is in the train"):
        train(config, source, None, test, model_dir=tmp_path / "2", **settings)
