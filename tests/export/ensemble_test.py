import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.models.ensemble import make_ensemble
from o2v_keras.models.trainable_model import scores_of
from tests.export.exports import make_text_model
from tests.export.exports import word_tokenizer
from tests.export.exports import write_export


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
    served = write_export(made, tmp_path / "export").served
    texts = np.array([b"the dog barks", b"a cat"], object)
    ids = tokenizer.tokenize(tf.constant(texts)).to_tensor(0)
    answer = served("serving_default", in0=texts, in1=texts)
    np.testing.assert_allclose(
        answer,
        scores_of(made({"in0": ids, "in1": ids}, training=False)),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        served.embed("in1", texts),
        made.encoder1(ids, training=False),
        atol=1e-5,
    )
