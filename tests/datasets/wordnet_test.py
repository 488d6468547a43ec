from o2v_keras.datasets.wordnet import load_wordnet_sample


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
