import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import load_dataset


def make_config(**changes):
    fields = {"enc0_max_seq_len": 1, "enc0_vocab_size": 9}
    return Object2VecConfig(**{**fields, "output_layer": "bpr", **changes})


def test_needs_negatives():
    message = "`negative_sampling_rate` must be at least 1 with .*bpr.*=0$"
    with pytest.raises(ValueError, match=message):
        make_config()


def test_a_batch_must_hold_a_group():
    assert make_config(negative_sampling_rate=3, mini_batch_size=4)
    message = "`mini_batch_size` must be at least .*, 4, .*mini_batch_size=3$"
    with pytest.raises(ValueError, match=message):
        make_config(negative_sampling_rate=3, mini_batch_size=3)


@pytest.mark.parametrize(("head", "rows"), [("bpr", 4), ("softmax", 1)])
def test_a_group_is_a_positive_with_its_negatives(head, rows):
    config = make_config(output_layer=head, negative_sampling_rate=3)
    assert config.group_rows == rows


def make(**changes):
    fields = {"enc0_max_seq_len": 1, "enc0_vocab_size": 9}
    return Object2VecConfig(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"hard_negatives": 3},
        {"mined_negatives": 1},
        {"learn_temperature": True},
        {"same_side_negatives": True},
        {"exclude_query_tokens": True},
        {"hardness_strength": 5.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_heads_have_no_in_batch_negatives(changes):
    (name, value), *_ = changes.items()
    message = f'`{name}` must be .* output_layer="softmax".*{name}={value}'
    with pytest.raises(ValueError, match=message):
        make(**changes)
    assert make(output_layer="in_batch_softmax", **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mini_batch_size": 1}, "at least 2 .*negatives.*mini_batch_size=1"),
        ({"mined_negatives": 32}, "less than `mini_batch_size`.*=32, mini_b"),
        ({"temperature": 0}, "`temperature` must be"),
        ({"hardness_strength": -1}, "`hardness_strength` must be .* 0"),
        ({"similarity": "l2"}, "`similarity` must be"),
        (
            {
                "exclude_query_tokens": True,
                "enc1_network": "pooled_embedding",
                "enc1_max_seq_len": 1,
                "enc1_vocab_size": 8,
            },
            "`exclude_query_tokens` must be .* one vocabulary.*=9.*=8",
        ),
        (
            {"exclude_query_tokens": True, "mined_negatives": 1},
            "`mined_negatives` must be 0 with exclude_query_tokens",
        ),
        (
            {
                "exclude_query_tokens": True,
                "enc0_tokenizer": "words",
                "enc1_network": "pooled_embedding",
                "enc1_max_seq_len": 1,
                "enc1_vocab_size": 9,
                "enc1_tokenizer": "words",
            },
            "one vocabulary; texts are with tied_token_embedding_weight=True",
        ),
        (
            {
                "exclude_query_tokens": True,
                "enc0_vocab_file": "a.json",
                "enc1_network": "pooled_embedding",
                "enc1_max_seq_len": 1,
                "enc1_vocab_size": 9,
                "enc1_vocab_file": "b.json",
            },
            "one vocabulary.*enc0_vocab_file='a.json'.*'b.json'",
        ),
    ],
    ids=[
        *("batch", "mined", "temperature", "hardness", "similarity"),
        *("vocabularies", "mined_tokens", "texts", "files"),
    ],
)
def test_refuses_what_leaves_no_negatives(changes, message):
    with pytest.raises(ValueError, match=message):
        make(output_layer="in_batch_softmax", **changes)


def test_no_more_epochs_are_averaged_than_trained():
    settings = {"weight_averaging_epochs": 3, "epochs": 2}
    assert make(**settings, weight_averaging="ema")
    message = "at most `epochs` .*weight_averaging_epochs=3, epochs=2"
    with pytest.raises(ValueError, match=message):
        make(**settings, weight_averaging="tail")


def test_a_dataset_has_no_model_to_mine_by():
    config = make(output_layer="in_batch_softmax", mined_negatives=1)
    source = {"in0": [[1], [2]], "in1": [[3], [4]], "label": [1, 1]}
    with pytest.raises(ValueError, match="`mined_negatives` must be 0 for"):
        load_dataset(source, config)
    assert load_dataset(source, config, training=False)
