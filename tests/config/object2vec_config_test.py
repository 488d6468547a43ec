import dataclasses
import json
import warnings

import pytest

from o2v_keras import Object2VecConfig
from o2v_keras.config.encoder_config import UNLIMITED
from o2v_keras.models import presets

REQUIRED = {"enc0_max_seq_len": 10, "enc0_vocab_size": 100}


def make(**fields):
    return Object2VecConfig(**{**REQUIRED, **fields})


def test_defaults_are_sagemakers():
    assert make().to_dict() == {
        "enc0_max_seq_len": 10,
        "enc0_vocab_size": 100,
        "enc0_network": "hcnn",
        "enc0_options": {},
        "enc0_layers": "auto",
        "enc0_cnn_filter_width": 3,
        "enc0_heads": 4,
        "enc0_feed_forward_dim": "auto",
        "enc0_token_embedding_dim": 300,
        "enc0_pretrained_embedding_file": "",
        "enc0_vocab_file": "",
        "enc0_freeze_pretrained_embedding": True,
        "enc0_freeze_epochs": 0,
        "enc0_tokenizer": "",
        "enc0_min_count": 1,
        "enc0_hash_buckets": 0,
        "enc0_id_dropout": 0.0,
        "enc0_unknown_id": 0,
        "enc1_network": "enc0",
        "enc1_options": {},
        "enc1_max_seq_len": 10,
        "enc1_vocab_size": 100,
        "enc1_layers": "auto",
        "enc1_cnn_filter_width": 3,
        "enc1_heads": 4,
        "enc1_feed_forward_dim": "auto",
        "enc1_token_embedding_dim": 300,
        "enc1_pretrained_embedding_file": "",
        "enc1_vocab_file": "",
        "enc1_freeze_pretrained_embedding": True,
        "enc1_freeze_epochs": 0,
        "enc1_tokenizer": "",
        "enc1_min_count": 1,
        "enc1_hash_buckets": 0,
        "enc1_id_dropout": 0.0,
        "enc1_unknown_id": 0,
        "enc_dim": 4096,
        "matryoshka_dims": [],
        "tied_token_embedding_weight": False,
        "shared_encoder": False,
        "token_embedding_storage_type": "dense",
        "token_weighting": "none",
        "token_combiner": "mean",
        "comparator_list": ["hadamard", "concat", "abs_diff"],
        "mlp_layers": 2,
        "mlp_dim": 512,
        "mlp_activation": "linear",
        "output_layer": "softmax",
        "num_classes": 2,
        "similarity": "cosine",
        "temperature": 0.05,
        "learn_temperature": False,
        "sampling_bias_correction": True,
        "hard_negatives": 0,
        "same_side_negatives": False,
        "exclude_query_tokens": False,
        "hardness_strength": 0.0,
        "mined_negatives": 0,
        "mining_epochs": 1,
        "similarity_scale": 20.0,
        "target_embedding_file": "",
        "target_embedding_dim": None,
        "embedding_side": "in0",
        "embedding_loss": "cosine",
        "similarity_distillation_weight": 1.0,
        "dropout": 0.0,
        "optimizer": "adam",
        "learning_rate": 0.0004,
        "learning_rate_schedule": "constant",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "token_embedding_l2": 0.0,
        "token_embedding_kl": 0.0,
        "global_clipnorm": 0.0,
        "weight_averaging": "none",
        "weight_averaging_decay": 0.999,
        "weight_averaging_epochs": 1,
        "mini_batch_size": 32,
        "epochs": 30,
        "early_stopping_patience": 3,
        # 0.01 of a loss.
        "early_stopping_tolerance": None,
        "bucket_width": 0,
        "negative_sampling_rate": 0,
        "negative_sampling_side": "in1",
        "negative_sampling_distribution": "records",
        "seed": 0,
        "dtype_policy": "float32",
    }


