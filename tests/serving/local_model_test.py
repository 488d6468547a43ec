import numpy as np
import pytest

from export.saved_model import write_saved_model
from export.serving_module import ServingModule
from o2v_keras import Object2Vec
from o2v_keras import Object2VecConfig
from serving.client import ServerError
from serving.local_model import LocalModel
from serving.local_model import version_directory


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Versions 1 (a tower), 2 (both signatures) and 10 (embeddings alone)."""
    base = tmp_path_factory.mktemp("base")
    model = Object2Vec(
        Object2VecConfig(
            enc0_network="pooled_embedding",
            enc0_max_seq_len=3,
            enc0_vocab_size=9,
            enc_dim=4,
            mlp_dim=4,
        )
    )
    for version, mode in (("1", "in0"), ("2", "both"), ("10", "embedding")):
        write_saved_model(ServingModule(model, mode), base / version)
    (base / "tmp-11").mkdir()
    return base


def test_the_highest_version_is_taken(base):
    assert version_directory(base) == base / "10"
    assert version_directory(base / "2") == base / "2"


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ValueError, match="is no SavedModel"):
        version_directory(tmp_path / "nothing")


def test_answers_keep_order_over_steps(base):
    rows = [[n % 8 + 1] * (1 + n % 3) for n in range(7)]
    whole = LocalModel(base / "2").predict(rows, rows)
    stepwise = LocalModel(base / "2", batch_size=2).predict(rows, rows)
    assert whole.shape == (7, 2)
    np.testing.assert_allclose(stepwise, whole, rtol=1e-5, atol=1e-6)


def test_a_refused_id_has_grpcs_code(base):
    with pytest.raises(ServerError, match="in1 holds id 9") as caught:
        LocalModel(base).embed(in1=[[9]])
    assert caught.value.code == "INVALID_ARGUMENT"


def test_a_missing_signature_says_how_to_export(base):
    with pytest.raises(ServerError, match="--mode both") as caught:
        LocalModel(base).predict([[1]], [[1]])
    assert caught.value.code == "FAILED_PRECONDITION"


def test_a_tower_embeds_its_side_and_names_what_it_lacks(base):
    tower, whole = LocalModel(base / "1"), LocalModel(base / "2")
    rows = [[1, 2], [3]]
    np.testing.assert_allclose(
        tower.embed(in0=rows), whole.embed(in0=rows), rtol=1e-5
    )
    message = "is the tower of in0 alone: it answers encoder_embeddings of in0"
    for ask in (
        lambda: tower.embed(in1=rows),
        lambda: tower.predict(rows, rows),
    ):
        with pytest.raises(ServerError, match=message) as caught:
            ask()
        assert caught.value.code == "FAILED_PRECONDITION"
