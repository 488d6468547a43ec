import numpy as np
import pytest

from o2v_keras.data.provenance import Provenance
from o2v_keras.data.provenance import Source


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (Source("a/train.jsonl", "line"), "a/train.jsonl:17"),
        (Source("x.parquet", "row"), "x.parquet: row 17"),
        (Source(None, "row"), "row 17"),
    ],
    ids=["line", "parquet", "memory"],
)
def test_names_the_place(source, place):
    origin = Provenance.of(source, np.array([4, 17]))
    assert origin.locate(1) == place


def test_concat_and_take_keep_the_places():
    first = Provenance.of(Source("a.jsonl", "line"), np.array([1, 3]))
    second = Provenance.of(Source("b.parquet", "row"), np.array([0]))
    joined = Provenance.concat([first, second, first])
    assert len(joined) == 5
    assert len(joined.sources) == 2
    taken = joined.take(np.array([4, 2, 0]))
    places = [taken.locate(row) for row in range(3)]
    assert places == ["a.jsonl:3", "b.parquet: row 0", "a.jsonl:1"]


def test_one_source_takes_no_memory_for_its_ids():
    parts = [Provenance.in_memory(1000)] * 2
    assert Provenance.concat(parts).source_ids.strides == (0,)