@pytest.mark.parametrize(
    ("fields", "shares"),
    [
        pytest.param({}, False, id="ids"),
        pytest.param({"enc0_tokenizer": "words"}, True, id="enc1_copies_enc0"),
        pytest.param(
            {
                "enc0_tokenizer": "words",
                "enc1_network": "bilstm",
                "enc1_tokenizer": "words",
                "enc1_max_seq_len": 9,
                "enc1_vocab_size": 100,
            },
            False,
            id="networks_of_their_own",
        ),
    ],
)
def test_sides_that_are_alike_share_a_tokenizer(fields, shares):
    assert make(**fields).shares_tokenizer == shares


def test_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().enc_dim = 8


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"enc_dim": 3}, r"`enc_dim` must be an integer of at least 4. .*=3"),
        ({"enc_dim": 8.0}, "`enc_dim` must be an integer"),
        ({"enc_dim": True}, "`enc_dim` must be an integer"),
        ({"enc0_vocab_size": 1}, "`enc0_vocab_size` must be .* at least 2"),
        (
            {"enc0_max_seq_len": None},
            "`enc0_max_seq_len` must be given; it is",
        ),
        ({"enc0_layers": 0}, '`enc0_layers` must be "auto" or an integer'),
        ({"enc0_network": "cnn"}, '`enc0_network` must be one of "hcnn"'),
        ({"enc1_network": "cnn"}, '`enc1_network` must be one of "enc0"'),
        ({"dropout": 1.1}, "`dropout` must be a number from 0 to 1"),
        ({"learning_rate": 0.0}, "`learning_rate` must be .* at least 1e-06"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a finite"),
        ({"learning_rate": float("inf")}, "`learning_rate` must be a finite"),
        ({"weight_decay": "0.1"}, "`weight_decay` must be a finite number"),
        ({"optimizer": "adamw"}, '`optimizer` must be one of "adam"'),
        ({"mlp_activation": "gelu"}, '`mlp_activation` must be one of "tanh"'),
        ({"tied_token_embedding_weight": 1}, "must be true or false"),
        ({"comparator_list": "sum"}, '`comparator_list` must be .*"hadamard"'),
        ({"comparator_list": ()}, "`comparator_list` must be a non-empty"),
        ({"comparator_list": "concat, concat"}, "distinct names"),
        ({"matryoshka_dims": "64,x"}, "`matryoshka_dims` must be a list of"),
        ({"matryoshka_dims": [0]}, "distinct integers of at least 1"),
        ({"matryoshka_dims": [8, 8]}, "distinct integers"),
        ({"matryoshka_dims": 64}, "must be a list of distinct integers"),
        ({"matryoshka_dims": [4096]}, "must be below enc_dim=4096"),
        ({"num_classes": 1}, "`num_classes` must be .* at least 2"),
        ({"enc0_vocab_file": 3}, "the path of a file"),
        (
            {"enc0_tokenizer": "bpe"},
            '`enc0_tokenizer` must be one of .*"words"',
        ),
        (
            {"enc0_tokenizer": "ngrams", "enc0_network": "transformer"},
            '"ngrams" with enc0_network="transformer"',
        ),
        (
            {
                "enc0_tokenizer": "words",
                "tied_token_embedding_weight": True,
                "enc0_token_embedding_dim": 9,
                "enc1_network": "bilstm",
                "enc1_max_seq_len": 9,
                "enc1_vocab_size": 100,
                "enc1_token_embedding_dim": 9,
            },
            "`enc0_tokenizer` and `enc1_tokenizer` must be equal with tied",
        ),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_broken_rule_names_field_rule_and_value(fields, message):
    with pytest.raises(ValueError, match=message):
        make(**fields)


def test_sagemakers_upper_caps_are_lifted():
    config = make(
        enc0_vocab_size=50_000_000,
        num_classes=1000,
        epochs=1000,
        early_stopping_patience=50,
        learning_rate=2.0,
        mlp_layers=20,
    )
    assert config.num_classes == 1000


@pytest.mark.parametrize(
    ("network", "layers"),
    [("hcnn", 4), ("bilstm", 1), ("pooled_embedding", 1), ("transformer", 2)],
)
def test_auto_layers(network, layers):
    config = make(enc0_network=network)
    assert config.encoder0.layers == config.encoder1.layers == layers


def test_auto_feed_forward_dim_follows_enc_dim():
    config = make(enc0_network="transformer", enc_dim=64)
    assert config.encoder0.feed_forward_dim == 256
    assert config.replace(enc_dim=8).encoder1.feed_forward_dim == 32
    explicit = config.replace(enc0_feed_forward_dim=100)
    assert explicit.encoder1.feed_forward_dim == 100


class TestEnc1CopiesEnc0:
    def test_every_setting(self):
        config = make(enc0_cnn_filter_width=5, enc0_layers=2)
        assert config.encoder1 == config.encoder0

    @pytest.mark.parametrize("layers", [4, "auto"])
    def test_an_agreeing_value_is_accepted(self, layers):
        config = make(enc1_layers=layers, enc1_vocab_size=100)
        assert config.encoder1 == config.encoder0

    def test_an_empty_value_is_accepted(self):
        config = Object2VecConfig.from_hyperparameters(
            {**REQUIRED, "enc1_vocab_file": "", "enc1_layers": ""}
        )
        assert config.encoder1 == config.encoder0

    def test_a_differing_value_names_both(self):
        message = "enc1_vocab_size=3 and enc0_vocab_size=100"
        with pytest.raises(ValueError, match=message):
            make(enc1_vocab_size=3)

    def test_an_own_network_needs_its_sizes(self):
        with pytest.raises(ValueError, match="`enc1_max_seq_len` must be give"):
            make(enc1_network="hcnn", enc1_vocab_size=5)


class TestPooledWidth:
    def test_follows_enc_dim_silently_when_not_set(self):
        config = make(enc0_network="pooled_embedding", enc_dim=64)
        assert config.encoder0.token_embedding_dim == 64

    def test_warns_when_the_user_set_another(self):
        with pytest.warns(UserWarning, match="=300 follows enc_dim=64"):
            config = make(
                enc0_network="pooled_embedding",
                enc0_token_embedding_dim=300,
                enc_dim=64,
            )
        assert config.encoder0.token_embedding_dim == 64

    def test_reading_it_back_does_not_warn(self):
        config = make(enc0_network="pooled_embedding", enc_dim=64)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert Object2VecConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"enc0_network": "bilstm"}, "`enc_dim` must be even"),
        ({"enc0_network": "hcnn", "enc0_layers": 21}, "`enc_dim` must be at l"),
        (
            {"enc0_network": "transformer", "enc0_heads": 5},
            r"a multiple of 2 \* enc0_heads.* enc_dim=15, enc0_heads=5",
        ),
    ],
)
def test_enc_dim_must_suit_the_network(fields, message):
    with pytest.raises(ValueError, match=message):
        make(**fields, enc_dim=15)


