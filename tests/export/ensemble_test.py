import numpy as np
import pytest

from export.saved_model import export_saved_model
from o2v_keras.models.ensemble import make_ensemble
from o2v_keras.models.object2vec import scores_of
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.served_model import ServedModel


@pytest.mark.parametrize(
    "head",
    [
        {"output_layer": "in_batch_softmax"},
        {"comparator_list": "hadamard,abs_diff", "mlp_layers": 0},
    ],
    ids=["in_batch_softmax", "softmax"],
)
def test_an_ensemble_is_served_with_both_signatures(head, tmp_path):
    tokenizer = word_tokenizer()
    models = [
        make_text_model({**head, "enc0_network": network}, tokenizer, tokenizer)
        for network in ("pooled_embedding", "hcnn")
    ]
    made = make_ensemble(models)
    served = ServedModel(export_saved_model(made, tmp_path))
    texts = [b"the dog barks", b"a cat"]
    ids = tokenizer(texts).to_tensor(0)
    answer = served("serving_default", in0=np.array(texts), in1=np.array(texts))
    np.testing.assert_allclose(
        answer,
        scores_of(made({"in0": ids, "in1": ids}, training=False)),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        served.embed("in1", np.array(texts)),
        made.encoder1(ids, training=False),
        atol=1e-5,
    )
