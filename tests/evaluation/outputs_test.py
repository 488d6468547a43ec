import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.text.learn_tokenizers import learn_tokenizers
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.evaluation.outputs import write_vectors
from o2v_keras.models.object2vec import Object2Vec
from tests.data.texts import COLUMNS
from tests.data.texts import ROWS
from tests.data.texts import config
from tests.data.texts import in_memory
from tests.data.texts import write

VECTORS = np.array([[0.5, 1.5, -2.0], [0.1, 0.2, 0.3]], np.float32)


def read(path):
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".parquet":
        return np.array(pq.read_table(path)["embeddings"].to_pylist())
    lines = path.read_text().splitlines()
    return np.array([json.loads(line)["embeddings"] for line in lines])


@pytest.mark.parametrize("ending", ["npy", "parquet", "jsonl"])
def test_reads_back_equal_and_alone(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    write_vectors(path, VECTORS, "embeddings")
    np.testing.assert_array_equal(read(path).astype(np.float32), VECTORS)
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="must end in .npy, .parquet, .jsonl"):
        write_vectors(tmp_path / "out.csv", VECTORS, "embeddings")


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
