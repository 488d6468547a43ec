import keras
import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import encoders
from o2v_keras import heads
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.models.graph import make_head
from o2v_keras.models.object2vec import Object2Vec

rng = np.random.default_rng(0)
TARGETS = rng.normal(size=(20, 6)).astype("float16")
SOURCE = {"in0": rng.integers(1, 30, (8, 3)), "label": rng.integers(0, 20, 8)}


@pytest.fixture(autouse=True)
def _target_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("targets.npy", TARGETS)


def make(head=None, **hyperparameters):
    encoder = encoders.PooledEmbedding(30, 3, 8)
    given = {"target_embedding_file": "targets.npy", **hyperparameters}
    return Object2Vec(encoder, head=head or heads.Embedding(), **given)


def test_the_model_has_one_encoder_and_one_input():
    model = make()
    assert model.encoder0 is model.encoder1
    assert model.config.shared_encoder
    vectors = model({"in0": SOURCE["in0"]})
    assert vectors.shape == (8, 6) and vectors.dtype == "float32"
    other = make(heads.Embedding(embedding_side="in1"))
    assert other({"in1": SOURCE["in0"]}).shape == (8, 6)
    # A table, and the projection.
    assert [w.shape for w in model.weights] == [(30, 8), (8, 6), (6,)]


def test_equal_widths_need_no_projection():
    np.save("targets.npy", np.zeros((4, 8), "float32"))
    model = make()
    assert [w.shape for w in model.weights] == [(30, 8)]
    np.testing.assert_array_equal(
        model({"in0": SOURCE["in0"]}), model.encoder0(SOURCE["in0"])
    )


def test_labels_become_the_vectors_that_they_name():
    config = make().config
    batch, *_ = load_dataset(SOURCE, config, training=False)
    inputs, targets = batch
    assert list(inputs) == ["in0"]
    np.testing.assert_array_equal(inputs["in0"], SOURCE["in0"])
    np.testing.assert_array_equal(targets, TARGETS[SOURCE["label"]])


def test_a_saved_model_needs_no_vectors(tmp_path):
    head = heads.Embedding("in1", "mean_squared_error", 0.5)
    assert make_head(make(head).config) == head
    model = make()
    (tmp_path / "targets.npy").unlink()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.config == model.config
    assert loaded.head == model.head
    assert loaded.config.target_embedding_dim == 6
    expected = model.predict({"in0": SOURCE["in0"]}, verbose=0)
    np.testing.assert_array_equal(
        loaded.predict({"in0": SOURCE["in0"]}, verbose=0), expected
    )


def test_learns_the_vectors():
    model = make(learning_rate=0.05, mini_batch_size=4)
    dataset = load_dataset(SOURCE, model.config)
    history = model.fit(dataset, epochs=60, shuffle=False, verbose=0).history
    assert set(history) == {"loss", "embedding", "cosine_similarity"}
    assert history["cosine_similarity"][-1] > 0.9
    assert history["loss"] == history["embedding"]


def test_vectors_of_ones_own_can_be_given_to_fit():
    model = Object2Vec(
        encoders.PooledEmbedding(30, 3, 8),
        head=heads.Embedding(),
        target_embedding_dim=6,
    )
    targets = TARGETS[SOURCE["label"]].astype("float32")
    results = model.evaluate(
        {"in0": SOURCE["in0"]}, targets, return_dict=True, verbose=0
    )
    vectors = model({"in0": SOURCE["in0"]})
    cosines = -keras.losses.cosine_similarity(targets, vectors)
    assert results["cosine_similarity"] == pytest.approx(
        float(np.mean(cosines)), rel=1e-5
    )


def test_two_encoders_are_refused():
    pair = (encoders.PooledEmbedding(30, 3, 8) for _ in range(2))
    with pytest.raises(ValueError, match="`encoder1` must be left out"):
        Object2Vec(*pair, head=heads.Embedding(), target_embedding_dim=6)


@pytest.mark.parametrize("dim", [6, 8])
def test_vectors_stay_float32_under_mixed_precision(dim):
    config = Object2VecConfig(
        enc0_network="pooled_embedding",
        enc0_max_seq_len=3,
        enc0_vocab_size=30,
        enc_dim=8,
        output_layer="embedding",
        target_embedding_dim=dim,
        dtype_policy="mixed_bfloat16",
    )
    vectors = Object2Vec(config)({"in0": SOURCE["in0"]})
    assert vectors.shape == (8, dim) and vectors.dtype == "float32"