def test_tied_tables_must_have_one_shape():
    with pytest.raises(ValueError, match="enc0_vocab_size=100, enc1_vocab_s"):
        make(
            enc1_network="hcnn",
            enc1_max_seq_len=10,
            enc1_vocab_size=99,
            tied_token_embedding_weight=True,
        )


GLOVE = {"enc0_pretrained_embedding_file": "glove.txt"}
THAW = {**GLOVE, "enc0_freeze_pretrained_embedding": False}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({}, "without enc0_pretrained_embedding", id="no_file"),
        pytest.param(GLOVE, "freezes the vectors in all epochs", id="frozen"),
        pytest.param(
            {**THAW, "weight_decay": 0.1}, "weight_decay=0.1", id="decay"
        ),
    ],
)
def test_freeze_epochs_must_make_sense(fields, reason):
    message = f"`enc0_freeze_epochs` must be 0 .*{reason}.* Received: .*=2"
    with pytest.raises(ValueError, match=message):
        make(enc0_freeze_epochs=2, **fields)
    assert make(enc0_freeze_epochs=2, **THAW).encoder1.freeze_epochs == 2


def test_a_table_is_frozen_where_vectors_are():
    assert make(**GLOVE).encoder1.freezes_table
    assert not make(**THAW).encoder0.freezes_table
    assert not make().encoder0.freezes_table


