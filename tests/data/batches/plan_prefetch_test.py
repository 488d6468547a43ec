import threading

import pytest

from o2v_keras.data.batches.epoch_plan import PlanPrefetch


class Planner:
    """Notes which epochs were planned, and may be held back."""

    def __init__(self):
        self.planned = []
        self.go_on = threading.Event()
        self.go_on.set()

    def plan(self, epoch):
        self.go_on.wait(10)
        if epoch == 13:
            raise ValueError("no plan for 13")
        self.planned.append(epoch)
        return f"plan {epoch}"


def test_next_plan_is_made_while_this_one_is_played():
    planner = Planner()
    plans = PlanPrefetch(planner)
    assert plans.take(0) == "plan 0"
    assert plans.take(1) == "plan 1"
    assert plans.peek(2) == "plan 2"
    assert planner.planned == [0, 1, 2]


def test_taking_a_plan_does_not_wait_for_the_next():
    planner = Planner()
    plans = PlanPrefetch(planner)
    plans.peek(0)
    planner.go_on.clear()
    assert plans.take(0) == "plan 0"
    assert planner.planned == [0]
    planner.go_on.set()
    assert plans.take(1) == "plan 1"


def test_any_epoch_may_follow():
    plans = PlanPrefetch(Planner())
    for epoch in (0, 7, 7, 3, 8):
        assert plans.take(epoch) == f"plan {epoch}"


def test_peeked_plan_is_not_made_again():
    planner = Planner()
    plans = PlanPrefetch(planner)
    assert plans.peek(0) == plans.peek(0) == "plan 0"
    assert planner.planned == [0]


def test_failure_in_the_background_reaches_who_takes_the_plan():
    plans = PlanPrefetch(Planner())
    assert plans.take(12) == "plan 12"
    with pytest.raises(ValueError, match="no plan for 13"):
        plans.take(13)
