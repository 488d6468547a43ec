import warnings

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_dataset
from o2v_keras.data.pair_table import PairTable
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.training.advice import collapsed_sides
from o2v_keras.training.advice import result_advice
from o2v_keras.training.advice import row_sparse_advice
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

RETRIEVAL = {"output_layer": "in_batch_softmax"}
DRAWN = {"negative_sampling_rate": 2}
TOKENS = {"enc0_max_seq_len": 1}


def large_config(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 2,
        "enc0_vocab_size": 1_000_000,
        "enc_dim": 64,
        "mini_batch_size": 1024,
    }
    return Object2VecConfig(**{**fields, **changes})


def test_estimates_what_a_large_vocabulary_costs():
    advice = row_sparse_advice(large_config(), num_batches=1000)
    for part in (
        "adam rewrites all 512 MB",
        "154 ms a step and 154 s an epoch",
        "at most 4,096 rows",
    ):
        assert part in advice
    slower = row_sparse_advice(large_config(optimizer="rmsprop"), 1000)
    assert "205 ms a step" in slower


@pytest.mark.parametrize(
    "changes",
    [
        {"enc0_vocab_size": 10_000},
        {"optimizer": "sgd"},
        {"token_embedding_storage_type": "row_sparse"},
        {"enc0_pretrained_embedding_file": "glove.txt"},
    ],
    ids=["small_vocabulary", "sgd", "row_sparse", "frozen"],
)
def test_is_silent_where_nothing_is_to_be_saved(changes):
    assert row_sparse_advice(large_config(**changes), 1000) is None


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, "4,096"),
        ({"enc0_pretrained_embedding_file": "glove.txt"}, "2,048"),
        ({"tied_token_embedding_weight": True}, "4,096"),
    ],
    ids=["both", "one_frozen", "tied"],
)
def test_counts_rows_of_tables_that_learn(changes, rows):
    config = large_config(
        enc1_network="pooled_embedding",
        enc1_max_seq_len=2,
        enc1_vocab_size=1_000_000,
        **changes,
    )
    assert f"at most {rows} rows" in row_sparse_advice(config, 1000)


def pairs(in0, in1, label):
    return {"in0": in0, "in1": in1, "label": label}


def all_with_all(rows=3, columns=2):
    in0, in1 = np.indices((rows, columns)).reshape(2, -1) + 1
    return pairs(in0, in1, [1] * rows * columns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (RETRIEVAL, "each object is a known partner of all"),
        (
            {**RETRIEVAL, "negative_sampling_side": "both"},
            'negative_sampling_side="both" could make',
        ),
        (DRAWN, "negative_sampling_rate=2 needs data in which objects"),
        ({**DRAWN, "output_layer": "bpr"}, "negative_sampling_rate=2 needs"),
    ],
    ids=["in_batch", "both", "softmax", "bpr"],
)
def test_data_without_any_negative_are_refused(changes, message):
    config = make_config(**TOKENS, **changes)
    with pytest.raises(DataError, match=message):
        load_dataset(all_with_all(), config)


def test_one_negative_is_enough():
    source = all_with_all()
    source = {name: column[1:] for name, column in source.items()}
    load_dataset(source, make_config(**TOKENS, **RETRIEVAL))


@pytest.mark.parametrize(
    ("source", "changes", "message"),
    [
        (make_source(8, label=1), {}, "All training labels are 1: training"),
        (
            make_source(8, label=2.5),
            {"output_layer": "mean_squared_error"},
            "All training labels are 2.5",
        ),
        (
            {**make_source(8), "in0": [[3]] * 8, "in1": [[4, 5]] * 8},
            {},
            "the same in0 and the same in1",
        ),
    ],
    ids=["one_class", "one_value", "one_pair"],
)
def test_data_that_teach_nothing_are_said(source, changes, message, tmp_path):
    config = make_config(epochs=1, **changes)
    with pytest.warns(UserWarning, match=message):
        train(config, source, model_dir=tmp_path / "m", verbose=0)