class TestTiedVectors:
    own_enc1 = {
        "tied_token_embedding_weight": True,
        "enc1_network": "hcnn",
        "enc1_max_seq_len": 10,
        "enc1_vocab_size": 100,
    }

    @pytest.mark.parametrize("side", ["enc0", "enc1"])
    def test_one_side_may_name_the_file(self, side):
        file = {f"{side}_pretrained_embedding_file": "glove.txt"}
        tables = make(**self.own_enc1, **file).token_tables
        assert list(tables) == [side]
        assert tables[side].pretrained_embedding_file == "glove.txt"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("pretrained_embedding_file", "lee.vec"),
            ("freeze_pretrained_embedding", True),
            ("freeze_epochs", 1),
        ],
    )
    def test_both_sides_must_agree(self, name, value):
        fields = {
            **self.own_enc1,
            **THAW,
            "enc1_pretrained_embedding_file": "glove.txt",
            "enc1_freeze_pretrained_embedding": False,
        }
        assert list(make(**fields).token_tables) == ["enc0"]
        message = f"`enc0_{name}` and `enc1_{name}` must be equal"
        with pytest.raises(ValueError, match=message):
            make(**{**fields, f"enc1_{name}": value})


class TestHyperparameters:
    def test_all_strings(self):
        config = Object2VecConfig.from_hyperparameters(
            {
                "enc0_max_seq_len": "10",
                "enc0_vocab_size": "100",
                "enc0_layers": "auto",
                "tied_token_embedding_weight": "True",
                "comparator_list": "abs_diff, hadamard",
                "learning_rate": "1e-3",
                "dropout": "0",
            }
        )
        assert config == make(
            tied_token_embedding_weight=True,
            comparator_list=("abs_diff", "hadamard"),
            learning_rate=0.001,
        )

    def test_json_file(self, tmp_path):
        path = tmp_path / "hyperparameters.json"
        path.write_text(json.dumps({k: str(v) for k, v in REQUIRED.items()}))
        assert Object2VecConfig.from_hyperparameters(path) == make()

    @pytest.mark.parametrize("text", ["{", "[1]"])
    def test_a_file_without_an_object_is_named(self, tmp_path, text):
        path = tmp_path / "h.json"
        path.write_text(text)
        with pytest.raises(ValueError, match="h.json: `hyperparameters` must"):
            Object2VecConfig.from_hyperparameters(path)

    def test_a_file_may_have_a_byte_order_mark(self, tmp_path):
        path = tmp_path / "h.json"
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(REQUIRED).encode())
        assert Object2VecConfig.from_hyperparameters(path) == make()

    def test_a_repeated_key_is_refused(self, tmp_path):
        path = tmp_path / "h.json"
        text = json.dumps({**REQUIRED, "epochs": 1})
        path.write_text(text[:-1] + ', "epochs": 20}')
        message = 'h.json: "epochs" is there 2 times, with the values 1, 20'
        with pytest.raises(ValueError, match=message):
            Object2VecConfig.from_hyperparameters(path)

    def test_internal_keys_are_reported(self):
        with pytest.warns(UserWarning, match="ignored: _kvstore, _num_gpus"):
            config = Object2VecConfig.from_hyperparameters(
                {**REQUIRED, "_num_gpus": "auto", "_kvstore": "device"}
            )
        assert config == make()

    def test_values_and_keys_of_the_sdks_estimators(self):
        with pytest.warns(UserWarning, match="ignored: sagemaker_program, sag"):
            config = Object2VecConfig.from_hyperparameters(
                {
                    "enc0_max_seq_len": "10",
                    "enc0_vocab_size": '"100"',
                    "enc0_network": '"pooled_embedding"',
                    "comparator_list": '["abs_diff", "hadamard"]',
                    "tied_token_embedding_weight": "true",
                    "enc1_vocab_size": "null",
                    "enc0_vocab_file": '""',
                    "sagemaker_program": '"train.py"',
                    "sagemaker_region": '"eu-west-1"',
                }
            )
        assert config == make(
            enc0_network="pooled_embedding",
            comparator_list=("abs_diff", "hadamard"),
            tied_token_embedding_weight=True,
        )

    def test_an_unknown_key_names_the_nearest(self):
        with pytest.raises(ValueError, match="nearest known one is `mlp_dim`"):
            Object2VecConfig.from_hyperparameters({**REQUIRED, "mlpdim": "8"})

    def test_a_missing_key_is_named(self):
        with pytest.raises(ValueError, match="`enc0_vocab_size` must be given"):
            Object2VecConfig.from_hyperparameters({"enc0_max_seq_len": "1"})

    @pytest.mark.parametrize("value", ["ten", "1.5", ""])
    def test_text_that_is_no_number(self, value):
        with pytest.raises(ValueError, match="`epochs` must be an integer"):
            Object2VecConfig.from_hyperparameters({**REQUIRED, "epochs": value})


