import json

import keras_tuner
import pytest

from o2v_keras import Object2Vec
from o2v_keras import Object2VecHyperModel
from o2v_keras.tuning.ranges import ValueChoice
from o2v_keras.tuning.ranges import ValueRange
from o2v_keras.tuning.search_space import SearchSpace

SIZES = {"enc0_max_seq_len": 5, "enc0_vocab_size": 30}
SIDE1 = {"enc1_max_seq_len": 4, "enc1_vocab_size": 20}
NETWORKS = ("hcnn", "bilstm", "pooled_embedding", "transformer")
SEARCHED = {
    "enc0_network": ValueChoice(NETWORKS),
    "enc1_network": ValueChoice(("enc0", *NETWORKS)),
    "enc_dim": ValueRange(5, 9),
    "enc0_heads": ValueRange(1, 2),
}
TIED = {
    **SIZES,
    "enc1_max_seq_len": 5,
    "enc1_vocab_size": 30,
    "tied_token_embedding_weight": "true",
}
SPACES = {
    "defaults": (SIZES, {}),
    "enc0_bilstm": ({**SIZES, "enc0_network": "bilstm"}, {}),
    "enc0_pooled": ({**SIZES, "enc0_network": "pooled_embedding"}, {}),
    "enc1_bilstm": ({**SIZES, **SIDE1, "enc1_network": "bilstm"}, {}),
    "enc1_pooled": ({**SIZES, **SIDE1, "enc1_network": "pooled_embedding"}, {}),
    "networks_searched": (SIZES, {"enc0_network": ValueChoice(NETWORKS)}),
    "both_networks_searched": (
        {**SIZES, **SIDE1, "enc1_vocab_size": 30, "enc1_max_seq_len": 5},
        SEARCHED,
    ),
    "tied": (TIED, SEARCHED),
    "tied_with_a_fixed_width": (
        {**TIED, "enc0_network": "hcnn", "enc1_token_embedding_dim": 7},
        {"enc1_network": ValueChoice(("hcnn", "bilstm"))},
    ),
    "tying_searched": (
        {k: v for k, v in TIED.items() if not k.startswith("tied")},
        {**SEARCHED, "tied_token_embedding_weight": ValueChoice((True, False))},
    ),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_proposal_of_a_stock_oracle_is_valid(name):
    space = SearchSpace(*SPACES[name])
    seen = set()
    for seed in range(100):
        proposal = space.draw(seed)
        config = space.configure(proposal)
        assert space.fixed.items() <= {**space.fixed, **proposal}.items()
        for field, values in space.ranges.items():
            if field in proposal and isinstance(values, ValueRange):
                assert values.low <= proposal[field] <= values.high
        seen.add((config.encoder0.network, config.encoder1.network))
        for prefix in ("enc0", "enc1"):
            network = proposal.get(
                f"{prefix}_network", space.fixed.get(f"{prefix}_network")
            )
            if network == "pooled_embedding":
                assert f"{prefix}_layers" not in proposal
                assert f"{prefix}_token_embedding_dim" not in proposal
            if network in ("bilstm", "pooled_embedding", "transformer"):
                assert f"{prefix}_cnn_filter_width" not in proposal
            if network in ("hcnn", "bilstm", "pooled_embedding"):
                assert f"{prefix}_heads" not in proposal
            if network == "enc0":
                assert not any(
                    f.startswith("enc1_") and f != "enc1_network"
                    for f in proposal
                )
    searched = [
        n for n in ("enc0_network", "enc1_network") if n in space.ranges
    ]
    assert len(seen) == 16 if len(searched) == 2 else len(seen) >= len(searched)


@pytest.mark.parametrize(
    "name", ["both_networks_searched", "tied", "tying_searched"]
)
def test_proposals_build(name):
    small = {
        "mlp_dim": ValueRange(16, 17),
        "enc0_token_embedding_dim": ValueRange(5, 6),
        "enc1_token_embedding_dim": ValueRange(5, 6),
    }
    fixed, ranges = SPACES[name]
    if name == "tied":
        del small["enc1_token_embedding_dim"]
    space = SearchSpace(fixed, {**ranges, **small})
    for seed in range(6):
        config = space.configure(space.draw(seed))
        assert Object2Vec(config).config == config


def test_hypermodel_works_with_a_stock_tuner(tmp_path):
    hypermodel = Object2VecHyperModel(
        {**SIZES, "enc0_network": "pooled_embedding"},
        {
            "enc_dim": ValueRange(4, 8),
            "epochs": ValueRange(1, 2),
            "mini_batch_size": ValueRange(2, 4),
        },
    )
    hp = keras_tuner.HyperParameters()
    model = hypermodel.build(hp)
    pairs = {"in0": [[1], [2]], "in1": [[3], [4]], "label": [0, 1]}
    history = hypermodel.fit(hp, model, pairs, pairs, verbose=0)
    assert len(history.epoch) == 1
    assert {"val_loss", "val_accuracy"} <= {*history.history}
    assert {p.name for p in hp.space} == {*hypermodel.space.ranges}


def test_hypermodel_fails_a_trial_of_which_no_model_can_be_made():
    hypermodel = Object2VecHyperModel(
        {**SIZES, "enc0_network": "hcnn", "enc_dim": 4},
        {"enc0_layers": ValueRange(1, 9)},
    )
    hp = keras_tuner.HyperParameters()
    hp.values["enc0_layers"] = 9
    with pytest.raises(keras_tuner.errors.FailedTrialError, match="`enc_dim`"):
        hypermodel.build(hp)


def test_default_space_is_sagemakers():
    space = SearchSpace({**SIZES, **SIDE1, "enc1_network": "hcnn"})
    shown = {name: str(values) for name, values in space.ranges.items()}
    assert shown == {
        "dropout": "0 to 1 (linear)",
        "early_stopping_patience": "1 to 5 (linear)",
        "early_stopping_tolerance": "0.001 to 0.1 (log)",
        "enc_dim": "4 to 4096 (log)",
        "enc0_cnn_filter_width": "1 to 5 (linear)",
        "enc1_cnn_filter_width": "1 to 5 (linear)",
        "enc0_layers": "1 to 4 (linear)",
        "enc1_layers": "1 to 4 (linear)",
        "enc0_token_embedding_dim": "5 to 300 (log)",
        "enc1_token_embedding_dim": "5 to 300 (log)",
        "epochs": "4 to 20 (linear)",
        "learning_rate": "1e-06 to 1 (log)",
        "mini_batch_size": "1 to 8192 (log)",
        "mlp_activation": "tanh, relu, linear",
        "mlp_dim": "16 to 1024 (log)",
        "mlp_layers": "1 to 4 (linear)",
        "optimizer": "adagrad, adam, rmsprop, sgd, adadelta",
        "weight_decay": "0 to 1 (linear)",
    }


def test_fixed_values_stay_fixed_as_in_sagemakers_file(tmp_path):
    path = tmp_path / "h.json"
    path.write_text(
        json.dumps({**SIZES, "learning_rate": '"0.5"', "_kvstore": "device"})
    )
    with pytest.warns(UserWarning, match="ignored: _kvstore"):
        space = SearchSpace(path)
    assert "learning_rate" not in space.ranges
    assert space.configure(space.draw(1)).learning_rate == 0.5


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"enc0_network": "bilstm"}, [6, 6, 6, 8, 8]),
        ({"enc0_network": "transformer"}, [8] * 5),
        ({"enc0_network": "transformer", "enc0_heads": "3"}, [6, 6, 6, 6, 6]),
        (
            {
                **SIDE1,
                "enc0_network": "bilstm",
                "enc1_network": "transformer",
                "enc1_heads": 1,
            },
            [6, 6, 6, 8, 8],
        ),
    ],
)
def test_a_width_that_cannot_be_shared_is_rounded_within_its_range(
    fields, expected
):
    space = SearchSpace({**SIZES, **fields}, {"enc_dim": ValueRange(5, 9)})
    widths = [space.configure({"enc_dim": n}).enc_dim for n in range(5, 10)]
    assert widths == expected


