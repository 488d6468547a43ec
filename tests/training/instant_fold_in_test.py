import json

import numpy as np
import pytest

from o2v_keras.__main__ import main
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read.in_memory import read_in_memory
from o2v_keras.evaluation.inference import embed
from o2v_keras.evaluation.inference import predict_scores
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.models.trained_ids import TrainedIds
from o2v_keras.training import instant_fold_in
from o2v_keras.training.fold_in import fold_in
from o2v_keras.training.instant_fold_in import InstantFoldIn
from o2v_keras.training.instant_fold_in import fold_in_instantly
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config

IDS = {
    "enc0_max_seq_len": 1,
    "enc0_vocab_size": 12,
    "enc1_network": "pooled_embedding",
    "enc1_max_seq_len": 1,
    "enc1_vocab_size": 20,
    "mlp_layers": 0,
}
RATINGS = {
    **IDS,
    "output_layer": "mean_squared_error",
    "comparator_list": ("hadamard", "concat"),
}
SOFTMAX = {
    **IDS,
    "output_layer": "in_batch_softmax",
    "similarity": "dot",
    "temperature": 0.7,
}
BPR = {
    **IDS,
    "output_layer": "bpr",
    "negative_sampling_rate": 2,
    "comparator_list": ("hadamard", "concat"),
}
# A row of the table that stands for the new object.
SPARE = 11
PARTNERS = [[3], [5], [9], [14]]
LABELS = np.array([4.0, 1.0, 5.0, 3.0])


def make_model(hyperparameters):
    model = Object2Vec(make_config(**hyperparameters))
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def scores_of(model, side, vector, partners):
    """The model's scores of the object that has a vector."""
    table = model.token_embeddings[int(side[-1])].embeddings
    values = table.numpy()
    values[SPARE] = vector
    table.assign(values)
    other = {"in0": "in1", "in1": "in0"}[side]
    rows = {side: [[SPARE]] * len(partners), other: partners}
    return predict_scores(model, rows)[:, 0].astype(float)


def assert_least(loss, vector):
    """The loss of a vector is below that of all vectors next to it."""
    least = loss(vector)
    for step in 0.02 * np.vstack([np.eye(len(vector)), -np.eye(len(vector))]):
        assert loss(vector + step) > least


@pytest.mark.parametrize("side", ["in0", "in1"])
@pytest.mark.parametrize(
    "comparators",
    [("dot",), ("hadamard", "concat"), ("concat", "dot", "hadamard")],
    ids="-".join,
)
def test_ratings_get_the_least_squares_of_the_model(side, comparators):
    model = make_model({**RATINGS, "comparator_list": comparators})
    model.get_layer("scores").bias.assign([2.5])
    other = {"in0": "in1", "in1": "in0"}[side]
    partners = [[3], [5], [9], [10]]
    weights = np.array([1.0, 0.5, 2.0, 1.0])
    records = {other: partners, "label": LABELS, "weight": weights}
    vector = InstantFoldIn(model, side, penalty=0.05)(records)
    table = model.token_embeddings[int(side[-1])].embeddings.numpy()
    centre = table[1:].mean(axis=0)

    def loss(x):
        errors = LABELS - scores_of(model, side, x, partners)
        far = np.sum((x - centre) ** 2)
        return weights @ errors**2 + 0.05 * weights.sum() * far

    assert vector.dtype == np.float32
    assert_least(loss, vector)


def test_training_s_own_penalty_counts_from_zero():
    model = make_model({**RATINGS, "token_embedding_l2": 0.8})
    vector = InstantFoldIn(model, "in0")({"in1": PARTNERS, "label": LABELS})

    def loss(x):
        errors = LABELS - scores_of(model, "in0", x, PARTNERS)
        return np.sum(errors**2) + 4 * 0.8 * x @ x

    assert_least(loss, vector)


