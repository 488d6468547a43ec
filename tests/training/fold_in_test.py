import keras
import numpy as np
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.fold_in import fold_in
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

NEW = {
    "in0": [[30], [31], [31], [4]],
    "in1": [[3], [4, 5], [6], [7]],
    "label": [1, 0, 1, 1],
}


@pytest.fixture
def model_dir(tmp_path):
    train(make_config(), make_source(40), model_dir=tmp_path / "old", verbose=0)
    return tmp_path / "old"


def tables_of(model):
    return [table.embeddings.numpy() for table in model.token_embeddings]


@pytest.mark.parametrize(
    ("optimizer", "storage", "tied"),
    [
        ("adam", "row_sparse", True),
        pytest.param("adam", "dense", False, marks=pytest.mark.slow),
        pytest.param("adam", "dense", True, marks=pytest.mark.slow),
        pytest.param("adam", "row_sparse", False, marks=pytest.mark.slow),
        pytest.param("sgd", "dense", False, marks=pytest.mark.slow),
        pytest.param("sgd", "row_sparse", True, marks=pytest.mark.slow),
    ],
)
def test_only_new_ids_learn(tmp_path, optimizer, storage, tied):
    config = make_config(
        optimizer=optimizer,
        token_embedding_storage_type=storage,
        tied_token_embedding_weight=tied,
        token_embedding_l2=0.1,
        weight_decay=0.1,
    )
    train(config, make_source(40), model_dir=tmp_path / "old", verbose=0)
    before = load_model(tmp_path / "old")
    fold_in(tmp_path / "old", NEW, model_dir=tmp_path / "new", verbose=0)
    after = load_model(tmp_path / "new")
    for old, new in zip(tables_of(before), tables_of(after), strict=True):
        np.testing.assert_array_equal(old, new[:30])
    start = tables_of(before)[0][1:].mean(axis=0)
    assert (tables_of(after)[0][30:] != start).any(axis=1).all()
    size = before.token_embeddings[0].embeddings.shape[0] + 2
    assert after.config.enc0_vocab_size == size
    inputs = {n: np.arange(1, 30)[:, None] for n in ("in0", "in1")}
    np.testing.assert_array_equal(
        before.predict(inputs, verbose=0), after.predict(inputs, verbose=0)
    )


@pytest.mark.slow
def test_known_rows_of_gaussian_tables_keep_means_variances_and_weights(
    tmp_path,
):
    config = make_config(token_embedding_kl=0.1, token_weighting="sif")
    train(config, make_source(40), model_dir=tmp_path / "old", verbose=0)
    fold_in(tmp_path / "old", NEW, model_dir=tmp_path / "new", verbose=0)
    before, after = (load_model(tmp_path / name) for name in ("old", "new"))
    for old, new in zip(
        before.token_embeddings, after.token_embeddings, strict=True
    ):
        first, second = (
            table.log_variances.embeddings.numpy() for table in (old, new)
        )
        np.testing.assert_array_equal(first, second[: len(first)])
        assert (second[len(first) :] != first[1:].mean(axis=0)).any()
    ids = np.arange(1, 30)[:, None]
    np.testing.assert_array_equal(before.encoder0(ids), after.encoder0(ids))


def test_a_new_id_begins_as_the_unknown_one(tmp_path):
    config = make_config(enc0_id_dropout=0.5, enc0_unknown_id=29)
    train(config, make_source(40), model_dir=tmp_path / "old", verbose=0)
    fold_in(
        tmp_path / "old",
        NEW,
        model_dir=tmp_path / "new",
        hyperparameters={"epochs": 1, "learning_rate": 1e-6},
        verbose=0,
    )
    table = tables_of(load_model(tmp_path / "new"))[0]
    np.testing.assert_allclose(table[30:], table[[29, 29]], atol=1e-5)


def test_new_categories_come_after_the_known_ones(tmp_path):
    names = np.array(["anna", "bert", "carl"])
    source = {
        "who": names[[0, 1, 2, 0]],
        "in1": [[1], [2], [3], [4]],
        "label": [0, 1, 1, 0],
    }
    columns = PairColumns(in0="who")
    config = make_config(
        enc0_tokenizer="category",
        enc0_max_seq_len=1,
        enc1_network="pooled_embedding",
        enc1_max_seq_len=1,
        enc1_vocab_size=9,
    )
    settings = {"columns": columns, "verbose": 0}
    train(config, source, model_dir=tmp_path / "old", **settings)
    new = {"who": ["dora", "anna"], "in1": [[1], [2]], "label": [1, 0]}
    fold_in(tmp_path / "old", new, model_dir=tmp_path / "new", **settings)
    before, after = (load_model(tmp_path / name) for name in ("old", "new"))
    known = before.tokenizers.in0.word_ids()
    assert after.tokenizers.in0.word_ids() == {**known, "dora": 5}
    np.testing.assert_array_equal(tables_of(before)[0], tables_of(after)[0][:5])


