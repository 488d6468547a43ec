import pytest

from o2v_keras import progress_lines
from o2v_keras.training.progress import Progress


def play(progress, capsys, batches):
    progress.set_params({"steps": batches})
    progress.on_epoch_begin(2)
    for batch in range(batches):
        progress.on_train_batch_end(batch, {"loss": 0.5})
    progress.on_epoch_end(2, {"loss": 0.5, "val_loss": 0.25})
    return capsys.readouterr().out


def test_prints_a_line_an_epoch_into_a_file(capsys):
    printed = play(Progress(3, rows_per_batch=4), capsys, batches=3)
    assert printed.startswith("epoch 2: loss 0.5000  val_loss 0.2500  (")
    assert printed.count("\n") == 1


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(progress_lines, "SECONDS_BETWEEN_LINES", 0)


def test_prints_lines_within_a_long_epoch_into_a_file(capsys, no_waiting):
    progress = Progress(3, rows_per_batch=4)
    progress.resume(1)
    printed = play(progress, capsys, batches=2)
    assert "epoch 2: batch 2 of 3  loss 0.5000  (" in printed
    assert "epoch 2: batch 3 of 3" in printed
    progress.on_test_batch_end(4)
    printed = capsys.readouterr().out
    assert printed == "epoch 2: batch 5 of the validation data\n"


def test_draws_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    printed = play(Progress(3, rows_per_batch=4), capsys, batches=3)
    assert "Epoch 2" in printed
    assert "3/3" in printed
    assert "examples/s" in printed
    assert "val_loss: 0.2500" in printed


def test_bar_of_a_resumed_epoch_begins_where_it_was_left(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    progress = Progress(3, rows_per_batch=4)
    progress.resume(2)
    resumed = play(progress, capsys, batches=1)
    assert "1/3" not in resumed
    assert "3/3" in resumed
    assert "1/3" in play(progress, capsys, batches=3)
