import numpy as np
import pytest

from o2v_keras.datasets import glove
from o2v_keras.datasets import groceries
from o2v_keras.datasets import movielens_100k
from o2v_keras.datasets import netflix
from o2v_keras.datasets import sick
from o2v_keras.datasets import stsb
from o2v_keras.datasets import wordsim
from tests.datasets.local_data import require_local_data


def pairs_of(ratings):
    return set(zip(ratings["in0"], ratings["in1"], strict=True))


def test_movielens_has_its_published_counts():
    require_local_data("ml-100k")
    ratings = movielens_100k.load_ratings()
    assert np.bincount(ratings["label"].astype(int)).tolist() == (
        [0, 6110, 11370, 27145, 34174, 21201]
    )
    assert len(np.unique(ratings["in0"])) == ratings["in0"].max() == 943
    assert len(np.unique(ratings["in1"])) == ratings["in1"].max() == 1682
    assert {name: column.dtype.name for name, column in ratings.items()} == {
        "in0": "int64",
        "in1": "int64",
        "label": "float32",
        "timestamp": "int64",
    }


@pytest.mark.parametrize("name", movielens_100k.SPLITS)
def test_movielens_splits_part_all_ratings(name):
    require_local_data("ml-100k")
    train, test = map(pairs_of, movielens_100k.load_split(name))
    assert not train & test
    assert train | test == pairs_of(movielens_100k.load_ratings())


def test_ub_test_lies_in_ua_base():
    require_local_data("ml-100k")
    _, test = movielens_100k.load_split("ub")
    train, _ = movielens_100k.load_split("ua")
    assert pairs_of(test) <= pairs_of(train)


def test_films_have_year_genres_and_accents():
    require_local_data("ml-100k")
    films = movielens_100k.load_films()
    assert [film.identifier for film in films] == list(range(1, 1683))
    assert films[49].title == "Star Wars (1977)"
    assert films[49].year == 1977
    assert films[49].genres == (
        "Action",
        "Adventure",
        "Romance",
        "Sci-Fi",
        "War",
    )
    assert sum("é" in film.title for film in films) > 5
    assert all(film.genres for film in films)


def test_stsb_has_its_published_sizes_and_means():
    require_local_data("stsb")
    splits = {name: stsb.load_split(name) for name in stsb.SPLITS}
    assert {name: len(split["in0"]) for name, split in splits.items()} == {
        "train": 5749,
        "dev": 1500,
        "test": 1379,
    }
    assert splits["test"]["label"].mean() == pytest.approx(2.608, abs=1e-3)
    assert splits["train"]["in0"][0] == "A plane is taking off."


def test_sick_has_its_published_sizes_and_classes():
    require_local_data("sick")
    splits = [sick.load_split(name, "entailment") for name in sick.SPLITS]
    assert [len(split["in0"]) for split in splits] == [4439, 495, 4906]
    labels = np.concatenate([split["label"] for split in splits])
    assert np.bincount(labels.astype(int)).tolist() == [1424, 5595, 2821]
    relatedness = sick.load_split("train")["label"]
    assert (relatedness.min(), relatedness.max()) == (1, 5)


def test_netflix_titles_are_whole():
    require_local_data("netflix-titles")
    titles = netflix.load_titles()
    assert len(titles) == 8807
    assert sum(title.kind == "Movie" for title in titles) == 6131
    assert len({g for title in titles for g in title.genres}) == 42
    assert all(title.description for title in titles)


def test_groceries_are_those_of_arules():
    require_local_data("groceries")
    baskets = groceries.load_baskets()
    assert len(baskets) == 9835
    assert len({product for basket in baskets for product in basket}) == 169
    assert sum("whole milk" in basket for basket in baskets) == 2513


def test_glove_begins_with_the():
    require_local_data("glove")
    with glove.SOURCE.open(glove.vector_file().name) as stream:
        word, *numbers = stream.readline().split()
    assert word == b"the"
    assert len(numbers) == glove.DIM


@pytest.mark.parametrize(
    ("load", "rows", "first"),
    [
        (wordsim.load_wordsim353, 353, ("love", "sex", 6.77)),
        (wordsim.load_simlex999, 999, ("old", "new", 1.58)),
    ],
    ids=["wordsim353", "simlex999"],
)
def test_word_pairs_have_human_scores(load, rows, first):
    require_local_data("wordsim")
    pairs = load()
    assert len(pairs["in0"]) == len(pairs["in1"]) == len(pairs["label"]) == rows
    found = pairs["in0"][0], pairs["in1"][0], pairs["label"][0]
    assert found == (*first[:2], pytest.approx(first[2]))


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda: movielens_100k.load_split("uc"), "one of ua, ub, u1"),
        (lambda: movielens_100k.load_ratings("u.item"), 'must be "u.data"'),
        (lambda: stsb.load_split("trial"), "one of train, dev, test"),
        (lambda: sick.load_split("dev"), "one of train, trial, test"),
        (lambda: sick.load_split("test", "score"), "`label` must be one of"),
    ],
    ids=["split", "file", "stsb", "sick", "label"],
)
def test_unknown_names_are_refused(load, message):
    with pytest.raises(ValueError, match=message):
        load()
