import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from o2v_keras.downstream.object2vec_transformer import Object2VecTransformer
from o2v_keras.evaluation.inference import embed
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

ROWS = [[1, 2], [3], [4, 5, 6], [7]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformer") / "model"
    train(make_config(), make_source(32), model_dir=folder, verbose=0)
    return folder


@pytest.fixture(scope="module")
def model():
    return Object2Vec(make_config())


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_mixin_order,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    ],
)
def test_scikit_learns_own_checks(check):
    check("Object2VecTransformer", Object2VecTransformer())


def test_rows_become_embeddings_of_the_side(model):
    expected = embed(model, "in1", {"in1": ROWS})
    transformer = Object2VecTransformer(model, side="in1", batch_size=3)
    np.testing.assert_allclose(transformer.transform(ROWS), expected, 1e-6)
    again = transformer.fit(ROWS).transform({"in1": ROWS})
    np.testing.assert_allclose(again, expected, rtol=1e-6)
    names = transformer.get_feature_names_out()
    assert len(names) == expected.shape[1]


def test_a_pipeline_learns_from_embeddings(folder):
    pipeline = make_pipeline(
        Object2VecTransformer(str(folder)), LogisticRegression(C=1e6)
    )
    classes = [0, 1, 0, 1]
    assert clone(pipeline).fit(ROWS, classes).score(ROWS, classes) == 1.0


def test_fit_trains_on_pairs(tmp_path):
    transformer = Object2VecTransformer(
        pairs=make_source(32),
        config=make_config(epochs=1),
        model_dir=tmp_path / "model",
    )
    with pytest.raises(NotFittedError, match="has no model yet"):
        transformer.transform(ROWS)
    vectors = transformer.fit(ROWS, [0, 1, 0, 1]).transform(ROWS)
    revived = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_allclose(revived.transform(ROWS), vectors, rtol=1e-6)
    fresh = clone(transformer)
    with pytest.raises(NotFittedError, match="has no model yet"):
        fresh.transform(ROWS)
    fresh.set_params(config=make_config(epochs=1, seed=5)).fit()
    with pytest.raises(ValueError, match="must hold the model that this"):
        pickle.loads(pickle.dumps(transformer)).transform(ROWS)


@pytest.fixture(scope="module")
def text_model():
    words = WordTokenizer(Vocabulary(["red", "blue", "green", "house"]))
    config = make_config(enc0_tokenizer="words", enc0_vocab_size=6)
    model = Object2Vec(config)
    # As training leaves it: Keras warns where a copy has slots and it none.
    model.optimizer.build(model.trainable_variables)
    model.tokenizers = PairTokenizers(words, words)
    return model


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given)), clone],
    ids=["deepcopy", "pickle", "clone"],
)
def test_a_copy_keeps_the_models_tokenizers(text_model, copied):
    texts = ["red house", "blue"]
    transformer = Object2VecTransformer(text_model)
    other = copied(transformer)
    assert other.model is not text_model
    tokenizers = other.model.tokenizers
    assert tokenizers.fingerprint() == text_model.tokenizers.fingerprint()
    assert tokenizers.in0 is tokenizers.in1
    np.testing.assert_array_equal(
        other.transform(texts), transformer.transform(texts)
    )


def test_texts_are_cross_validated(text_model):
    pipeline = make_pipeline(
        Object2VecTransformer(text_model), LogisticRegression(C=1e9)
    )
    texts, classes = ["red", "blue house"] * 4, [0, 1] * 4
    scores = cross_val_score(
        pipeline, texts, classes, cv=2, error_score="raise"
    )
    assert scores.tolist() == [1, 1]


def test_a_pickle_of_a_folder_is_small(folder):
    transformer = Object2VecTransformer(str(folder)).fit()
    text = pickle.dumps(transformer)
    assert len(text) < 1000
    np.testing.assert_allclose(
        pickle.loads(text).transform(ROWS),
        transformer.transform(ROWS),
        rtol=1e-6,
    )


def test_another_model_takes_effect_at_once(model, folder):
    transformer = Object2VecTransformer(model).fit()
    before = transformer.transform(ROWS)
    transformer.set_params(model=str(folder))
    assert np.abs(transformer.transform(ROWS) - before).max() > 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Received: -"),
        ({"pairs": "a.jsonl", "config": {}}, "Received: pairs, config"),
        ({"model": "m", "pairs": "a"}, "Received: model, pairs"),
        ({"model": "m", "side": "in2"}, '`side` must be "in0" or "in1"'),
    ],
)
def test_unusable_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Object2VecTransformer(**settings).fit()


def test_embeddings_that_are_no_numbers_are_refused():
    model = Object2Vec(make_config())
    table = model.token_embeddings[0].embeddings
    table.assign(np.full(table.shape, np.nan, "float32"))
    with pytest.raises(ValueError, match="must give finite embeddings"):
        Object2VecTransformer(model).transform(ROWS)
