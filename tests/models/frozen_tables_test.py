import keras
import numpy as np
import pytest
import tensorflow as tf

from o2v_keras.config import Object2VecConfig
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.tokenizers.lookup_tokenizers import WordTokenizer
from o2v_keras.text.vocabulary import Vocabulary
from o2v_keras.training.distribute.strategy import make_strategy
from tests.graphs import lengths
from tests.graphs import optimized_nodes

rng = np.random.default_rng(0)
INPUTS = {
    "in0": rng.integers(1, 30, (16, 3)),
    "in1": rng.integers(1, 30, (16, 2)),
}
LABELS = rng.integers(0, 2, 16)


@pytest.fixture
def make_model(tmp_path):
    words = {f"w{id_}": id_ for id_ in range(2, 30)}
    vectors = rng.normal(size=(28, 8))
    lines = [
        f"{word} " + " ".join(f"{number:.6f}" for number in vector)
        for word, vector in zip(words, vectors, strict=True)
    ]
    (tmp_path / "v.txt").write_text("\n".join(lines[:20]))
    (tmp_path / "w.txt").write_text("\n".join(["", "[UNK]", *words]))

    def make(**changes):
        fields = {
            "enc0_network": "pooled_embedding",
            "enc0_max_seq_len": 3,
            "enc0_vocab_size": 30,
            "enc_dim": 8,
            "mlp_dim": 8,
            "learning_rate": 0.05,
            "enc0_pretrained_embedding_file": str(tmp_path / "v.txt"),
            "enc0_vocab_file": str(tmp_path / "w.txt"),
            "enc0_freeze_pretrained_embedding": False,
        }
        return Object2Vec(Object2VecConfig(**{**fields, **changes}))

    return make


def fit(model, **settings):
    data = tf.data.Dataset.from_tensor_slices((INPUTS, LABELS)).batch(4)
    model.fit(data, shuffle=False, verbose=0, **settings)


def tables_of(model):
    return [table.embeddings.numpy() for table in model.token_embeddings]


class Tables(keras.callbacks.Callback):
    """Notes the tables before the first epoch and after each one."""

    def on_train_begin(self, logs=None):
        self.seen = [tables_of(self.model)]

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(tables_of(self.model))

    @property
    def moved(self):
        """For each epoch, whether each table moved."""
        return [
            [not np.array_equal(*pair) for pair in zip(*both, strict=True)]
            for both in zip(self.seen, self.seen[1:], strict=False)
        ]


CASES = [
    ("adam", "dense", 1),
    ("adam", "row_sparse", 2),
    ("adagrad", "row_sparse", 1),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in (
            ("adam", "dense", 2),
            ("adam", "row_sparse", 1),
            ("adadelta", "dense", 1),
            ("rmsprop", "row_sparse", 1),
            ("sgd", "dense", 1),
        )
    ),
]


@pytest.mark.parametrize(("optimizer", "storage", "replicas"), CASES)
def test_tables_rest_to_the_bit_and_then_learn(
    make_model, optimizer, storage, replicas
):
    with make_strategy(replicas, 4).scope():
        model = make_model(
            enc0_freeze_epochs=2,
            optimizer=optimizer,
            token_embedding_storage_type=storage,
        )
    noted = Tables()
    mlp = model.get_layer("mlp").weights[0]
    before = mlp.numpy()
    fit(model, epochs=2, callbacks=noted)
    assert not np.array_equal(mlp.numpy(), before)
    assert noted.moved == [[False, False]] * 2
    fit(model, initial_epoch=2, epochs=3, callbacks=[noted])
    assert noted.moved == [[True, True]]


def test_sides_rest_for_epochs_of_their_own(make_model):
    files = make_model().config.to_dict()
    model = make_model(
        enc0_freeze_epochs=1,
        enc1_network="pooled_embedding",
        enc1_max_seq_len=3,
        enc1_vocab_size=30,
        enc1_pretrained_embedding_file=files["enc0_pretrained_embedding_file"],
        enc1_vocab_file=files["enc0_vocab_file"],
        enc1_freeze_pretrained_embedding=False,
        enc1_freeze_epochs=2,
    )
    noted = Tables()
    fit(model, epochs=3, callbacks=noted)
    assert noted.moved == [[False, False], [True, False], [True, True]]


