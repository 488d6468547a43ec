import json

import numpy as np
import pandas as pd
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.recipes import DataProfile

RNG = np.random.default_rng(0)
SENTENCES = [f"the dog number {n} sees a cat" for n in range(60)]
NAMES = ["Drama", "Film Noir", "Comedy"] * 20
USERS = [f"U{n % 20}" for n in range(60)]


def data(in0, in1, label=None):
    label = [1] * len(in0) if label is None else label
    return {"in0": in0, "in1": in1, "label": label}


def write_csv(path, columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (SENTENCES, "text"),
        (NAMES, "category"),
        (USERS, "category"),
        (["a|b", "b|c"] * 30, "categories"),
        ([n % 7 for n in range(60)], "id"),
        ([[n, n + 1] for n in range(60)], "ids"),
    ],
    ids=["text", "names", "keys", "bags of names", "id", "ids"],
)
def test_tells_what_a_side_holds(column, kind):
    profile = DataProfile.of(data(column, SENTENCES))
    assert profile.in0.kind == kind
    assert profile.in1.kind == "text"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_files_are_as_data_in_memory(tmp_path, ending):
    columns = data(SENTENCES, [n % 7 for n in range(60)], [0, 1] * 30)
    path = tmp_path / f"pairs.{ending}"
    if ending == "csv":
        write_csv(path, columns)
    elif ending == "parquet":
        pd.DataFrame(columns).to_parquet(path)
    else:
        pd.DataFrame(columns).to_json(path, orient="records", lines=True)
    assert DataProfile.of(str(path)) == DataProfile.of(columns)


@pytest.mark.parametrize(
    ("labels", "kind", "classes"),
    [
        ([1] * 60, "positives", 0),
        ([0, 1] * 30, "classes", 2),
        ([0, 1, 2] * 20, "classes", 3),
        ([1, 2, 3, 4, 5, 3] * 10, "scores", 0),
        ([0.5, 1.0] * 30, "scores", 0),
        ([0] * 60, "scores", 0),
    ],
)
def test_tells_what_labels_are(labels, kind, classes):
    profile = DataProfile.of(data(SENTENCES, SENTENCES, labels))
    assert (profile.labels, profile.num_classes) == (kind, classes)


def test_titles_beside_users_are_names():
    titles = [f"the great movie number {n % 12} (1999)" for n in range(120)]
    users = [f"U{n % 30}" for n in range(120)]
    profile = DataProfile.of(data(users, titles))
    assert profile.in1.kind == "category"
    # Texts of few classes are texts, however often they are there.
    classes = [f"C{n % 3}" for n in range(120)]
    assert DataProfile.of(data(classes, titles)).in1.kind == "text"


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "pairs.parquet"
    pd.DataFrame({"title": ["a b"]}).to_parquet(path)
    with pytest.raises(DataError, match='no column "in0"'):
        DataProfile.of(str(path))
    path = write_csv(tmp_path / "p.csv", {"in0": [1], "in1": [2]})
    with pytest.raises(DataError, match='say `--label-column ""`'):
        DataProfile.of(path)


def test_ids_of_held_out_data_count():
    train = data([1, 2, 3], [4, 5, 6])
    held_out = data([90, 2], [4, 5])
    assert DataProfile.of(train).in0.largest_id == 3
    assert DataProfile.of(train, others=[held_out]).in0.largest_id == 90


def bags(own):
    """Bags of 8 of 40 items, the first of which are the most frequent."""
    shares = 1 / np.arange(1, 41)
    shares /= shares.sum()
    in0, in1 = [], []
    for _ in range(400):
        items = RNG.choice(40, 9, replace=False, p=shares) + 1
        in0.append(items[:8])
        in1.append(items[0] if own else items[8])
    return data(in0, np.array(in1))


def test_bags_of_the_other_sides_objects_are_found():
    assert DataProfile.of(bags(own=False)).same_ids
    # A target in its own bag: the ids are of something else.
    assert not DataProfile.of(bags(own=True)).same_ids


def test_ids_that_only_overlap_are_not_the_same():
    table = bags(own=False)
    table["in0"] = [41 - items for items in table["in0"]]
    assert not DataProfile.of(table).same_ids


def test_bags_of_names_are_found():
    table = data(["a|b", "b|c", "a|c"] * 10, ["c", "a", "b"] * 10)
    assert DataProfile.of(table).same_ids


def test_other_columns_and_tables(tmp_path):
    path = write_csv(tmp_path / "f.csv", {"plot": SENTENCES, "genre": NAMES})
    columns = PairColumns("plot", "genre", None)
    assert DataProfile.of(path, columns).labels == "positives"
    table = PairTable.from_arrays([[1], [2]], [[3], [4]], [1, 0])
    assert DataProfile.of(table).num_classes == 2


def test_rows_with_errors_are_left_out(tmp_path):
    path = tmp_path / "pairs.jsonl"
    record = {"in0": [1, 2], "in1": 3, "label": 4.5}
    lines = [json.dumps(record), "{broken", json.dumps(record)]
    path.write_text("\n".join(lines))
    assert DataProfile.of(str(path)).rows == 2


def test_no_usable_row_is_a_named_error(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"in0": [1], "in1": [2], "label": "x"}\n')
    with pytest.raises(DataError, match="no usable row"):
        DataProfile.of(str(path))
