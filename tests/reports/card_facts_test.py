import pytest

from o2v_keras.reports.card_facts import ModelFacts
from o2v_keras.reports.card_facts import model_limits

SCORES = {"accuracy": 0.8, "cross_entropy": 0.5, "loss": 0.5}


def limits(**changes):
    metrics = {
        "train": SCORES,
        "validation": SCORES,
        "test": SCORES,
        "baselines": {},
        "best_epoch": 1,
    }
    epochs = [{"epoch": n, "val_loss": 1.0} for n in range(3)]
    facts = {"config": {}, "metrics": metrics, "epochs": epochs}
    facts |= {"data": {}, "rejected": {}, **changes}
    facts["metrics"] = {**metrics, **facts["metrics"]}
    return "\n".join(model_limits(ModelFacts("m", **facts)))


def test_a_sound_training_has_no_limits():
    assert limits() == ""


def baseline(**scores):
    return {"baselines": {"test": {"popular": scores}}}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics": {"test": {}}}, "There was no test data."),
        ({"metrics": {"validation": {}}}, "There was no validation data"),
        (
            {"metrics": {"validation": {}, "test": {}}},
            "scored on its training data alone",
        ),
        (
            {"metrics": baseline(accuracy=0.8)},
            "baseline `popular`**: accuracy 0.8000 against 0.8000",
        ),
        (
            {"metrics": baseline(cross_entropy=0.4)},
            "cross_entropy 0.5000 against 0.4000 on the test data",
        ),
        ({"metrics": {"refit": True}}, "has since been trained on all rows"),
        ({"metrics": {"best_epoch": 2}}, "The best epoch, 2, was the last"),
        (
            {"metrics": {"advice": {"in0": "embeddings are all alike"}}},
            "Embeddings are all alike.",
        ),
        (
            {"epochs": [{"epoch": n, "val_loss": n + 1.0} for n in range(3)]},
            "rose from 1.0000 to 3.0000",
        ),
        ({"rejected": {"train": 1200}}, "1,200 rows of the train data"),
        ({"config": {"enc0_max_seq_len": 9}}, "`in0` the first 9 ids count"),
        (
            {"config": {"enc0_vocab_size": 9, "enc1_network": "enc0"}},
            "`in1` knows the ids below 9",
        ),
        ({"config": {"negative_sampling_rate": 3}}, "drawn at random (3 for"),
        ({"config": {"comparator_list": ["concat"]}}, "by concat and not"),
        (
            {"config": {"comparator_list": ["dot"]}, "similarity_sign": -1},
            "**Upside down**: this model scores pairs lower",
        ),
        (
            {"config": {"comparator_list": ["concat", "dot"]}},
            "may be the worst: compare",
        ),
        (
            {
                "evaluation": {
                    "metrics": {"ndcg@10": 0.1},
                    "baselines": {"popularity": {"ndcg@10": 0.2}},
                }
            },
            "baseline `popularity`**: ndcg@10 0.1000 against 0.2000",
        ),
    ],
)
def test_each_fact_has_its_sentence(changes, sentence):
    assert sentence in limits(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": baseline(accuracy=0.7, cross_entropy=0.6)},
        {
            "config": {"comparator_list": ["concat", "cosine"]},
            "similarity_sign": 1,
        },
        {
            "config": {
                "output_layer": "in_batch_softmax",
                "comparator_list": ["hadamard"],
            }
        },
        {
            "config": {"learning_rate_schedule": "cosine", "epochs": 3},
            "metrics": {"best_epoch": 2},
        },
        {"config": {"enc0_max_seq_len": 1}},
    ],
)
def test_what_is_well_is_no_limit(changes):
    assert limits(**changes) == ""
