import importlib
import sys

import pytest


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("o2v_keras", ["beam", "check"]),
        ("o2v_keras", ["beam", "split"]),
        ("serving.beam", ["predict", "--model", "M"]),
    ],
)
def test_a_job_says_what_to_install(package, words, monkeypatch, capsys):
    importlib.import_module(package)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    main = importlib.import_module(f"{package}.__main__").main
    assert main([*words, "--input", "a.jsonl", "--output", "o"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install -r requirements-beam.txt" in error
