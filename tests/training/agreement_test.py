"""What needs no second process; `workers_test.py` has the rest."""

import pytest
import tensorflow as tf

from o2v_keras.training.agreement import ask_chief
from o2v_keras.training.agreement import require_agreement
from o2v_keras.training.agreement import tell_all
from o2v_keras.training.worker import Worker

TWO = Worker(0, ("a:1", "b:1"))


class Strategy:
    """Adds what another worker sends, message by message."""

    def __init__(self, *messages):
        self.messages = list(messages)

    def reduce(self, operation, value, axis):
        assert (operation, axis) == ("SUM", None)
        other = self.messages.pop(0)
        return value + tf.constant(other, value.dtype)


def other_says(text):
    own = len('{"seed": 1}')
    rows = [[0] * own, [*text.encode()]]
    return Strategy([0, len(text)], rows)


def test_a_worker_alone_hears_itself():
    strategy = tf.distribute.get_strategy()
    assert tell_all(strategy, Worker(), ["é"]) == [["é"]]
    assert ask_chief(strategy, Worker(), True) is True
    require_agreement(strategy, Worker(), {"seed": 1})


def test_tells_all_in_order():
    told = tell_all(other_says('{"seed": 1}'), TWO, {"seed": 1})
    assert told == [{"seed": 1}, {"seed": 1}]


def test_names_who_differs_in_what():
    message = (
        r"same seed, but worker 1 \(b:1\) differs from worker 0 \(a:1\).*"
        "Received: seed=1 and 2"
    )
    with pytest.raises(ValueError, match=message):
        require_agreement(other_says('{"seed": 2}'), TWO, {"seed": 1})


@pytest.mark.parametrize(
    ("index", "answer", "other", "agreed"),
    [(0, True, 0, True), (0, False, 0, False), (1, True, 0, False)],
)
def test_the_chief_decides(index, answer, other, agreed):
    worker = Worker(index, TWO.addresses)
    assert ask_chief(Strategy([other]), worker, answer) is agreed
