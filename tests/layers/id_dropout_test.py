import keras
import numpy as np
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from o2v_keras.layers.id_dropout import IdDropout


def test_exchanges_the_first_token_of_the_share_of_rows():
    ids = np.tile([[0, 5, 6, 5]], (4000, 1))
    dropped = np.asarray(IdDropout(0.3, 9, seed=1)(ids, training=True))
    assert 0.27 < np.mean(dropped[:, 1] == 9) < 0.33
    np.testing.assert_array_equal(dropped[:, [0, 2, 3]], ids[:, [0, 2, 3]])
    assert set(dropped[:, 1]) == {5, 9}


@pytest.mark.parametrize("training", [False, None])
def test_is_idle_outside_training(training):
    ids = np.array([[5, 6], [0, 0]])
    actual = IdDropout(1.0, 9)(ids, training=training)
    np.testing.assert_array_equal(actual, ids)


def test_is_rebuilt_by_its_configuration():
    layer = IdDropout(0.5, 9, seed=3)
    revived = IdDropout.from_config(layer.get_config())
    ids = np.arange(1, 41).reshape(20, 2)
    np.testing.assert_array_equal(
        layer(ids, training=True), revived(ids, training=True)
    )


def test_bad_arguments():
    with pytest.raises(ValueError, match="`rate` must be"):
        IdDropout(1.5, 9)
    with pytest.raises(ValueError, match="`unknown_id` must be"):
        IdDropout(0.5, 0)


def test_a_model_learns_its_unknown_id():
    config = Object2VecConfig(
        enc0_network="pooled_embedding",
        enc0_max_seq_len=1,
        enc0_vocab_size=12,
        enc0_id_dropout=0.5,
        enc0_unknown_id=11,
        enc1_network="pooled_embedding",
        enc1_max_seq_len=1,
        enc1_vocab_size=12,
        enc_dim=4,
        learning_rate=0.05,
    )
    model = Object2Vec(config)
    before = keras.ops.convert_to_numpy(model.token_embeddings[0].embeddings)
    ids = np.arange(1, 9)[:, None]
    model.fit(
        {"in0": ids, "in1": ids}, np.ones(8), epochs=3, shuffle=False, verbose=0
    )
    after = keras.ops.convert_to_numpy(model.token_embeddings[0].embeddings)
    moved = np.any(before != after, axis=1)
    assert moved[11]
    assert not moved[[0, 9, 10]].any()
