import os

import pytest

from o2v_keras.data.convert.shard_folder import ShardFolder

OURS = [
    "pairs-00000.tfrecord.partial",
    "pairs-00001.tfrecord.whole",
    "pairs-00002-of-00003.tfrecord",
    "_rejected_rows.jsonl.partial",
]


@pytest.mark.parametrize("others", [[], ["_notes", "pairs-mine.tfrecord"]])
def test_clear_leaves_files_of_others(tmp_path, others):
    folder = ShardFolder(str(tmp_path / "out"), ".tfrecord")
    folder.begin({"sources": []})
    for name in (*OURS, *others):
        (tmp_path / "out" / name).touch()
    folder.clear()
    assert (tmp_path / "out").exists() == bool(others)
    if others:
        assert sorted(os.listdir(tmp_path / "out")) == others


def test_what_others_put_beside_shards_is_no_shard(tmp_path):
    ShardFolder(str(tmp_path), ".tfrecord").begin({"sources": []})
    for name in (*OURS, "pairs-mine.tfrecord"):
        (tmp_path / name).touch()
    folder = ShardFolder(str(tmp_path), ".tfrecord")
    folder.begin({"sources": []})
    assert [folder.is_whole(shard) for shard in range(4)] == [
        False,
        True,
        True,
        False,
    ]
