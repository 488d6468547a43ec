import collections
import itertools
import math

import numpy as np
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.pairs import baskets

BASKETS = [
    ["tea", "milk", "tea"],
    ["milk", "tea", "jam"],
    ["jam"],
    ["milk", "bread"],
]


def weights(pairs):
    return {(r["in0"], r["in1"]): r["weight"] for r in pairs.train.to_pylist()}


def both(pairs):
    return pairs | {(b, a): weight for (a, b), weight in pairs.items()}


def test_items_are_paired_by_the_baskets_with_both():
    pairs = baskets(BASKETS)
    expected = {
        ("tea", "milk"): 2,
        ("tea", "jam"): 1,
        ("milk", "jam"): 1,
        ("milk", "bread"): 1,
    }
    assert weights(pairs) == both(expected)
    assert set(pairs.train["label"].to_pylist()) == {1}
    assert pairs.report.counts["dropped: baskets of one item"] == 1
    logs = {pair: math.log(1 + count) for pair, count in expected.items()}
    assert weights(baskets(BASKETS, weights="log")) == pytest.approx(both(logs))
    assert weights(baskets(BASKETS, min_count=2)) == both({("tea", "milk"): 2})
    assert "weight" not in baskets(BASKETS, weights="none").train.column_names


def test_mutual_information_of_items():
    pairs = baskets(BASKETS, weights="pmi")
    # Of 4 baskets 2 hold tea, 3 milk, 2 jam and 1 bread. Jam and milk, and jam
    # and tea, are together no more often than by chance.
    assert weights(pairs) == pytest.approx(
        both(
            {
                ("tea", "milk"): math.log(2 * 4 / (2 * 3)),
                ("milk", "bread"): math.log(1 * 4 / (3 * 1)),
            }
        )
    )
    what = "dropped: pairs of items with a PMI of 0 or less"
    assert pairs.report.counts[what] == 2


def test_the_rest_of_a_basket():
    pairs = baskets(BASKETS, rest=True)
    found = sorted(
        (r["basket"], "|".join(sorted(r["in0"].split("|"))), r["in1"])
        for r in pairs.train.to_pylist()
    )
    assert found == [
        (1, "milk", "tea"),
        (1, "tea", "milk"),
        (2, "jam|milk", "tea"),
        (2, "jam|tea", "milk"),
        (2, "milk|tea", "jam"),
        (4, "bread", "milk"),
        (4, "milk", "bread"),
    ]


def test_forms_of_baskets_are_the_same(tmp_path):
    (tmp_path / "lines.csv").write_text(
        "".join(",".join(basket) + "\n" for basket in BASKETS)
    )
    (tmp_path / "cells.tsv").write_text(
        "items\n" + "".join("; ".join(basket) + "\n" for basket in BASKETS)
    )
    (tmp_path / "rows.csv").write_text(
        "number,name\n"
        + "".join(f"{n},{i}\n" for n, b in enumerate(BASKETS) for i in b)
    )
    expected = weights(baskets(BASKETS))
    for pairs in (
        baskets(tmp_path / "lines.csv", lines=True),
        baskets(tmp_path / "cells.tsv", item="items", item_separator=";"),
        baskets(tmp_path / "rows.csv", "number", "name"),
    ):
        assert weights(pairs) == expected


def test_names_with_commas_stand_in_quotes(tmp_path):
    path = tmp_path / "baskets.csv"
    path.write_text('"milk, whole",bread ,\n\n')
    assert weights(baskets(path, lines=True)) == both(
        {("milk, whole", "bread"): 1}
    )


def test_large_baskets_are_capped():
    pairs = baskets([list(range(1, 1001)), [1, 2]], max_items=10)
    assert len(pairs.train) == 10 * 9 + 2
    assert pairs.report.counts["baskets capped at 10 items"] == 1
    assert pairs.report.counts["dropped: items of capped baskets"] == 990


def test_both_orders_of_a_pair_are_in_one_part():
    generator = np.random.default_rng(0)
    many = [generator.integers(1, 40, 5).tolist() for _ in range(200)]
    pairs = baskets(many, split="random", test=0.3)
    parts = [
        {frozenset((r["in0"], r["in1"])) for r in part.to_pylist()}
        for part in (pairs.train, pairs.validation, pairs.test)
    ]
    assert not any(a & b for a, b in itertools.combinations(parts, 2))
    total = sum(map(len, parts))
    assert len(parts[2]) == round(0.3 * total)
    assert len(pairs.test) == 2 * len(parts[2])
    # Of all items, not all pairs of some.
    assert len(set(pairs.test["in0"].to_pylist())) == 39
    assert len(set(pairs.train["in0"].to_pylist())) == 39


def test_baskets_are_held_out_whole():
    generator = np.random.default_rng(0)
    many = [generator.permutation(60)[:5].tolist() for _ in range(50)]
    many = [[f"p{item}" for item in basket] for basket in many]
    pairs = baskets(many, rest=True, split="baskets", test=10, validation=0)
    assert len(pairs.train) == 40 * 5 and len(pairs.test) == 10 * 5
    for row in pairs.test.to_pylist():
        own = set(many[row["basket"] - 1])
        assert {row["in1"], *row["in0"].split("|")} == own
    counts = collections.Counter(pairs.test["basket"].to_pylist())
    assert not set(counts) & set(pairs.train["basket"].to_pylist())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rest": True, "weights": "count"}, "`weights` must be left out"),
        ({"bag_size": 3}, "`bag_size` must be left out without `rest`"),
        ({"split": "baskets"}, '`split` must be "random" without'),
        ({"rest": True, "split": "random"}, "`split` must be one of baskets"),
        ({"lines": True}, "`lines` must be left out where a column is named"),
        ({"min_count": 0}, "`min_count` must be a whole number"),
    ],
)
def test_arguments_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        baskets(BASKETS, **options)


def test_lines_that_are_no_utf8_are_named(tmp_path):
    path = tmp_path / "baskets.csv"
    path.write_bytes(b"tea,milk\ncaf\xe9,tea\n")
    with pytest.raises(DataError, match=f"{path}:2: byte 0xe9 at character 4"):
        baskets(path, lines=True)
    pairs = baskets(path, lines=True, skip_bad_rows=0.5)
    assert len(pairs.train) == 2
