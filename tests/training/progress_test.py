import pytest

from o2v_keras import progress
from o2v_keras.training.progress import TrainingProgress


def play(shown, batches):
    shown.set_params({"steps": batches})
    shown.on_epoch_begin(2)
    for batch in range(batches):
        shown.on_train_batch_end(batch, {"loss": 0.5})
    shown.on_test_begin()
    shown.on_test_batch_end(4)
    shown.on_test_end()
    shown.on_epoch_end(2, {"loss": 0.5, "val_loss": 0.25})


def test_prints_a_line_an_epoch(capsys):
    play(TrainingProgress(4), batches=3)
    printed = capsys.readouterr().out
    assert printed.startswith("epoch 2: loss 0.5000  val_loss 0.2500  (")
    assert printed.count("\n") == 1


def test_prints_lines_within_a_long_epoch(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    lines = []
    shown = TrainingProgress(4, "trial 1, ", lines.append, epoch_lines=False)
    shown.resume(1)
    play(shown, batches=2)
    second, third, validation = lines
    assert second.startswith("trial 1, epoch 2: 67%, 2 of 3 batches, ")
    assert second.endswith(" examples/s  loss 0.5000")
    assert third.startswith("trial 1, epoch 2: 100%, 3 of 3 batches, ")
    assert validation.startswith("trial 1, epoch 2, validation: 5 batches, ")


@pytest.mark.parametrize("fails", [False, True])
def test_a_bar_on_a_terminal_ends_with_the_epoch(capsys, monkeypatch, fails):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_FRAMES", 0)
    shown = TrainingProgress(4)
    if fails:
        shown.set_params({"steps": 3})
        shown.on_epoch_begin(2)
        shown.on_train_batch_end(0, {})
        shown.close()
    else:
        play(shown, batches=3)
    error = capsys.readouterr().err
    assert "epoch 2" in error
    assert error.count("\x1b[?25l") == error.count("\x1b[?25h") > 0