def test_what_keras_tuner_passes_over_the_ends_is_put_back():
    space = SearchSpace(SIZES)
    config = space.configure(
        {"learning_rate": 9.9999999999e-07, "mlp_dim": 1025}
    )
    assert (config.learning_rate, config.mlp_dim) == (1e-6, 1024)


def test_hyperband_sets_the_epochs():
    space = SearchSpace(SIZES, search_epochs=False)
    assert "epochs" not in space.ranges
    assert space.configure({"tuner/epochs": 3}).epochs == 3


@pytest.mark.parametrize(
    ("fixed", "ranges", "message"),
    [
        ({"dropout": 0.1}, {"dropout": (0.0, 0.2)}, "`dropout` must be either"),
        ({}, {"learning_rte": (0.1, 0.2)}, "nearest known one is `learning_ra"),
        ({"droput": 1}, {}, "nearest known one is `dropout`"),
        ({}, {"learning_rate": (0.0, 0.2)}, "`learning_rate` must be a finite"),
        ({}, {"optimizer": (1, 2)}, "`optimizer` must be given as a choice"),
        ({}, {"enc_dim": (4.5, 9)}, "`enc_dim` must be an integer"),
        (
            {"enc0_network": "pooled_embedding"},
            {"enc0_layers": (1, 2)},
            "`enc0_layers` must not be searched if it has no effect",
        ),
        ({}, {"enc1_layers": (1, 2)}, "`enc1_layers` must not be searched"),
        (
            {"enc0_tokenizer": "ngrams"},
            {},
            '`enc0_tokenizer` must not be "ngrams"',
        ),
    ],
)
def test_impossible_spaces_are_refused(fixed, ranges, message):
    ranges = {name: ValueRange(*ends) for name, ends in ranges.items()}
    with pytest.raises(ValueError, match=message):
        SearchSpace({**SIZES, **fixed}, ranges)


