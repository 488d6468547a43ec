import json

import numpy as np
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from tests.data.texts import COLUMNS
from tests.data.texts import ROWS
from tests.data.texts import config
from tests.data.texts import in_memory
from tests.data.texts import write


@pytest.fixture(scope="module")
def model():
    tokenizers = learn_tokenizers(in_memory(), config(), COLUMNS)
    model = Object2Vec(tokenizers.configure(config()))
    model.tokenizers = tokenizers
    return model


def ids(model):
    return load_pairs(
        in_memory(), model.config, tokenizers=model.tokenizers, columns=COLUMNS
    )


def test_texts_score_and_embed_as_their_ids(tmp_path, model):
    path = write(tmp_path / "a.csv")
    table = ids(model)
    scores = predict_scores(model, path, columns=COLUMNS)
    np.testing.assert_array_equal(scores, predict_scores(model, table))
    for side in ("in0", "in1"):
        vectors = embed(model, side, path, columns=COLUMNS)
        np.testing.assert_array_equal(vectors, embed(model, side, table))
    assert evaluate(model, path, columns=COLUMNS) == evaluate(model, table)


def test_embedding_needs_its_own_column_only(tmp_path, model):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"plot": row["plot"]}) + "\n" for row in ROWS]
    path.write_text("".join(lines))
    expected = embed(model, "in0", ids(model))
    for source in (path, {"plot": [row["plot"] for row in ROWS]}):
        vectors = embed(model, "in0", source, columns=COLUMNS)
        np.testing.assert_array_equal(vectors, expected)


def test_bad_texts_are_told_by_line(tmp_path, model):
    path = write(tmp_path / "a.csv", [*ROWS[:2], {**ROWS[0], "plot": ""}])
    with pytest.raises(DataError, match="a.csv:5: in0 is empty"):
        embed(model, "in0", path, columns=COLUMNS)


def test_missing_keys_are_told(model):
    with pytest.raises(ValueError, match="Missing: genre"):
        predict_scores(model, {"plot": ["a"]}, columns=COLUMNS)
