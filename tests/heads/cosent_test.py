import numpy as np
import pytest

from o2v_keras import encoders
from o2v_keras import heads
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.evaluation.evaluate import evaluate
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.models.object2vec import Object2Vec

rng = np.random.default_rng(0)
SOURCE = {
    "in0": rng.integers(1, 30, (32, 3)),
    "in1": rng.integers(1, 30, (32, 2)),
    "label": rng.integers(0, 6, 32),
}


@pytest.mark.slow
def test_learns_the_order_of_labels_by_the_cosine():
    encoder = encoders.PooledEmbedding(30, 3, 8)
    model = Object2Vec(
        encoder, encoder, head=heads.CoSENT(), learning_rate=0.02
    )
    before = evaluate(model, SOURCE)["correlation"]["spearman"]
    dataset = load_dataset(SOURCE, model.config)
    history = model.fit(dataset, epochs=60, shuffle=False, verbose=0).history
    assert set(history) == {"loss", "cosent"}
    assert history["loss"] == history["cosent"]
    found = evaluate(model, SOURCE)
    assert found["correlation"]["spearman"] > max(0.9, before)
    assert found["correlation"] == pytest.approx(found["cosine_correlation"])
    assert found["baselines"] == {}
    first, second = (encoder(SOURCE[name]) for name in ("in0", "in1"))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines = np.sum(first * second, axis=1) / lengths
    scores = predict_scores(model, SOURCE)
    np.testing.assert_allclose(scores[:, 0], cosines, rtol=1e-4, atol=1e-5)
