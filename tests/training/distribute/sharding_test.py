import numpy as np
import pytest

from o2v_keras.data.pair_table import PairTable
from o2v_keras.evaluation.training_labels import TrainingLabels
from o2v_keras.training.distribute import sharding
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.sharding import own_source
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

ADDRESSES = ("a:1", "b:1")


@pytest.fixture
def files(tmp_path):
    names = [tmp_path / f"{number}.jsonl" for number in range(5)]
    for name in names:
        name.write_text("")
    return list(map(str, names))


def test_files_are_dealt_out_in_turns(files, tmp_path):
    shares = [
        own_source(str(tmp_path / "*.jsonl"), Worker(i, ADDRESSES), "file")
        for i in (0, 1)
    ]
    assert shares == [files[::2], files[1::2]]


def test_by_row_all_workers_read_all(files):
    assert own_source(files, Worker(1, ADDRESSES), "row") == files


def test_a_worker_alone_reads_all(files):
    assert own_source(files, Worker(), "file") == files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"shard_by": "column"},
            "`shard_by` must be one of row, file.*'column'",
        ),
        (
            {"shard_by": "file", "stream_rows": 50},
            '`shard_by` must be "row" beside `stream_rows`.*stream_rows=50',
        ),
    ],
    ids=["unknown", "streamed"],
)
def test_rejects_what_cannot_be_shared(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(make_config(), "absent.jsonl", model_dir=tmp_path, **options)


def test_rejects_data_that_are_not_in_files():
    message = '"row" for training data that are not in'
    with pytest.raises(ValueError, match=message):
        own_source(make_source(3), Worker(1, ADDRESSES), "file")


def test_rejects_fewer_files_than_workers(files):
    with pytest.raises(ValueError, match="fewer training files than .*, 2"):
        own_source(files[:1], Worker(1, ADDRESSES), "file")


def test_tallies_of_files_are_added(monkeypatch):
    config = make_config(token_weighting="sif")
    labels = TrainingLabels(config)
    labels.add(PairTable.from_arrays([[4, 4]], [[5]], [1]))
    monkeypatch.setattr(sharding, "all_gather", lambda *args: [args[-1]] * 2)
    sharding.tally_all(labels, None, Worker(0, ADDRESSES), "file")
    assert labels.tokens.sides["in0"][4] == 4
    assert labels.tokens.sides["in1"][5] == 2
    assert labels.totals.tolist() == [0, 2]
    assert np.flatnonzero(labels.ids.sides["in0"]).tolist() == [4]
