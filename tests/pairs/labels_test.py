import collections
import itertools

import numpy as np
import pytest

from o2v_keras.pairs import labels

FILMS = {
    "plot": ["A dog.", "A war.", "A dog.", "  ", "A cat."],
    "genre": ["drama, pets", "drama", "pets,comedy", "drama", ""],
    "kind": ["film", "film", "series", "film", "film"],
}
OPTIONS = {"label_separator": ",", "skip_bad_rows": 0.5}


def of(pairs, label):
    return {
        (r["in0"], r["in1"])
        for r in pairs.train.to_pylist()
        if r["label"] == label
    }


def test_a_text_has_the_labels_of_all_its_rows():
    pairs = labels(FILMS, "plot", "genre", negatives=0, **OPTIONS)
    assert of(pairs, 1) == {
        ("drama", "A dog."),
        ("pets", "A dog."),
        ("comedy", "A dog."),
        ("drama", "A war."),
    }
    assert len(pairs.train) == 4
    counts = pairs.report.counts
    assert counts["dropped: bad rows"] == 1
    assert counts["dropped: texts without a label"] == 1
    assert counts["dropped: rows that repeat a label and text"] == 1
    assert pairs.report.hyperparameters == {
        "enc0_tokenizer": "category",
        "enc1_tokenizer": "words",
    }


def test_negatives_are_other_labels_as_long_as_there_are_some():
    pairs = labels(FILMS, "plot", "genre", negatives=5, **OPTIONS)
    assert of(pairs, 0) == {("pets", "A war."), ("comedy", "A war.")}
    what = "dropped: negatives for want of other labels"
    assert pairs.report.counts[what] == 4 * 5 - 2


def test_several_columns_name_their_labels():
    pairs = labels(FILMS, "plot", ["genre", "kind"], negatives=0, **OPTIONS)
    assert ("genre=drama", "A war.") in of(pairs, 1)
    assert ("kind=film", "A cat.") in of(pairs, 1)


@pytest.fixture(scope="module")
def many():
    generator = np.random.default_rng(0)
    return {
        "text": [f"text {number}" for number in range(500)],
        "labels": [
            [f"label {n}" for n in generator.permutation(40)[: 1 + row % 3]]
            for row in range(500)
        ],
    }


def test_negatives_of_each_text_are_distinct_and_drawn_evenly(many):
    own = {t: set(found) for t, found in zip(*many.values(), strict=True)}
    pairs = labels(many, "text", "labels", negatives=4)
    drawn = collections.defaultdict(list)
    for row in pairs.train.to_pylist():
        if not row["label"]:
            drawn[row["in1"]].append(row["in0"])
    for text, found in drawn.items():
        assert len(found) == len(set(found)) == 4 * len(own[text])
        assert not set(found) & own[text]
    counts = collections.Counter(itertools.chain(*drawn.values()))
    assert len(counts) == 40
    mean = sum(counts.values()) / 40
    assert max(counts.values()) < 1.4 * mean
    assert min(counts.values()) > 0.6 * mean


def test_a_text_is_in_one_part(many):
    pairs = labels(many, "text", "labels", negatives=5, split="texts", test=100)
    parts = [
        set(part["in1"].to_pylist())
        for part in (pairs.train, pairs.validation, pairs.test)
    ]
    assert [len(part) for part in parts] == [350, 50, 100]
    assert not any(a & b for a, b in itertools.combinations(parts, 2))
    # With negatives in each.
    assert set(pairs.test["label"].to_pylist()) == {0, 1}


def test_negatives_are_labels_of_the_training():
    source = {
        "text": [f"text {number}" for number in range(20)],
        "label": [f"label {number}" for number in range(20)],
    }
    pairs = labels(source, "text", "label", negatives=5, split="texts", test=10)
    known = of(pairs, 1)
    drawn = [r for r in pairs.test.to_pylist() if not r["label"]]
    assert len(drawn) == 50
    assert {r["in0"] for r in drawn} <= {label for label, _ in known}


def test_rare_labels_are_left_out(many):
    counts = collections.Counter(itertools.chain(*many["labels"]))
    pairs = labels(many, "text", "labels", min_texts=25, negatives=1)
    common = {label for label, count in counts.items() if count >= 25}
    assert 0 < len(common) < 40
    assert set(pairs.train["in0"].to_pylist()) == common


def test_texts_with_line_breaks_and_quotes(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text('plot,genre\n"A ""dog"",\nbig.",drama\n"A | war.",war\n')
    pairs = labels(path, "plot", "genre", negatives=0)
    assert of(pairs, 1) == {
        ("drama", 'A "dog",\nbig.'),
        ("war", "A | war."),
    }


@pytest.mark.parametrize(
    ("label", "options", "message"),
    [
        ([], {}, "`label` must name a column"),
        ("genre", {"negatives": -1}, "`negatives` must be a whole number"),
        ("genre", {"split": "random"}, "`split` must be one of texts"),
        ("genres", {}, "Missing: genres"),
    ],
)
def test_arguments_are_checked(label, options, message):
    with pytest.raises(ValueError, match=message):
        labels(FILMS, "plot", label, **options)
