"""Trainings whose data are read from files block by block."""

import json
import pathlib
import shutil

import numpy as np
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.training import fit
from o2v_keras.training import train_model
from o2v_keras.training.callbacks.checkpointing import Checkpointing
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source
from tests.training.small_training import read_history

ROWS = 60


def write(folder, source, files=4):
    """Writes a source as JSON Lines files, a part of the rows in each."""
    folder.mkdir()
    columns = list(zip(*source.values(), strict=True))
    for number, rows in enumerate(np.array_split(np.arange(ROWS), files)):
        with open(folder / f"{number}.jsonl", "w") as file:
            for in0, in1, label in (columns[row] for row in rows):
                record = {"in0": in0.tolist(), "in1": in1.tolist()}
                file.write(json.dumps({**record, "label": int(label)}) + "\n")
    return folder


def run(source, model_dir, **arguments):
    config = make_config(**{"dropout": 0.3, **arguments.pop("changes", {})})
    return train(
        config,
        source,
        make_source(13),
        make_source(9),
        model_dir=model_dir,
        steps_per_execution=1,
        verbose=0,
        **arguments,
    )


def assert_same_weights(result, other):
    for weight, expected in zip(
        result.model.get_weights(), other.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


SINGLE_TOKENS = {
    side: [np.array([1 + row % size]) for row in range(ROWS)]
    for side, size in (("in0", 7), ("in1", 5))
}


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ({**SINGLE_TOKENS, "label": [n % 2 for n in range(ROWS)]}, {}),
        pytest.param(
            {**SINGLE_TOKENS, "label": [n % 6 for n in range(ROWS)]},
            {"output_layer": "mean_squared_error"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            make_source(ROWS, label=1),
            {"negative_sampling_rate": 2},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["classes", "values", "negatives"],
)
def test_one_block_trains_as_memory_does(tmp_path, source, changes):
    folder = write(tmp_path / "data", source)
    results = [
        run(
            folder,
            tmp_path / f"model{rows}",
            changes=changes,
            stream_rows=rows,
        )
        for rows in (None, ROWS)
    ]
    in_memory, streamed = results
    assert_same_weights(streamed, in_memory)
    for split in ("train", "validation", "test"):
        expected = pytest.approx(in_memory.report[split], rel=1e-4)
        assert streamed.report[split] == expected
    for split, expected in in_memory.report["baselines"].items():
        # Biases need the pairs in memory.
        expected = {n: m for n, m in expected.items() if n != "side_biases"}
        assert streamed.report["baselines"][split] == expected


class Snapshots(Checkpointing):
    """Copies the model directory after every batch."""

    target: pathlib.Path

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        folder = pathlib.Path(self._path).parent
        shutil.copytree(folder, self.target / f"{self._epoch}-{batch}")


@pytest.mark.parametrize(
    "replicas", [1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_resumes_in_mid_epoch_with_equal_weights(
    tmp_path, monkeypatch, replicas
):
    settings = {
        "changes": {
            "negative_sampling_rate": 1,
            "bucket_width": 2,
            "dropout": 0.3 if replicas == 1 else 0.0,
        },
        "replicas": replicas,
        "stream_rows": 25,
    }
    folder = write(tmp_path / "data", make_source(ROWS, label=1))
    monkeypatch.setattr(Snapshots, "target", tmp_path, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(fit, "Checkpointing", Snapshots)
        expected = run(
            folder, tmp_path / "whole", checkpoint_minutes=0, **settings
        )
    # 3 blocks of 20 rows make 5 batches each.
    moments = sorted(path.name for path in tmp_path.glob("1-*"))
    assert len(moments) == 15
    # The sixth batch is the first of the second block.
    resumed = run(folder, tmp_path / "1-5", resume=True, **settings)
    assert_same_weights(resumed, expected)
    lines = read_history(tmp_path / "1-5")
    expected_lines = read_history(tmp_path / "whole")
    for line, other in zip(lines, expected_lines, strict=True):
        assert line == pytest.approx(other, rel=1e-4)


@pytest.mark.slow
def test_resuming_refuses_other_blocks(tmp_path):
    folder = write(tmp_path / "data", make_source(ROWS))
    run(folder, tmp_path / "model", stream_rows=30)
    message = "same options; these differ .*: stream_rows. To use the"
    with pytest.raises(ValueError, match=message):
        run(folder, tmp_path / "model", stream_rows=20, resume=True)


def test_files_lost_in_training_are_named(tmp_path, monkeypatch):
    folder = write(tmp_path / "data", make_source(ROWS))

    def play(model, batches, *arguments, **settings):
        (folder / "2.jsonl").write_text("")
        list(batches["train"].dataset())

    monkeypatch.setattr(train_model, "fit", play)
    with pytest.raises(DataError, match="2.jsonl: holds no record"):
        run(folder, tmp_path / "model", stream_rows=30)
