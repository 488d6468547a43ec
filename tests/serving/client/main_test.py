import numpy as np
import pytest

from serving.client import RestClient
from serving.client.__main__ import main


@pytest.fixture
def calls(monkeypatch):
    """What the client is asked."""
    calls = []

    def answer(self, call):
        batch = next(call.rows.batches(9))
        calls.append({k: v.tolist() for k, v in batch.inputs.items()})
        return np.zeros((len(call.rows), 1))

    monkeypatch.setattr(RestClient, "_answer", answer)
    return calls


@pytest.mark.parametrize(
    ("word", "rows"),
    [
        ("3", [[3]]),
        ("5, 6,7", [[5, 6, 7]]),
        ("[[5], [6]]", [[5], [6]]),
        ("a dog", [b"a dog"]),
        ('["42", ""]', [b"", b"42"]),
        ("", [b""]),
        ("[sic] a dog", [b"[sic] a dog"]),
        ("3 dogs, 4", [b"3 dogs, 4"]),
        ("-3", [b"-3"]),
        ('"quoted"', [b'"quoted"']),
        ("\u0663", ["\u0663".encode()]),
    ],
)
def test_a_word_is_ids_or_a_text(calls, word, rows):
    assert main(["embed", "--rest", f"--in1={word}"]) == 0
    assert calls == [{"in1": rows}]


def test_sides_may_differ(calls):
    assert main(["predict", "--rest", "--in0", "a dog", "--in1", "5,6"]) == 0
    assert calls == [{"in0": [b"a dog"], "in1": [[5, 6]]}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "--in0", "a"], "`predict` must be given both"),
        (["embed", "--in0", "[1, 2]"], "must be sequences of integer ids, or"),
        (["embed", "--in0", "[]"], "There must be at least one row."),
    ],
)
def test_user_error_has_status_2(capsys, words, message):
    assert main([*words, "--rest"]) == 2
    assert message in capsys.readouterr().err
