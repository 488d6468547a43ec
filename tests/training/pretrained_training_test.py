import json
import shutil

import numpy as np
import pytest

from export import export_saved_model
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.training import train_model
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

FILES = {
    "enc0_pretrained_embedding_file": "v.txt",
    "enc0_vocab_file": "w.json",
}
THAW = {**FILES, "enc0_freeze_pretrained_embedding": False}


@pytest.fixture
def auxiliary(tmp_path):
    folder = tmp_path / "auxiliary"
    folder.mkdir()
    vectors = np.random.default_rng(0).normal(3, 1, (20, 8))
    lines = [f"w{i} " + " ".join(map(str, v)) for i, v in enumerate(vectors)]
    (folder / "v.txt").write_text("\n".join(lines))
    words = {f"w{id_ - 2}": id_ for id_ in range(2, 30)}
    (folder / "w.json").write_text(json.dumps(words))
    return folder


def tables_of(model):
    return [table.embeddings.numpy() for table in model.token_embeddings]


def assert_same_tables(model, other):
    for table, expected in zip(tables_of(model), tables_of(other), strict=True):
        np.testing.assert_array_equal(table, expected)


def test_trains_on_frozen_vectors_and_needs_the_files_no_more(
    auxiliary, tmp_path, capsys, monkeypatch
):
    # Of several workers all must have filled their tables alike.
    agreed = {}
    monkeypatch.setattr(
        train_model, "require_agreement", lambda *args: agreed.update(args[-1])
    )
    source, folder = make_source(24), tmp_path / "model"
    settings = {"model_dir": folder, "auxiliary": auxiliary}
    result = train(make_config(**FILES, epochs=1), source, **settings)
    said = capsys.readouterr().out
    assert len(agreed["vectors"]) == 2 and all(agreed["vectors"])
    for side in ("enc0", "enc1"):
        assert f"{side}: 20 of 28 words (71.4 %)" in said
    assert "advice" not in said
    first, second = tables_of(result.model)
    np.testing.assert_array_equal(first[1:], second[1:])
    assert 2 < first[1:].mean() < 4
    shutil.rmtree(auxiliary)

    assert_same_tables(load_model(folder), result.model)
    assert evaluate(load_model(folder), source)
    # One more epoch, and a new training from this one's weights.
    config = make_config(**FILES, epochs=2)
    resumed = train(config, source, resume=True, **settings, verbose=0)
    assert_same_tables(resumed.model, result.model)
    thawed = train(
        make_config(**THAW, enc0_freeze_epochs=1, epochs=1),
        source,
        initial_model=folder,
        model_dir=tmp_path / "thawed",
        verbose=0,
    )
    assert_same_tables(thawed.model, result.model)
    export_saved_model(thawed.model, tmp_path / "served")


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
def test_resumed_tables_rest_as_long(auxiliary, tmp_path, storage):
    source = make_source(24)
    config = make_config(
        **THAW,
        enc0_freeze_epochs=2,
        epochs=3,
        token_embedding_storage_type=storage,
    )
    settings = {"auxiliary": auxiliary, "verbose": 0}
    whole = train(config, source, model_dir=tmp_path / "whole", **settings)
    settings = {**settings, "model_dir": tmp_path / "parts"}
    first = train(config.replace(epochs=1), source, **settings)
    second = train(config.replace(epochs=2), source, resume=True, **settings)
    assert_same_tables(second.model, first.model)
    third = train(config, source, resume=True, **settings)
    assert_same_tables(third.model, whole.model)
    for table, before in zip(
        tables_of(third.model), tables_of(first.model), strict=True
    ):
        assert not np.array_equal(table, before)


def test_looks_for_files_before_it_reads_data(tmp_path):
    message = f"`enc0_pretrained_embedding_file` .* {tmp_path}/v.txt"
    with pytest.raises(ValueError, match=message):
        train(
            make_config(**FILES),
            "absent.jsonl",
            model_dir=tmp_path / "model",
            auxiliary=tmp_path,
        )
    assert not (tmp_path / "model").exists()
