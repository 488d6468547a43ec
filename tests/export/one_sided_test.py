"""Exports of models that learn vectors of one side."""

import numpy as np
import pytest

from export.acceptance import read_signatures
from export.saved_model import export_saved_model
from tests.export.exports import make_model
from tests.export.served_model import ServedModel

HEAD = {
    "enc0_network": "pooled_embedding",
    "output_layer": "embedding",
    "target_embedding_dim": 5,
}


@pytest.mark.slow
def test_embeddings_are_served_without_the_projection(tmp_path):
    model = make_model(HEAD)
    folder = export_saved_model(model, tmp_path, mode="embedding")
    assert set(read_signatures(folder)) == {"encoder_embeddings"}
    served, ids = ServedModel(folder), np.array([[1, 2, 3]])
    for side in ("in0", "in1"):
        found = served.embed(side, ids)
        assert found.shape == (1, 8)
        np.testing.assert_allclose(found, model.encoder0(ids), rtol=1e-5)


def test_a_tower_of_a_model_that_scores_no_pairs_is_served(tmp_path):
    model = make_model(HEAD)
    served = ServedModel(export_saved_model(model, tmp_path, mode="in1"))
    ids = np.array([[1, 2, 3]])
    found = served("serving_default", in1=ids)
    np.testing.assert_allclose(found, model.encoder1(ids), rtol=1e-5)


@pytest.mark.parametrize("mode", ["both", "classification"])
def test_scores_of_pairs_are_refused(mode, tmp_path):
    with pytest.raises(ValueError, match="`model` must score pairs.*--mode em"):
        export_saved_model(make_model(HEAD), tmp_path, mode=mode)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_score_of_cosent_is_served(tmp_path):
    model = make_model(
        {**HEAD, "output_layer": "cosent"} | {"target_embedding_dim": None}
    )
    served = ServedModel(export_saved_model(model, tmp_path))
    in0, in1 = np.array([[1, 2, 3]]), np.array([[4, 5]])
    vectors = [served.embed(s, i)[0] for s, i in (("in0", in0), ("in1", in1))]
    cosine = vectors[0] @ vectors[1] / np.prod(np.linalg.norm(vectors, axis=1))
    np.testing.assert_allclose(
        served("serving_default", in0=in0, in1=in1), [[cosine]], rtol=1e-4
    )


@pytest.mark.slow
def test_a_tower_that_takes_anothers_place_is_warned_of(tmp_path):
    model = make_model({"enc0_network": "pooled_embedding"})
    export_saved_model(model, tmp_path, mode="in1")
    with pytest.warns(UserWarning, match="version 1 beside it of mode in1"):
        export_saved_model(model, tmp_path, mode="in0")
    # Of the same mode it is a new version like any other.
    export_saved_model(model, tmp_path, mode="in0")
