import collections

from o2v_keras.datasets.wordnet import load_hypernyms
from o2v_keras.datasets.wordnet import load_synsets
from o2v_keras.datasets.wordnet import load_wordnet_sample
from tests.datasets.local_data import require_local_data


def test_splits_share_no_synset_and_no_definition():
    splits = load_wordnet_sample()
    synsets = [synset for split in splits.values() for synset in split]
    assert len(synsets) == 30_000
    assert len({synset.identifier for synset in synsets}) == 30_000
    assert len({synset.definition for synset in synsets}) == 30_000


def test_every_category_is_trained_on():
    splits = load_wordnet_sample()
    categories = {
        name: {synset.category for synset in split}
        for name, split in splits.items()
    }
    assert len(categories["train"]) == 45
    assert categories["test"] <= categories["train"]


def test_whole_wordnet_has_its_published_counts():
    require_local_data("wordnet")
    synsets = load_synsets()
    parts = collections.Counter(s.identifier[0] for s in synsets)
    assert parts == {"n": 82_115, "v": 13_767, "a": 18_156, "r": 3_621}
    assert sum(bool(synset.examples) for synset in synsets) == 32_884
    names = {synset.identifier for synset in synsets}
    hypernyms = load_hypernyms()
    assert len(hypernyms) == 97_666
    assert {name for pair in hypernyms for name in pair} <= names
