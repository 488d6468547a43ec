import json

import keras
import numpy as np
import pytest

from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.neighbors.neighbor_index import NeighborIndex
from o2v_keras.reports.card import write_card
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.training.ensemble import ensemble
from o2v_keras.training.fold_in import fold_in
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

HEAD = {
    "output_layer": "mean_squared_error",
    "comparator_list": "dot,hadamard",
    "mlp_layers": 0,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two trained models, and their ensemble."""
    folder = tmp_path_factory.mktemp("ensemble")
    for seed in (0, 1):
        train(
            make_config(**HEAD, epochs=1, seed=seed),
            make_source(40),
            model_dir=folder / f"m{seed}",
            verbose=0,
        )
    ensemble([folder / "m0", folder / "m1" / "model.keras"], folder / "both")
    return folder


def test_the_directory_holds_a_model_that_predicts_the_mean(folders):
    source = make_source(20, seed=1)
    made, *models = (
        load_model(folders / name) for name in ("both", "m0", "m1")
    )
    scores = predict_scores(made, source)
    expected = np.mean([predict_scores(m, source) for m in models], axis=0)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    stock = keras.models.load_model(folders / "both" / "model.keras")
    np.testing.assert_array_equal(predict_scores(stock, source), scores)
    error = np.mean((expected[:, 0] - source["label"]) ** 2)
    metrics = evaluate(made, source)["metrics"]
    assert metrics["mean_squared_error"] == pytest.approx(error, abs=1e-5)
    # Of a `.keras` file alone nothing is known.
    assert made.trained_ids is None and models[0].trained_ids is not None
    config = json.loads((folders / "both" / "config.json").read_text())
    assert (config["enc_dim"], config["mlp_layers"]) == (16, 0)
    assert config == made.config.to_dict()


def test_ids_trained_by_all_models_are_known(folders, tmp_path):
    made = ensemble([folders / "m0", folders / "m1"], tmp_path / "both")
    again = load_model(tmp_path / "both").trained_ids
    expected = load_model(folders / "m0").trained_ids
    for ids in (made.trained_ids, again):
        for side, known in expected.sides.items():
            np.testing.assert_array_equal(ids.sides[side], known)


def test_an_ensemble_embeds_and_has_an_index(folders):
    made = load_model(folders / "both")
    source = make_source(20)
    assert embed(made, "in1", source).shape == (20, 16)
    index = NeighborIndex.from_model(made, "in1", source, precision="int8")
    assert index.query_model(made, "in0", source, 3).rows.shape == (20, 3)


def test_the_card_names_the_models(folders, tmp_path):
    card = write_card(folders / "both", tmp_path / "card").read_text()
    assert "its scores are the mean of those of 2 models" in card
    for name in ("m0", "m1/model.keras"):
        assert f"- `{folders / name}` (sha256 of `model.keras`: `" in card
    assert "It is an ensemble" not in (
        write_card(folders / "m0", tmp_path / "card").read_text()
    )


@pytest.mark.slow
def test_models_of_texts_give_a_model_of_texts(tmp_path):
    words = ("a", "dog", "barks", "cat")
    for seed in (0, 1):
        tokenizer = WordTokenizer(Vocabulary(words))
        config = make_config(
            output_layer="in_batch_softmax",
            enc0_vocab_size=tokenizer.vocab_size,
            seed=seed,
        )
        model = Object2Vec(config)
        model.tokenizers = PairTokenizers(tokenizer, tokenizer)
        model.save(tmp_path / f"m{seed}.keras")
    files = [tmp_path / "m0.keras", tmp_path / "m1.keras"]
    ensemble(files, tmp_path / "both")
    made, *models = (load_model(f) for f in (tmp_path / "both", *files))
    texts = {"in0": ["a dog", "cat"], "in1": ["barks", "a cat"]}
    np.testing.assert_allclose(
        predict_scores(made, texts),
        np.mean([predict_scores(m, texts) for m in models], axis=0),
        atol=1e-5,
    )
    assert made.config.enc0_tokenizer == "words"
    assert (tmp_path / "both" / "tokenizers.keras").is_file()
    other = Object2Vec(models[0].config)
    tokenizer = WordTokenizer(Vocabulary(words[::-1]))
    other.tokenizers = PairTokenizers(tokenizer, tokenizer)
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="must have the same tokenizers"):
        ensemble([files[0], tmp_path / "other.keras"], tmp_path / "mixed")
    assert not (tmp_path / "mixed").exists()


def test_an_ensemble_folds_nothing_in(folders, tmp_path):
    new = {"in0": [[30]], "in1": [[3]], "label": [1]}
    with pytest.raises(ValueError, match="must have a token table of ours"):
        fold_in(folders / "both", new, model_dir=tmp_path / "new", verbose=0)


def test_a_model_is_replaced_only_on_request(folders, tmp_path):
    models = [folders / "m0", folders / "m1"]
    ensemble(models, tmp_path / "both")
    with pytest.raises(FileExistsError, match="already holds a model"):
        ensemble(models, tmp_path / "both")
    ensemble(models[::-1], tmp_path / "both", overwrite=True)
    members = json.loads((tmp_path / "both" / "ensemble.json").read_text())
    assert [m["path"] for m in members["models"]] == [*map(str, models[::-1])]
    with pytest.raises(ValueError, match="another folder than those of"):
        ensemble(models, folders / "m0", overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="`model_dir` must be a new or empty"):
        ensemble(models, tmp_path / "mine")
