import pytest

from o2v_keras.data.files.shard_names import missing_shards


def names(stem, count, numbers, ending=".tfrecord"):
    return [f"{stem}-{n:05d}-of-{count:05d}{ending}" for n in numbers]


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        pytest.param(names("a", 3, range(3)), [], id="all"),
        pytest.param(names("a", 3, [1, 2, 3]), [], id="all_from_one"),
        pytest.param(names("a", 3, [1]), names("a", 3, [0, 2]), id="two"),
        pytest.param(names("a", 3, [1, 3]), names("a", 3, [2]), id="from_one"),
        pytest.param(
            [*names("a", 2, [0, 1]), *names("b", 2, [0])],
            names("b", 2, [1]),
            id="two_sets",
        ),
        pytest.param(
            [*names("a", 2, [0], "-9f.gz"), *names("a", 2, [1], "-3c.gz")],
            [],
            id="hashes_in_the_names",
        ),
        pytest.param(["one-of-these.jsonl", "3.jsonl"], [], id="others"),
    ],
)
def test_names_tell_of_missing_shards(found, missing):
    assert missing_shards(found, {}) == missing


def test_a_manifest_tells_of_missing_shards():
    manifest = {"shards": [{"file": "a"}, {"file": "b"}]}
    assert missing_shards(["b", "c"], manifest) == ["a"]