def test_hyperband_refuses_a_range_of_epochs():
    with pytest.raises(ValueError, match="`epochs` must not be searched by"):
        SearchSpace(SIZES, {"epochs": ValueRange(1, 2)}, search_epochs=False)


def test_a_configuration_is_no_set_of_fixed_values():
    config = SearchSpace(SIZES).configure({})
    with pytest.raises(ValueError, match="must be a mapping or the path"):
        SearchSpace(config)


@pytest.mark.parametrize(
    ("fixed", "searched"),
    [
        ({"output_layer": "in_batch_softmax"}, set()),
        ({"output_layer": "cosent"}, set()),
        ({"mlp_layers": 0}, set()),
        ({"mlp_layers": "1"}, {"mlp_dim", "mlp_activation"}),
    ],
    ids=["no_mlp", "cosent", "no_layer", "a_layer"],
)
def test_settings_of_an_mlp_that_is_not_there_are_not_searched(fixed, searched):
    names = {"mlp_layers", "mlp_dim", "mlp_activation"}
    space = SearchSpace({**SIZES, **fixed})
    assert names & space.ranges.keys() == searched


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("similarity_scale", {"output_layer": "cosent"}),
        (
            "similarity_distillation_weight",
            {"output_layer": "embedding", "target_embedding_dim": 8},
        ),
    ],
)
def test_settings_of_a_head_are_searched_with_that_head_alone(name, head):
    ranges = {name: ValueRange(1.0, 4.0)}
    space = SearchSpace({**SIZES, **head}, ranges, default_ranges=False)
    assert 1 <= getattr(space.configure(space.draw(0)), name) <= 4
    with pytest.raises(ValueError, match="must not be searched if it has no"):
        SearchSpace(SIZES, ranges, default_ranges=False)
    heads = {"output_layer": ValueChoice(("softmax", "cosent"))}
    SearchSpace(SIZES, {**ranges, **heads}, default_ranges=False)