@pytest.mark.parametrize("text", ["128, 64", "[128, 64]", '"64,128"'], ids=str)
def test_widths_of_prefixes_are_sorted(text):
    values = {**REQUIRED, "matryoshka_dims": text}
    config = Object2VecConfig.from_hyperparameters(values)
    assert config.matryoshka_dims == (64, 128)
    values["matryoshka_dims"] = ""
    config = Object2VecConfig.from_hyperparameters(values)
    assert config.matryoshka_dims == ()


def test_round_trip_through_json():
    config = make(comparator_list="concat", enc0_layers=2, dropout=0.5)
    revived = Object2VecConfig.from_dict(
        json.loads(json.dumps(config.to_dict()))
    )
    assert revived == config


def test_replace_resolves_anew():
    config = make(enc0_network="pooled_embedding", enc_dim=64)
    assert config.replace(enc_dim=32).encoder1.token_embedding_dim == 32


@pytest.mark.parametrize(
    "preset",
    ["MOVIELENS_RATING", "MOVIELENS_RECOMMENDATION", "SNLI", "WIKIPEDIA"],
)
def test_presets_are_valid(preset):
    Object2VecConfig.from_hyperparameters(getattr(presets, preset))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param(
            {"enc0_id_dropout": 0.1},
            "`enc0_unknown_id` must be given with enc0_id_dropout=0.1",
            id="dropout_without_unknown_id",
        ),
        pytest.param(
            {"enc0_unknown_id": 100},
            "`enc0_unknown_id` must be smaller than enc0_vocab_size=100",
            id="unknown_id_beyond_the_table",
        ),
        pytest.param(
            {"enc0_unknown_id": 5, "enc0_tokenizer": "words"},
            "`enc0_unknown_id` must be left out with enc0_tokenizer='words'",
            id="unknown_id_of_texts",
        ),
    ],
)
def test_unknown_ids_are_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        make(**fields)