@pytest.mark.slow
def test_a_table_may_have_had_room_all_along(model_dir, tmp_path):
    source = {"in0": [[29], [28]], "in1": [[1], [2]], "label": [1, 0]}
    fold_in(
        model_dir,
        source,
        model_dir=tmp_path / "new",
        first_new_ids={"in0": 28},
        verbose=0,
    )
    before, after = (load_model(tmp_path / name) for name in ("old", "new"))
    moved = (tables_of(before)[0] != tables_of(after)[0]).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [28, 29]


@pytest.mark.slow
def test_a_new_film_makes_room_for_itself_in_bags(tmp_path):
    config = make_config(
        output_layer="in_batch_softmax", exclude_query_tokens=True
    )
    source = make_source(40, label=1)
    train(config, source, model_dir=tmp_path / "old", verbose=0)
    records = {
        "in0": [[4, 5], [7, 8], [9]],
        "in1": [[30], [11], [12]],
        "label": [1, 1, 1],
    }
    fold_in(tmp_path / "old", records, model_dir=tmp_path / "new", verbose=0)
    folded = load_model(tmp_path / "new").config
    assert folded.enc0_vocab_size == folded.enc1_vocab_size == 31


@pytest.mark.slow
def test_a_folded_model_can_be_trained_on(model_dir, tmp_path):
    fold_in(model_dir, NEW, model_dir=tmp_path / "new", verbose=0)
    model = load_model(tmp_path / "new")
    assert isinstance(model, Object2Vec)
    before = tables_of(model)
    rows = {n: np.full((8, 1), 3) for n in ("in0", "in1")}
    model.fit(rows, np.ones(8), shuffle=False, verbose=0)
    after = tables_of(model)
    assert (before[0][3] != after[0][3]).all()
    assert (before[1][3] != after[1][3]).all()


def test_resumes(model_dir, tmp_path):
    class Killed(Exception):
        pass

    def kill(epoch, logs):
        if epoch == 0:
            raise Killed

    whole = fold_in(model_dir, NEW, model_dir=tmp_path / "whole", verbose=0)
    settings = {"model_dir": tmp_path / "cut", "verbose": 0}
    killer = keras.callbacks.LambdaCallback(on_epoch_end=kill)
    with pytest.raises(Killed):
        fold_in(model_dir, NEW, callbacks=[killer], **settings)
    resumed = fold_in(model_dir, NEW, resume=True, **settings)
    for first, second in zip(
        tables_of(whole.model), tables_of(resumed.model), strict=True
    ):
        np.testing.assert_array_equal(first, second)


def test_data_without_new_ids_are_refused(model_dir, tmp_path):
    with pytest.raises(ValueError, match="`train` must hold new ids of in0"):
        fold_in(model_dir, make_source(9), model_dir=tmp_path / "new")


def test_unknown_sides_are_refused(model_dir, tmp_path):
    with pytest.raises(
        ValueError, match="`first_new_ids` must have no other keys"
    ):
        fold_in(
            model_dir,
            NEW,
            model_dir=tmp_path / "new",
            first_new_ids={"user": 3},
        )


@pytest.mark.parametrize(
    "head",
    [
        {"output_layer": "in_batch_softmax"},
        {"output_layer": "bpr", "negative_sampling_rate": 1},
    ],
    ids=lambda head: head["output_layer"],
)
def test_heads_that_need_negatives_must_find_some(tmp_path, head):
    source = make_source(20, label=1)
    train(make_config(**head), source, model_dir=tmp_path / "old", verbose=0)
    new = {"in0": [[30], [30]], "in1": [[3], [4]], "label": [1, 1]}
    settings = {"model_dir": tmp_path / "new", "verbose": 0}
    with pytest.raises(DataError, match="Add records of known objects"):
        fold_in(tmp_path / "old", new, **settings)
    known = {name: [*new[name], *source[name]] for name in new}
    before = load_model(tmp_path / "old")
    after = fold_in(tmp_path / "old", known, **settings).model
    start = tables_of(before)[0][1:].mean(axis=0)
    assert (tables_of(after)[0][30] != start).all()


@pytest.mark.parametrize(
    "head",
    [
        {"output_layer": "in_batch_softmax", "learn_temperature": True},
        {
            "output_layer": "bpr",
            "negative_sampling_rate": 1,
            "comparator_list": "dot",
            "mlp_layers": 0,
        },
    ],
    ids=lambda head: head["output_layer"],
)
def test_the_rest_of_a_head_stays(tmp_path, head):
    source = make_source(20, label=1)
    train(make_config(**head), source, model_dir=tmp_path / "old", verbose=0)
    data = {name: [*NEW[name], *source[name]] for name in ("in0", "in1")}
    data["label"] = [1] * len(data["in0"])
    fold_in(tmp_path / "old", data, model_dir=tmp_path / "new", verbose=0)
    # Loading warns where the optimizer was saved for other weights.
    before, after = (load_model(tmp_path / name) for name in ("old", "new"))
    tables = [id(table.embeddings) for table in before.token_embeddings]
    for old, new in zip(before.weights, after.weights, strict=True):
        if id(old) not in tables:
            np.testing.assert_array_equal(old, new)
    trainable = [len(model.trainable_weights) for model in (before, after)]
    assert trainable[0] == trainable[1]
