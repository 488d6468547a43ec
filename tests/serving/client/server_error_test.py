import pytest

from serving.client.server_error import ServerError


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        pytest.param(
            "Expects arg[0] to be string but int64 is provided",
            'takes texts where ids were sent. .* such as \\["42"\\]',
            id="ids_for_a_text",
        ),
        pytest.param(
            "Expects arg[1] to be int64 but string is provided",
            "takes ids where texts were sent",
            id="a_text_for_ids",
        ),
        pytest.param(
            "input size does not match signature: 2!=1 len({in0,in1}) != "
            "len({in0}). Sent extra: {in1}. Missing but required: {}.",
            "an export of one tower",
            id="scores_of_a_tower",
        ),
    ],
)
def test_says_what_another_type_means(message, hint):
    error = ServerError("INVALID_ARGUMENT", message)
    assert error.message == message
    with pytest.raises(ServerError, match=hint):
        raise error


def test_other_messages_stand_alone():
    assert str(ServerError("NOT_FOUND", "no such model")) == (
        "NOT_FOUND: no such model"
    )
