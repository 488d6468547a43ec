import threading
import time

import numpy as np
import pytest

from serving.client.pair_client import ClientOptions
from serving.client.pair_client import PairClient
from serving.client.server_error import ServerError


class FakeClient(PairClient):
    """Answers each row's first id; may fail the first few requests."""

    def __init__(self, failures=(), seconds=0.0, **options):
        super().__init__(ClientOptions(**options))
        self.failures = list(failures)
        self.seconds = seconds
        self.calls = []
        self.most_under_way = 0
        self._under_way = 0
        self._lock = threading.Lock()

    def status(self):
        return []

    def metadata(self):
        return {}

    def _ask(self, call, inputs, timeout):
        with self._lock:
            self.calls.append((call.signature, timeout, inputs))
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
            failure = self.failures.pop(0) if self.failures else None
        time.sleep(self.seconds)
        with self._lock:
            self._under_way -= 1
        if failure:
            raise ServerError(failure, "no")
        return next(iter(inputs.values()))[:, :1].astype(np.float32)


def test_answers_keep_the_order_of_rows_over_requests():
    rows = [[n] * (1 + n % 5) for n in range(1, 24)]
    with FakeClient(batch_size=4) as client:
        answer = client.embed(in0=rows)
    np.testing.assert_array_equal(answer[:, 0], np.arange(1, 24))
    assert len(client.calls) == 6


def test_requests_under_way_are_bounded():
    with FakeClient(batch_size=1, in_flight=3, seconds=0.02) as client:
        client.embed(in1=[[n] for n in range(1, 13)])
    assert client.most_under_way == 3


def test_embed_takes_exactly_one_side():
    with FakeClient() as client:
        for sides in ({}, {"in0": [[1]], "in1": [[1]]}):
            with pytest.raises(ValueError, match="exactly one of"):
                client.embed(**sides)


def test_no_row_is_an_error():
    with FakeClient() as client, pytest.raises(ValueError, match="at least"):
        client.predict([], [])


def test_an_unreachable_server_is_asked_again():
    with FakeClient(failures=["UNAVAILABLE"] * 2) as client:
        assert client.embed(in0=[[7]]).tolist() == [[7.0]]
    timeouts = [timeout for _, timeout, _ in client.calls]
    assert len(timeouts) == 3
    assert timeouts[0] > timeouts[1] > timeouts[2]


def test_retries_end():
    with FakeClient(failures=["UNAVAILABLE"] * 9, retries=1) as client:
        with pytest.raises(ServerError, match="UNAVAILABLE: no"):
            client.embed(in0=[[7]])
    assert len(client.calls) == 2


def test_retries_stop_at_the_deadline():
    failures = ["UNAVAILABLE"] * 99
    client = FakeClient(failures=failures, retries=99, timeout=0.3)
    began = time.monotonic()
    with client, pytest.raises(ServerError):
        client.embed(in0=[[7]])
    assert time.monotonic() - began < 0.6


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "DEADLINE_EXCEEDED"])
def test_other_failures_are_final(code):
    with FakeClient(failures=[code]) as client:
        with pytest.raises(ServerError) as caught:
            client.embed(in0=[[7]])
    assert caught.value.code == code
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "`timeout` must be a positive"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"in_flight": 0}, "`in_flight` must be at least 1"),
        ({"retries": -1}, "`retries` must be at least 0"),
        ({"version": 1, "label": "stable"}, "must not be given both"),
    ],
)
def test_rejects_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        FakeClient(**options)
