import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.models.object2vec import Object2Vec

IDS = np.ones((12, 2), "int64")
INPUTS, LABELS = {"in0": IDS, "in1": IDS}, np.zeros(12, "int64")
DATASET = tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(4)


def make_model(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 30,
        "enc_dim": 8,
        "mlp_layers": 0,
        "learning_rate": 0.5,
        "learning_rate_schedule": "cosine",
        "epochs": 4,
    }
    return Object2Vec(Object2VecConfig(**{**fields, **changes}))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"x": DATASET}, id="dataset"),
        pytest.param({"x": INPUTS, "y": LABELS, "batch_size": 4}, id="arrays"),
        pytest.param(
            {"x": DATASET.repeat(), "steps_per_epoch": 3}, id="endless_dataset"
        ),
    ],
)
@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
def test_a_cosine_falls_over_the_configured_epochs(data, storage):
    model = make_model(token_embedding_storage_type=storage)
    model.fit(**data, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.optimizer.learning_rate, 0.25, rtol=1e-5)
    # What is left of it comes in a later call.
    model.fit(**data, initial_epoch=2, epochs=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.optimizer.learning_rate, 0.0, atol=1e-6)


def test_it_survives_saving(tmp_path):
    model = make_model(warmup_steps=2)
    model.fit(DATASET, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    rates = [float(m.optimizer.learning_rate) for m in (model, revived)]
    assert rates[0] == rates[1] > 0


def test_warmup_alone_needs_no_number_of_steps():
    model = make_model(learning_rate_schedule="constant", warmup_steps=6)
    model.fit(DATASET, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(
        model.optimizer.learning_rate, 0.5 * 4 / 6, rtol=1e-5
    )


def test_data_of_unknown_length_need_a_number_of_steps():
    model = make_model()
    with pytest.raises(ValueError, match="`steps_per_epoch` must be given"):
        model.fit(DATASET.filter(lambda x, y: True), shuffle=False, verbose=0)
