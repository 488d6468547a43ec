import warnings

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.data_error import DataError
from o2v_keras.data.load_dataset import load_dataset
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