def test_a_streamed_training_without_negatives_is_refused(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("in0,in1,label\n" + "1,5,1\n2,5,1\n" * 8)
    config = make_config(**TOKENS, **DRAWN)
    with pytest.raises(DataError, match="No negative was found for any"):
        train(config, path, model_dir=tmp_path / "m", stream_rows=8, verbose=0)


def test_a_model_without_a_weight_to_train_is_refused(tmp_path):
    vectors = tmp_path / "vectors.npy"
    np.save(vectors, np.ones((30, 8), "float32"))
    config = make_config(
        **RETRIEVAL, enc0_pretrained_embedding_file=str(vectors)
    )
    with pytest.raises(ValueError, match="There is nothing to train"):
        train(
            config, make_source(8, label=1), model_dir=tmp_path / "m", verbose=0
        )


def test_positives_alone_get_negatives_and_unknown_ids_are_said(
    tmp_path, capsys
):
    config = make_config(**TOKENS, **DRAWN, epochs=1)
    known, unknown = np.arange(1, 13), np.arange(13, 25)
    training = pairs(known, known, [1] * 12)
    validation = pairs([*unknown[:9], 1, 2, 3], known, [1] * 12)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "validation")  # its known pairs
        result = train(config, training, validation, model_dir=tmp_path / "m")
    said = capsys.readouterr().out
    assert "validation: 12 positives alone; 24 negatives are drawn" in said
    assert "validation: 75.0 % of the rows have no id of in0" in said
    assert "`enc0_id_dropout` trains `enc0_unknown_id`" in said
    baseline = result.report["baselines"]["validation"]["majority_class"]
    assert baseline["accuracy"] == pytest.approx(2 / 3)


def advice_on(losses, best_epoch=1, monitor=None, test=None, **changes):
    config = make_config(epochs=3, **changes)
    epochs = [{"loss": loss, "val_loss": 1.0} for loss in losses]
    report = {"best_epoch": best_epoch, "baselines": {}, **(test or {})}
    return [text for _, text in result_advice(report, epochs, config, monitor)]


def test_says_nothing_of_a_sound_training():
    assert advice_on([3.0, 2.0, 1.0]) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"losses": [1.0, 1.2, 1.1]}, "the training loss never fell"),
        ({"losses": [3, 2, 1], "best_epoch": 2}, "raise epochs (3)"),
        ({"losses": [3, 2], "best_epoch": 0}, "the first epoch was the best"),
    ],
)
def test_says_what_to_try_after_a_doubtful_training(arguments, message):
    (advice,) = advice_on(**arguments)
    assert message in advice


def test_a_decayed_rate_ends_with_its_best_epoch():
    arguments = {"best_epoch": 2, "learning_rate_schedule": "cosine"}
    assert advice_on([3, 2, 1], **arguments) == []


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "is_worse"),
    [
        ("accuracy", 0.6, 0.7, True),
        ("accuracy", 0.7, 0.7, True),
        ("accuracy", 0.8, 0.7, False),
        ("root_mean_squared_error", 1.2, 1.1, True),
        ("root_mean_squared_error", 1.0, 1.1, False),
    ],
)
def test_says_which_baseline_a_model_does_not_beat(
    metric, ours, theirs, is_worse
):
    answers = {"simple": {metric: theirs}, "other": {}}
    test = {"test": {metric: ours}, "baselines": {"test": answers}}
    advice = advice_on([3, 2, 1], test=test)
    assert len(advice) == is_worse
    if is_worse:
        assert f"the {theirs:.4f} of simple, which needs no model" in advice[0]


def test_says_which_embeddings_are_all_alike():
    model = Object2Vec(
        make_config(
            enc1_network="pooled_embedding",
            enc1_max_seq_len=5,
            enc1_vocab_size=30,
        )
    )
    table = PairTable.from_arrays([[n] for n in range(1, 30)], [[1]] * 29)
    assert list(collapsed_sides(model, {"train": table})) == []
    embeddings = model.token_embeddings[0].embeddings
    embeddings.assign(np.ones(embeddings.shape))
    ((side, advice),) = collapsed_sides(model, {"train": table})
    assert side == "in0"
    assert "embeddings of in0 are all alike" in advice