@pytest.mark.parametrize("tied", [False, True])
def test_a_table_that_rested_is_trained_like_any_other(make_model, tied):
    tied = {"tied_token_embedding_weight": tied}
    rested = make_model(enc0_freeze_epochs=1, optimizer="sgd", **tied)
    plain = make_model(optimizer="sgd", **tied)
    fit(rested, epochs=1)
    # Without momentum nothing is left of the time before.
    plain.load_pretrained_vectors()
    for table, other in zip(
        plain.token_embeddings, rested.token_embeddings, strict=True
    ):
        np.testing.assert_array_equal(table.embeddings, other.embeddings)
    for weight in plain.get_layer("mlp").weights:
        path = weight.path
        (other,) = (w for w in rested.weights if w.path == path)
        weight.assign(other)
    for weight, other in zip(
        plain.get_layer("scores").weights,
        rested.get_layer("scores").weights,
        strict=True,
    ):
        weight.assign(other)
    fit(rested, initial_epoch=1, epochs=2)
    fit(plain, epochs=1)
    for table, other in zip(tables_of(plain), tables_of(rested), strict=True):
        np.testing.assert_array_equal(table, other)


def test_frozen_tables_have_neither_gradient_nor_slots(make_model):
    model = make_model(enc0_freeze_pretrained_embedding=True)
    noted = Tables()
    fit(model, epochs=1, callbacks=noted)
    assert noted.moved == [[False, False]]
    shapes = [tuple(v.shape) for v in model.optimizer.variables]
    assert (32, 8) in shapes
    assert (30, 8) not in shapes
    nodes = optimized_nodes(lambda: fit(make_model(), epochs=1))
    frozen = optimized_nodes(lambda: fit(model, epochs=1))
    names = ["SegmentMeanGrad", "ResourceScatter", "ScatterNd"]
    for step, expected in ((nodes, True), (frozen, False)):
        found = any(name in n.op for n in step for name in names)
        assert found == expected


@pytest.mark.slow
def test_a_resting_step_holds_no_tensor_of_table_size(make_model):
    model = make_model(
        enc0_vocab_size=977,
        enc0_freeze_epochs=1,
        token_embedding_storage_type="row_sparse",
    )
    model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda: model.train_step((INPUTS, LABELS)))
    assert 977 not in lengths(step.get_concrete_function().graph)
    nodes = optimized_nodes(lambda: fit(model, epochs=1))
    reads = [node.name for node in nodes if node.op == "ReadVariableOp"]
    # Those of the two gates.
    assert sum("token_embedding" in name for name in reads) == 2


def test_only_tables_that_rest_have_a_gate(make_model):
    assert not [w for w in make_model().weights if "gate" in w.path]
    gates = [
        weight
        for weight in make_model(enc0_freeze_epochs=1).weights
        if weight.path.endswith("/gate")
    ]
    assert len(gates) == 2
    assert not any(gate.trainable for gate in gates)


def test_words_of_a_text_side_are_those_of_its_tokenizer(make_model):
    tokenizer = WordTokenizer(Vocabulary(["w19", "w2"], hash_buckets=3))
    model = make_model(
        enc0_vocab_file="", enc0_tokenizer="words", enc0_vocab_size=6
    )
    model.tokenizers = PairTokenizers(tokenizer, tokenizer)
    expected = make_model()
    for each in (expected, model):
        each.load_pretrained_vectors()
    expected, _ = tables_of(expected)
    table, other = tables_of(model)
    np.testing.assert_array_equal(table[[4, 5]], expected[[19, 2]])
    np.testing.assert_array_equal(table[1:], other[1:])


@pytest.mark.parametrize("verbose", [0, 2])
def test_the_first_fit_loads_and_tells(make_model, capsys, verbose):
    model = make_model(enc0_freeze_pretrained_embedding=True)
    data = (INPUTS, LABELS)
    model.fit(*data, verbose=verbose)
    said = "enc0: 20 of 28 words (71.4 %) have a vector in v.txt"
    assert (said in capsys.readouterr().out) == bool(verbose)
    before = tables_of(model)
    assert abs(before[0]).max() > 1
    model.token_embeddings[0].embeddings.assign(np.ones((30, 8)))
    model.fit(*data, verbose=verbose)
    assert said not in capsys.readouterr().out
    assert (tables_of(model)[0] == 1).all()


@pytest.mark.slow
def test_weights_from_elsewhere_are_kept(make_model, tmp_path):
    changes = {"enc0_freeze_epochs": 1, "optimizer": "sgd"}
    model = make_model(**changes)
    fit(model, epochs=2)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "v.txt").unlink()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        loaded.predict(INPUTS, verbose=0), model.predict(INPUTS, verbose=0)
    )
    from_weights, set_weights = (make_model(**changes) for _ in range(2))
    from_weights.optimizer.build(from_weights.trainable_variables)
    from_weights.load_weights(tmp_path / "model.weights.h5")
    set_weights.set_weights(model.get_weights())
    for other in (loaded, from_weights, set_weights):
        # No file is left to read.
        fit(other, epochs=1)
        for table, kept in zip(tables_of(other), tables_of(model), strict=True):
            np.testing.assert_array_equal(table, kept)
    with pytest.raises(ValueError, match="no file .*v.txt"):
        fit(make_model(), epochs=1)
