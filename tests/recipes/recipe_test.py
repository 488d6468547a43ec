import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import learn_tokenizers
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.recipes import DataProfile
from o2v_keras.recipes import choose_recipe
from tests.recipes.data_profile_test import NAMES
from tests.recipes.data_profile_test import SENTENCES
from tests.recipes.data_profile_test import bags
from tests.recipes.data_profile_test import data

IDS = [n % 7 for n in range(60)]
STARS = [1, 2, 3, 4, 5, 3] * 10
CLASSES = [0, 1] * 30


@pytest.mark.parametrize(
    ("source", "name", "monitor"),
    [
        (data(IDS, IDS), "retrieval", "val_ndcg@10"),
        (bags(own=False), "retrieval", "val_ndcg@10"),
        (data(SENTENCES, SENTENCES), "retrieval", "val_ndcg@10"),
        (data(SENTENCES, NAMES), "label-text", "val_mrr"),
        (data(NAMES, SENTENCES), "label-text", "val_mrr"),
        (data(SENTENCES, NAMES, CLASSES), "label-text", None),
        (data(IDS, IDS, STARS), "ratings", None),
        (data(NAMES, IDS, STARS), "ratings", None),
        (data(SENTENCES, SENTENCES, STARS), "sentence-similarity", None),
        (data(SENTENCES, SENTENCES, CLASSES), "classification", None),
        (data(IDS, IDS, CLASSES), "classification", None),
    ],
)
def test_the_data_say_which_recipe(source, name, monitor):
    recipe = choose_recipe(DataProfile.of(source))
    assert recipe.name == name
    assert monitor is None or recipe.monitor == monitor
    config = Object2VecConfig.recipe(None, source, verbose=0)
    for field, (value, reason) in recipe.choices.items():
        assert reason
        if field != "comparator_list":
            assert getattr(config, field) == value


def test_bags_do_not_have_their_own_objects_as_negatives():
    source = bags(own=False)
    assert Object2VecConfig.recipe(None, source, verbose=0).exclude_query_tokens
    names = data(["a|b", "b|c", "a|c"] * 10, ["c", "a", "b"] * 10)
    config = Object2VecConfig.recipe(None, names, verbose=0)
    assert config.enc0_tokenizer == config.enc1_tokenizer == "categories"
    assert config.exclude_query_tokens


def test_long_texts_are_words_in_smaller_batches():
    long = [f"{text} " * 100 for text in SENTENCES]
    config = Object2VecConfig.recipe(None, data(long, SENTENCES), verbose=0)
    assert config.enc0_tokenizer == "words"
    assert config.mini_batch_size * 4 * len(long[0]) <= 1 << 20


@pytest.mark.parametrize("times", [9, 900], ids=["ngrams", "words"])
def test_no_text_of_the_training_data_is_cut(times):
    # Each character is a word of its own.
    dense = ["a.b," * (times + n) for n in range(60)]
    source = data(dense, SENTENCES)
    config = Object2VecConfig.recipe(None, source, verbose=0)
    tokenizers = learn_tokenizers(source, config, verbose=0)
    config = tokenizers.configure(config)
    table = load_pairs(source, config, tokenizers=tokenizers, verbose=0)
    assert table.in0.lengths.max() <= config.enc0_max_seq_len


def test_given_values_win_and_are_printed(capsys):
    config = Object2VecConfig.recipe("ratings", data(IDS, IDS, STARS), epochs=3)
    assert config.epochs == 3
    printed = capsys.readouterr().out
    assert "recipe ratings: 60 rows; in0: one of 7 ids" in printed
    assert "epochs" in printed and "= 3: given" in printed


def test_labels_that_may_be_either_are_named():
    stars, either = [0, 1, 2, 3, 4, 5] * 10, data(IDS, IDS)
    recipe = choose_recipe(DataProfile.of({**either, "label": stars}))
    assert recipe.name == "ratings"
    assert "labels 0 to 5 are taken for scores" in str(recipe)
    texts = data(SENTENCES, SENTENCES, stars)
    recipe = choose_recipe(DataProfile.of(texts))
    assert recipe.name == "classification"
    assert "take `--recipe sentence-similarity`" in str(recipe)


def test_ids_with_large_gaps_are_refused():
    source = data([n % 7 + 2_000_000_000 for n in range(60)], IDS)
    with pytest.raises(ValueError, match="in0 holds ids up to 2,000,000,006"):
        Object2VecConfig.recipe(None, source, verbose=0)


def test_plain_positives_are_told_of_bags():
    note = "`o2v pairs interactions --user-as items` makes bags"
    assert note in str(choose_recipe(DataProfile.of(data(IDS, IDS))))
    assert note not in str(choose_recipe(DataProfile.of(bags(own=False))))


def test_sagemaker_keeps_its_defaults():
    config = Object2VecConfig.recipe(
        "sagemaker", data(IDS, IDS, CLASSES), verbose=0
    )
    defaults = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=7)
    for name in ("enc0_network", "enc_dim", "epochs", "mlp_dim", "optimizer"):
        assert getattr(config, name) == getattr(defaults, name)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("rating", data(IDS, IDS), "must be one of retrieval, ratings"),
        ("ratings", data(IDS, IDS), "ratings needs labels that differ"),
        ("retrieval", data(IDS, IDS, STARS), "needs labels that are all 1"),
        ("sagemaker", data(SENTENCES, IDS), "needs ids on both sides"),
        (
            "sentence-similarity",
            data(IDS, SENTENCES, STARS),
            "needs texts on both sides",
        ),
        ("label-text", data(SENTENCES, NAMES, STARS), "needs labels of 1"),
        ("classification", data(IDS, IDS, STARS), "needs labels 0, 1, 2"),
        ("label-text", data(IDS, IDS), "needs texts on one side"),
    ],
)
def test_a_recipe_for_other_data_is_a_named_error(name, source, message):
    with pytest.raises(ValueError, match=message):
        Object2VecConfig.recipe(name, source, verbose=0)
