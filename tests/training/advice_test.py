import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.training.advice import row_sparse_advice


def make_config(**changes):
    fields = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": 2,
        "enc0_vocab_size": 1_000_000,
        "enc_dim": 64,
        "mini_batch_size": 1024,
    }
    return Object2VecConfig(**{**fields, **changes})


def test_estimates_what_a_large_vocabulary_costs():
    advice = row_sparse_advice(make_config(), num_batches=1000)
    for part in (
        "adam rewrites all 512 MB",
        "154 ms a step and 154 s an epoch",
        "at most 4,096 rows",
    ):
        assert part in advice
    slower = row_sparse_advice(make_config(optimizer="rmsprop"), 1000)
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
    assert row_sparse_advice(make_config(**changes), 1000) is None


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
    config = make_config(
        enc1_network="pooled_embedding",
        enc1_max_seq_len=2,
        enc1_vocab_size=1_000_000,
        **changes,
    )
    assert f"at most {rows} rows" in row_sparse_advice(config, 1000)