@pytest.mark.parametrize("own", [0.0, 0.01, 3.0])
def test_the_default_penalty_is_at_least_that_of_the_other_side(own):
    model = make_model({**SOFTMAX, "token_embedding_l2": own})
    records = {"in1": PARTNERS, "label": [1] * 4}
    table = model.token_embeddings[1].embeddings.numpy()[1:] / 0.7
    penalty = max(own, np.mean(table**2))
    np.testing.assert_allclose(
        InstantFoldIn(model, "in0")(records),
        InstantFoldIn(model, "in0", penalty)(records),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("side", ["in0", "in1"])
def test_a_posterior_has_the_least_expected_loss(side):
    model = make_model({**RATINGS, "token_embedding_kl": 0.8})
    number = int(side[-1])
    own, other = (model.token_embeddings[n] for n in (number, 1 - number))
    rng = np.random.default_rng(2)
    for table in (own, other):
        weights = table.log_variances.embeddings
        weights.assign(rng.normal(-1, 0.5, weights.shape))
        table.log_precisions.assign(rng.normal(0, 0.5, 8))
    fold = InstantFoldIn(model, side)
    partners, weights = [3, 5, 9, 10], np.array([1.0, 0.5, 2.0, 1.0])
    name = {"in0": "in1", "in1": "in0"}[side]
    ids = {name: np.array(partners)[:, np.newaxis]}
    records = {**ids, "label": LABELS, "weight": weights}
    table = read_in_memory(records, (name,), True, PairColumns(), {})[0].table
    mean, variances = fold.row(table)
    kernel = model.get_layer("scores").kernel.numpy()[:, 0]
    product, *halves = np.split(kernel, 3)
    bias = model.get_layer("scores").bias.numpy()[0]
    # (directions, partners, dim): they have the moments of the rows, so means
    # of squares are exact.
    spread = np.exp(other.log_variances.embeddings.numpy()[partners] / 2)
    signs = np.sqrt(8) * np.vstack([np.eye(8), -np.eye(8)])[:, np.newaxis]
    rows = other.embeddings.numpy()[partners] + signs * spread
    precisions = np.exp(own.log_precisions.numpy())

    def loss(numbers):
        mean, variances = numbers[:8], np.exp(numbers[8:])
        points = mean + signs[:, 0] * np.sqrt(variances)
        scores = (rows * product) @ points.T + (rows @ halves[1 - number])[
            ..., np.newaxis
        ]
        scores += points @ halves[number] + bias
        errors = LABELS[:, np.newaxis] - scores
        ratios = variances * precisions
        divergence = mean**2 * precisions + ratios - np.log(ratios) - 1
        return weights @ (errors**2).mean(axis=(0, 2)) + 0.4 * divergence.sum()

    assert_least(loss, np.r_[mean, np.log(variances)])


def test_softmax_is_over_all_objects():
    model = make_model(SOFTMAX)
    records = {"in1": PARTNERS, "label": [1, 1, 0, 1]}
    vector = InstantFoldIn(model, "in0", penalty=0.1)(records)
    everything = np.arange(1, 20)[:, None].tolist()

    def loss(x):
        logits = scores_of(model, "in0", x, everything) / 0.7
        all_ = np.log(np.exp(logits).sum())
        return 3 * all_ - logits[[2, 4, 13]].sum() + 3 * 0.1 * x @ x

    assert_least(loss, vector)


def test_a_learned_temperature_is_the_one_that_was_learned():
    model = make_model({**SOFTMAX, "learn_temperature": True})
    fixed = make_model({**SOFTMAX, "temperature": 0.3})
    for old, new in zip(
        fixed.token_embeddings, model.token_embeddings, strict=True
    ):
        new.embeddings.assign(old.embeddings)
    model.get_layer("pair_vectors").log_temperature.assign(np.log(0.3))
    records = {"in1": PARTNERS}
    columns = PairColumns(label=None)
    np.testing.assert_allclose(
        InstantFoldIn(model, "in0")(records, columns),
        InstantFoldIn(fixed, "in0")(records, columns),
        rtol=1e-4,
        atol=1e-5,
    )


def test_cosines_know_no_lengths_of_the_other_side():
    model = make_model({**SOFTMAX, "similarity": "cosine"})
    records = {"in1": PARTNERS, "label": [1] * 4}
    vector = InstantFoldIn(model, "in0")(records)
    table = model.token_embeddings[1].embeddings
    lengths = np.random.default_rng(0).uniform(0.5, 3, (20, 1))
    table.assign(table.numpy() * lengths)
    again = InstantFoldIn(model, "in0")(records)
    np.testing.assert_allclose(again, vector, rtol=1e-3, atol=1e-5)


def test_bpr_ranks_records_above_all_others():
    model = make_model(BPR)
    records = {"in1": PARTNERS, "label": [1] * 4}
    vector = InstantFoldIn(model, "in0", penalty=0.02)(records)
    positives = [2, 4, 8, 13]
    everything = np.arange(1, 20)[:, None].tolist()

    def loss(x):
        scores = scores_of(model, "in0", x, everything)
        others = np.delete(scores, positives)
        margins = scores[positives][:, None] - others
        losses = np.log1p(np.exp(-margins)).mean(axis=1)
        return losses.sum() + 4 * 0.02 * x @ x

    assert_least(loss, vector)


def test_the_other_side_may_be_anything_with_a_corpus():
    model = make_model(
        {**SOFTMAX, "enc1_network": "hcnn", "enc1_max_seq_len": 4}
    )
    with pytest.raises(ValueError, match="`corpus` must hold the objects of"):
        InstantFoldIn(model, "in0")
    corpus = {"in1": [[3, 4], [5], [6, 7, 8], [3, 4], [9]]}
    fold = InstantFoldIn(model, "in0", penalty=1e-4, corpus=corpus)
    vector = fold({"in1": [[3, 4], [9]], "label": [1, 1]})
    scores = scores_of(model, "in0", vector, corpus["in1"])
    assert min(scores[[0, 4]]) > max(scores[[1, 2]])


def test_of_many_objects_an_even_sample_is_taken(monkeypatch):
    model = make_model(SOFTMAX)
    monkeypatch.setattr(instant_fold_in, "_MOST_CANDIDATES", 6)
    fold = InstantFoldIn(model, "in0")
    assert len(fold._candidates) == 6
    assert np.isfinite(fold({"in1": PARTNERS, "label": [1] * 4})).all()


def test_a_bag_is_encoded():
    model = make_model(
        {
            **SOFTMAX,
            "enc0_max_seq_len": 3,
            "enc0_vocab_size": 20,
            "exclude_query_tokens": True,
        }
    )
    fold = InstantFoldIn(model, "in0")
    vector = fold({"in1": PARTNERS[:3], "label": [1, 0, 1]})
    expected = embed(model, "in0", {"in0": [[3, 9]]})[0]
    np.testing.assert_allclose(vector, expected, rtol=1e-6)
    with pytest.warns(UserWarning, match="bag of 4 records is cut to its f"):
        fold({"in1": PARTNERS, "label": [1] * 4})


@pytest.mark.parametrize(
    ("changes", "side", "reason"),
    [
        ({"mlp_layers": 1}, "in0", "mlp_layers=1"),
        (
            {"comparator_list": ("abs_diff", "dot")},
            "in0",
            "the comparator abs_d",
        ),
        ({"output_layer": "softmax"}, "in0", "the head Classification"),
        ({"enc0_network": "hcnn"}, "in0", "in0 in the encoder HCNN"),
        ({"enc0_max_seq_len": 4}, "in0", "in0 of up to 4 ids a row"),
        (
            {"enc0_token_weighting": "learned"},
            "in0",
            "in0 with token_weighting='lea",
        ),
        (
            {**BPR, "token_embedding_kl": 0.1},
            "in0",
            "token_embedding_kl=0.1 with the head BPR",
        ),
        (
            {"token_embedding_kl": 0.1, "enc1_network": "hcnn"},
            "in0",
            "token_embedding_kl=0.1 with the encoder HCNN of in1",
        ),
        (SOFTMAX, "in1", "new objects of in1 with negative_sampling_side"),
    ],
)
def test_what_needs_training_is_named(changes, side, reason):
    fields = {**RATINGS, "comparator_list": ("dot",), **changes}
    if "enc0_token_weighting" in fields:
        fields["token_weighting"] = fields.pop("enc0_token_weighting")
    model = Object2Vec(make_config(**fields))
    message = f"`model` must be a model and a side that.*Received: {reason}"
    with pytest.raises(ValueError, match=message):
        InstantFoldIn(model, side)


def test_records_that_say_nothing_are_named():
    model = make_model(SOFTMAX)
    fold = InstantFoldIn(model, "in0")
    with pytest.raises(DataError, match="label: no 1 among all"):
        fold({"in1": [[3], [4]], "label": [0, 0]})
    with pytest.raises(DataError, match="in1"):
        fold({"in1": [[3], [99]], "label": [1, 1]})
    model.trained_ids = TrainedIds(model.config)
    model.trained_ids.sides["in1"][[3, 5, 7]] = True
    fold = InstantFoldIn(model, "in0")
    assert len(fold._candidates) == 3
    with pytest.warns(UserWarning, match="1 of 2 records are left out: train"):
        vector = fold({"in1": [[3], [4]], "label": [1, 1]})
    np.testing.assert_array_equal(vector, fold({"in1": [[3]], "label": [1]}))
    with (
        pytest.warns(UserWarning, match="1 of 1 records are left out"),
        pytest.raises(DataError, match="labelled 1. Received: 1 records, no"),
    ):
        fold({"in1": [[4]], "label": [1]})
    with pytest.raises(ValueError, match="`penalty` must be at least 0"):
        InstantFoldIn(model, "in0", penalty=-1)
    with pytest.raises(ValueError, match='`side` must be "in0" or "in1"'):
        InstantFoldIn(model, "user")
    model = make_model({**RATINGS, "token_embedding_kl": 0.1})
    with pytest.raises(ValueError, match="`penalty` must be left out for a"):
        InstantFoldIn(model, "in0", penalty=1.0)


def make_ratings(rows, users=12):
    rng = np.random.default_rng(rows)
    return {
        "in0": rng.integers(1, users, (rows, 1)),
        "in1": rng.integers(1, 20, (rows, 1)),
        "label": rng.normal(3, 1, rows),
    }


NEW = {
    "in0": [[12], [13], [12], [4]],
    "in1": [[3], [5], [9], [7]],
    "label": [5.0, 1.0, 4.0, 3.0],
}


@pytest.fixture
def model_dir(tmp_path):
    config = make_config(**RATINGS)
    train(config, make_ratings(60), model_dir=tmp_path / "old", verbose=0)
    return tmp_path / "old"


def test_new_ids_get_their_vectors_and_known_ones_keep_theirs(
    model_dir, tmp_path
):
    made = fold_in_instantly(
        model_dir, NEW, model_dir=tmp_path / "new", verbose=0
    )
    before, after = (load_model(tmp_path / name) for name in ("old", "new"))
    tables = [
        [table.embeddings.numpy() for table in model.token_embeddings]
        for model in (before, after, made)
    ]
    np.testing.assert_array_equal(tables[0][0], tables[1][0][:12])
    np.testing.assert_array_equal(tables[0][1], tables[1][1])
    np.testing.assert_array_equal(tables[1][0], tables[2][0])
    fold = InstantFoldIn(before, "in0")
    expected = [
        fold({"in1": [[3], [9]], "label": [5.0, 4.0]}),
        fold({"in1": [[5]], "label": [1.0]}),
    ]
    np.testing.assert_allclose(tables[1][0][12:], expected, rtol=1e-5)
    seen = after.trained_ids.sides
    assert seen["in0"][12:].all()
    np.testing.assert_array_equal(
        seen["in0"][:12], before.trained_ids.sides["in0"]
    )
    np.testing.assert_array_equal(seen["in1"], before.trained_ids.sides["in1"])


def test_new_ids_get_their_posterior(tmp_path):
    config = make_config(**RATINGS, token_embedding_kl=0.5)
    train(config, make_ratings(60), model_dir=tmp_path / "old", verbose=0)
    fold_in_instantly(
        tmp_path / "old", NEW, model_dir=tmp_path / "new", verbose=0
    )
    before, after = (
        load_model(tmp_path / name).token_embeddings[0].log_variances.embeddings
        for name in ("old", "new")
    )
    np.testing.assert_array_equal(before.numpy(), after.numpy()[:12])
    # 12 has two records, 13 one.
    assert after.numpy()[12].mean() < after.numpy()[13].mean()


@pytest.mark.slow
def test_instant_vectors_are_near_to_trained_ones(tmp_path):
    config = make_config(**RATINGS, token_embedding_l2=2.0, epochs=20)
    train(config, make_ratings(200), model_dir=tmp_path / "old", verbose=0)
    fold_in(
        tmp_path / "old",
        NEW,
        model_dir=tmp_path / "trained",
        hyperparameters={
            "epochs": 300,
            "learning_rate": 0.01,
            "early_stopping_patience": 300,
        },
        verbose=0,
    )
    fold_in_instantly(
        tmp_path / "old", NEW, model_dir=tmp_path / "new", verbose=0
    )
    trained, instant = (
        load_model(tmp_path / name).token_embeddings[0].embeddings.numpy()[12:]
        for name in ("trained", "new")
    )
    # The best epoch is the one of the lowest loss without the penalty.
    np.testing.assert_allclose(instant, trained, rtol=0.1, atol=0.02)


def test_a_name_becomes_a_new_category(tmp_path):
    names = np.array(["anna", "bert", "carl"])
    source = make_ratings(200, users=4)
    source["who"] = names[source.pop("in0")[:, 0] - 1]
    columns = PairColumns(in0="who")
    config = make_config(**{**RATINGS, "enc0_tokenizer": "category"})
    settings = {"columns": columns, "verbose": 0}
    train(config, source, model_dir=tmp_path / "old", **settings)
    new = {"who": ["dora", "anna"], "in1": [[1], [2]], "label": [1.0, 2.0]}
    fold_in_instantly(
        tmp_path / "old", new, model_dir=tmp_path / "new", **settings
    )
    before, after = (load_model(tmp_path / name) for name in ("old", "new"))
    found = after.embed_texts(["dora", "anna"], side="in0")
    expected = InstantFoldIn(before, "in0")({"in1": [[1]], "label": [1.0]})
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
    np.testing.assert_array_equal(
        found[1], before.embed_texts(["anna"], side="in0")[0]
    )


@pytest.mark.parametrize(
    ("records", "error", "message"),
    [
        (make_ratings(5), ValueError, "`train` must hold new ids of in0 or"),
        (
            {**NEW, "in1": [[3], [25], [9], [7]]},
            ValueError,
            "`train` must hold new ids of one side alone",
        ),
        ({**NEW, "label": [5.0, np.nan, 4.0, 3.0]}, DataError, "label"),
    ],
    ids=["no_new", "both_sides", "bad_label"],
)
def test_unusable_records_write_nothing(
    model_dir, tmp_path, records, error, message
):
    new = tmp_path / "new"
    with pytest.raises(error, match=message):
        fold_in_instantly(model_dir, records, model_dir=new, verbose=0)
    assert not new.exists()


def test_a_model_of_bags_needs_no_folding_in(tmp_path):
    bags = {
        **SOFTMAX,
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 20,
        "exclude_query_tokens": True,
    }
    source = make_ratings(30) | {"label": [1] * 30}
    train(make_config(**bags), source, model_dir=tmp_path / "old", verbose=0)
    new = {"in0": [[20]], "in1": [[3]], "label": [1]}
    with pytest.raises(ValueError, match="`model` needs no folding in of in0"):
        fold_in_instantly(
            tmp_path / "old", new, model_dir=tmp_path / "new", verbose=0
        )


def test_the_command_folds_in_without_training(model_dir, tmp_path, capsys):
    rows = [
        dict(zip(NEW, values, strict=True))
        for values in zip(*NEW.values(), strict=True)
    ]
    data = tmp_path / "new.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    command = ["fold-in", "--model", str(model_dir), "--train", str(data)]
    command += ["--model-dir", str(tmp_path / "new")]
    for wrong, message in (
        (["--instant", "--epochs", "3"], "`--epochs` must be left out with"),
        (["--instant", "--set", "seed=3"], "`--set` must be left out with"),
        (["--penalty", "3"], "`--penalty` must be left out without"),
    ):
        assert main([*command, *wrong]) == 2
        assert message in capsys.readouterr().err
    assert main([*command, "--instant", "--penalty", "0.5"]) == 0
    assert "in0: 2 new ids, from 12 on" in capsys.readouterr().out
    assert load_model(tmp_path / "new").config.enc0_vocab_size == 14
    assert main([*command, "--instant"]) == 2
    assert "already holds a model" in capsys.readouterr().err
    assert main([*command, "--instant", "--overwrite"]) == 0
