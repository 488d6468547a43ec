import pytest

from o2v_keras.config import Object2VecConfig


def make_config(**changes):
    fields = {"enc0_max_seq_len": 1, "enc0_vocab_size": 9}
    return Object2VecConfig(**{**fields, "output_layer": "bpr", **changes})


def test_needs_negatives():
    message = "`negative_sampling_rate` must be at least 1 beside .*bpr.*=0$"
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
