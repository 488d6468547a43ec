import collections
import itertools
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.pairs import baskets
from o2v_keras.pairs import split

KINDS = ("random", "group", "within", "time", "within-time")


@pytest.fixture
def pairs():
    """200 rows, some pairs twice."""
    earlier = [n - 60 if n % 6 == 5 and n > 60 else n for n in range(200)]
    return pa.table(
        {
            "user": [f"u{n % 20}" for n in range(200)],
            "in0": [[n % 20, n % 7] for n in earlier],
            "in1": earlier,
            "note": ['a, "b"\nc' if n % 3 else "d" for n in range(200)],
            "time": list(range(200)),
        }
    )


def options(kind):
    return {
        "group": "user" if kind in ("group", "within", "within-time") else None,
        "time": "time" if "time" in kind else None,
    }


def parts_of(made):
    parts = (made.train, made.validation, made.test)
    return [part.to_pylist() if part else [] for part in parts]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_is_in_one_part_with_all_its_columns(pairs, kind):
    made = split(pairs, kind, test=0.2, **options(kind))
    parts = parts_of(made)
    rows = {json.dumps(row) for row in pairs.to_pylist()}
    assert {json.dumps(row) for part in parts for row in part} <= rows
    found = [{json.dumps([r["in0"], r["in1"]]) for r in p} for p in parts]
    assert all(found)
    assert not any(a & b for a, b in itertools.combinations(found, 2))
    dropped = sum(
        count
        for what, count in made.report.counts.items()
        if what.startswith("dropped")
    )
    assert sum(map(len, parts)) + dropped == 200
    if kind == "random":
        assert not dropped
    for part in parts:
        times = [row["time"] for row in part]
        assert times == sorted(times)


def test_groups_stay_together(pairs):
    made = split(pairs, "group", group="user", test=4, validation=2)
    users = [{row["user"] for row in part} for part in parts_of(made)]
    assert [len(own) for own in users] == [14, 2, 4]
    assert not any(a & b for a, b in itertools.combinations(users, 2))


def test_rows_of_each_group_are_held_out():
    table = {
        "user": [n % 5 for n in range(50)],
        "in0": list(range(50)),
        "in1": list(range(50)),
        "time": [-n for n in range(50)],
    }
    made = split(table, "within", group="user", test=2)
    counts = collections.Counter(made.test["user"].to_pylist())
    assert counts == dict.fromkeys(range(5), 2)
    made = split(table, "within-time", group="user", time="time", test=2)
    assert sorted(made.test["in0"].to_pylist()) == list(range(10))


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_files_keep_their_rows_and_format(pairs, tmp_path, ending, kind):
    path = tmp_path / f"pairs.{ending}"
    flat = pairs.set_column(1, "in0", pa.array([f"{n} 1" for n in range(200)]))
    if ending == "parquet":
        pyarrow.parquet.write_table(pairs, path)
    elif ending == "jsonl":
        path.write_text(
            "".join(json.dumps(row) + "\n" for row in pairs.to_pylist())
        )
    elif ending == "csv":
        pyarrow.csv.write_csv(flat, path)
    else:
        lines = ["\t".join(flat.column_names)]
        lines += ["\t".join(map(str, r.values())) for r in flat.to_pylist()]
        lines = [line.replace("\n", " ") for line in lines]
        path.write_text("\n".join(lines) + "\n")
    made = split(path, kind, test=0.2, **options(kind))
    report = made.write(tmp_path / "parts")
    written = sorted(
        file.name
        for file in (tmp_path / "parts").iterdir()
        if file.name[0] not in "._"
    )
    assert written == sorted(
        f"{part}.{ending}" for part in ("train", "validation", "test")
    )
    assert report.counts["train pairs"] == len(made.train)
    if ending == "parquet":
        table = pyarrow.parquet.read_table(tmp_path / "parts/train.parquet")
        assert table == made.train
        return
    source = path.read_text()
    for name in written:
        text = (tmp_path / "parts" / name).read_text()
        if ending in ("csv", "tsv"):
            header, _, text = text.partition("\n")
            assert source.startswith(header)
        for line in text.splitlines():
            assert line in source
    assert made.train["user"].to_pylist() != []
    assert set(made.train.column_names) == set(pairs.column_names)


def test_parts_of_parts(pairs, tmp_path):
    split(pairs).write(tmp_path / "first")
    path = tmp_path / "first/train.jsonl"
    made = split(path, "group", group="user")
    with pytest.raises(ValueError, match="`format` must be left out"):
        made.write(tmp_path / "second", "csv")
    made.write(tmp_path / "second")
    assert (tmp_path / "second/test.jsonl").read_text()


def test_columns_of_other_names():
    made = split(
        {"film": [1, 2, 1, 3], "fan": [5, 6, 5, 7], "rated": [1, 2, 3, 4]},
        columns=PairColumns("fan", "film"),
        test=1,
        validation=0,
    )
    assert len(made.train) + len(made.test) == 4
    pairs = [set(part["film"].to_pylist()) for part in (made.train, made.test)]
    assert not pairs[0] & pairs[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "user"}, "`split` must be one of random, group, within"),
        ({"kind": "group"}, '`group` must name a column with split="group"'),
        ({"group": "user"}, "`group` must be left out with"),
        ({"kind": "time"}, "`split` must be another one than"),
        ({"time": "time"}, "`time` must be left out with"),
        ({"columns": PairColumns("a", "in1")}, 'no column "a"'),
    ],
)
def test_arguments_are_checked(pairs, arguments, message):
    with pytest.raises(ValueError, match=message):
        split(pairs, **arguments)


def test_files_that_do_not_go_together(tmp_path):
    (tmp_path / "a.csv").write_text("in0,in1\n1,2\n")
    (tmp_path / "b.csv").write_text("in1,in0\n1,2\n")
    (tmp_path / "c.jsonl").write_text('{"in0": 1, "in1": 2}\n')
    with pytest.raises(DataError, match="must be of one format. .* csv, jsonl"):
        split([tmp_path / "a.csv", tmp_path / "c.jsonl"])
    with pytest.raises(DataError, match="must have the same columns"):
        split([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_a_pair_and_its_mirror_image_stay_together():
    log = [["tea", "milk"], ["milk", "jam"], ["jam", "tea"], ["tea", "ale"]]
    parts = split(baskets(log * 3).train, test=0.4, validation=0)
    pairs = [
        {(row["in0"], row["in1"]) for row in part.to_pylist()}
        for part in (parts.train, parts.test)
    ]
    assert pairs[1]
    assert all((b, a) in pairs[1] for a, b in pairs[1])


@pytest.mark.parametrize("kind", ["within", "time", "within-time"])
def test_copies_of_a_pair_at_one_time_stay_together(kind):
    table = {"in0": [1] * 5, "in1": [2] * 5, "user": [3] * 5, "time": [4] * 5}
    made = split(table, kind, test=2, validation=1, **options(kind))
    assert made.report.counts == {"rows read": 5, "train pairs": 5}


def test_parquet_files_of_other_types(tmp_path):
    for name, value in (("a", 1), ("b", "1")):
        table = pa.table({"in0": [value], "in1": [2]})
        pyarrow.parquet.write_table(table, tmp_path / f"{name}.parquet")
    with pytest.raises(DataError, match=r"same columns and types.*b\.parquet"):
        split(tmp_path / "*.parquet")