def test_gaussian_tables_have_no_penalties_to_search():
    fixed = {**SIZES, "token_embedding_kl": 0.9}
    assert "weight_decay" not in SearchSpace(fixed).ranges
    ranges = {"token_embedding_l2": ValueRange(0.0, 0.1)}
    with pytest.raises(ValueError, match="token_embedding_kl it is ignored"):
        SearchSpace(fixed, ranges)
    searched = {"token_embedding_kl": ValueRange(0.1, 2.0)}
    assert "weight_decay" not in SearchSpace(SIZES, searched).ranges


def test_settings_of_averages_are_searched_with_their_kind():
    ranges = {
        "weight_averaging_decay": ValueRange(0.9, 0.999),
        "weight_averaging_epochs": ValueRange(1, 3),
    }
    kinds = ValueChoice(("none", "ema", "tail"))
    space = SearchSpace(SIZES, {**ranges, "weight_averaging": kinds})
    for kind, name, value in [
        ("ema", "weight_averaging_decay", 0.95),
        ("tail", "weight_averaging_epochs", 2),
    ]:
        searched = {"weight_averaging": kind, name: value}
        assert getattr(space.configure(searched), name) == value
        others = {**searched, "weight_averaging": "none"}
        assert getattr(space.configure(others), name) != value
    with pytest.raises(
        ValueError, match="`weight_averaging_decay` must not be"
    ):
        SearchSpace({**SIZES, "weight_averaging": "tail"}, ranges)


def test_a_space_without_any_range_is_refused():
    with pytest.raises(ValueError, match="must have at least one range"):
        SearchSpace(SIZES, {}, default_ranges=False)


def test_options_of_an_own_encoder_are_searched():
    fixed = {
        "enc0_max_seq_len": 4,
        "enc0_vocab_size": 9,
        "enc0_network": "my_package.encoders:Mine",
        "enc0_options": '{"rate": 0.5}',
    }
    ranges = {
        "enc0_options.units": ValueRange(4, 64),
        "enc0_options.kind": ValueChoice(("first", "7", "true")),
    }
    space = SearchSpace(fixed, ranges, default_ranges=False)
    for seed in range(9):
        proposal = space.draw(seed)
        config = space.configure(proposal)
        units = proposal["enc0_options.units"]
        assert 4 <= units <= 64
        kind = {"7": 7, "true": True}.get(
            proposal["enc0_options.kind"], "first"
        )
        expected = {"rate": 0.5, "units": units, "kind": kind}
        assert config.encoder1.options == expected
        found = space.resolved(config)
        assert found == {
            "enc0_options.units": units,
            "enc0_options.kind": kind,
        }
    # SageMaker's default ranges hold no setting that it would ignore.
    assert "enc0_layers" not in SearchSpace(fixed).ranges
    with pytest.raises(ValueError, match="must not be searched if it has no"):
        SearchSpace(
            {**fixed, "enc0_network": "hcnn", "enc0_options": {}}, ranges
        )


WEIGHTINGS = {"token_weighting": ValueChoice(("none", "sif", "learned"))}


@pytest.mark.parametrize(
    ("fixed", "searched", "conditions"),
    [
        ({"enc0_network": "pooled_embedding"}, {}, []),
        ({**SIDE1, "enc1_network": "pooled_embedding"}, {}, []),
        (
            {},
            {"enc0_network": ValueChoice(("hcnn", "pooled_embedding"))},
            [("enc0_network", ["pooled_embedding"])],
        ),
    ],
)
def test_weights_of_tokens_are_searched_where_there_are_any(
    fixed, searched, conditions
):
    space = SearchSpace(
        {**SIZES, **fixed}, {**WEIGHTINGS, **searched}, default_ranges=False
    )
    hp = space.hyperparameters()
    (found,) = [p for p in hp.space if p.name == "token_weighting"]
    assert [(c.name, c.values) for c in found.conditions] == conditions
    for seed in range(9):
        space.configure(space.draw(seed))


def test_weights_of_tokens_are_not_searched_without_effect():
    with pytest.raises(ValueError, match="`token_weighting` must not be sea"):
        SearchSpace(SIZES, WEIGHTINGS, default_ranges=False)