def test_texts_have_an_unknown_id():
    config = make(enc0_tokenizer="category", enc0_id_dropout=0.1)
    assert config.encoder0.unknown_id == config.encoder1.unknown_id == 1
    assert config.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("metric", "default"),
    [
        ("loss", 0.01),
        ("val_loss", 0.01),
        ("val_cross_entropy", 0.01),
        ("val_ndcg@10", 0.0),
        ("val_accuracy", 0.0),
        ("val_mean_rank", 0.0),
    ],
)
def test_a_default_tolerance_is_of_the_loss_alone(metric, default):
    sizes = {"enc0_max_seq_len": 2, "enc0_vocab_size": 9}
    config = Object2VecConfig(**sizes)
    assert config.tolerance_of(metric) == default
    # As a model directory keeps it.
    kept = Object2VecConfig.from_dict(config.to_dict())
    assert kept.tolerance_of(metric) == default
    given = Object2VecConfig(**sizes, early_stopping_tolerance=0.01)
    assert given.replace(epochs=3).tolerance_of(metric) == 0.01


def test_categories_need_no_sizes():
    config = Object2VecConfig(enc0_tokenizer="category")
    assert config.enc0_max_seq_len == config.enc1_max_seq_len == 1
    assert config.replace(enc0_vocab_size=9).enc1_vocab_size == 9
    config = Object2VecConfig(
        enc0_vocab_size=9,
        enc0_max_seq_len=3,
        enc1_network="pooled_embedding",
        enc1_tokenizer="category",
    )
    assert config.enc1_max_seq_len == 1
    assert Object2VecConfig.from_dict(config.to_dict()) == config


def test_bags_of_categories_need_a_length():
    config = Object2VecConfig(enc0_tokenizer="categories", enc0_max_seq_len=9)
    again = Object2VecConfig.from_dict(config.to_dict())
    assert again == config
    assert config.enc0_vocab_size == UNLIMITED
    with pytest.raises(ValueError, match="`enc0_max_seq_len` must be given"):
        Object2VecConfig.from_hyperparameters({"enc0_tokenizer": "categories"})


@pytest.mark.parametrize("tokenizer", ["", "words"])
@pytest.mark.parametrize("name", ["enc0_max_seq_len", "enc0_vocab_size"])
def test_other_sides_need_sizes(tokenizer, name):
    sizes = {"enc0_max_seq_len": 3, "enc0_vocab_size": 9, name: ""}
    with pytest.raises(ValueError, match=f"`{name}` must be given; it is an"):
        Object2VecConfig.from_hyperparameters(
            {**sizes, "enc0_tokenizer": tokenizer}
        )


TARGETS = {"output_layer": "embedding", "target_embedding_file": "t.npy"}


def test_a_model_of_vectors_reads_one_side_by_one_encoder():
    assert make().sides == ("in0", "in1")
    config = make(**TARGETS, embedding_side="in1")
    assert config.sides == ("in1",)
    assert config.shared_encoder and config.tied_token_embedding_weight
    assert config.side("in1") == config.encoder0
    make(output_layer="embedding", target_embedding_dim=8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"output_layer": "embedding"}, "`target_embedding_file` must name"),
        (
            {**TARGETS, "negative_sampling_rate": 1},
            "`negative_sampling_rate` must be 0 .*row numbers",
        ),
        (
            {**TARGETS, "enc1_network": "pooled_embedding"}
            | {"enc1_max_seq_len": 10, "enc1_vocab_size": 7},
            '`enc0_network` and .* equal with output_layer="embedding"',
        ),
        (
            {"target_embedding_file": "t.npy"},
            '`target_embedding_file` must be left out with .*="softmax"',
        ),
        (
            {"target_embedding_dim": 8, "output_layer": "bpr"},
            "`negative_sampling_rate` must be at least 1",
        ),
        (
            {"target_embedding_dim": 8},
            "`target_embedding_dim` must be left out",
        ),
        (
            {"output_layer": "cosent", "negative_sampling_rate": 1},
            "`negative_sampling_rate` must be 0 .*more alike",
        ),
        (
            {"output_layer": "cosent", "mini_batch_size": 1},
            "`mini_batch_size` must be at least 2",
        ),
    ],
)
def test_heads_of_vectors_and_scores_have_rules(fields, message):
    with pytest.raises(ValueError, match=message):
        make(**fields)
