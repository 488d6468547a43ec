import json
import re

import pytest

from o2v_keras.tuning.ranges import ValueChoice
from o2v_keras.tuning.ranges import ValueRange
from o2v_keras.tuning.ranges import parse_choice
from o2v_keras.tuning.ranges import parse_range
from o2v_keras.tuning.ranges import read_parameter_ranges
from o2v_keras.tuning.search_space import SearchSpace

# As SageMaker's API takes and shows it.
SAGEMAKER = {
    "ParameterRanges": {
        "CategoricalParameterRanges": [
            {"Name": "optimizer", "Values": ["adam", "adagrad"]},
            {"Name": "tied_token_embedding_weight", "Values": ["true"]},
        ],
        "ContinuousParameterRanges": [
            {
                "Name": "learning_rate",
                "MinValue": "1e-4",
                "MaxValue": "1",
                "ScalingType": "Logarithmic",
            }
        ],
        "IntegerParameterRanges": [
            {
                "Name": "enc_dim",
                "MinValue": "64",
                "MaxValue": "512",
                "ScalingType": "Auto",
            }
        ],
    }
}


# As arguments of version 3 of SageMaker's Python SDK.
SNAKE_CASE = {
    "strategy": "Bayesian",
    "parameter_ranges": {
        "categorical_parameter_ranges": [
            {"name": "optimizer", "values": ["adam", "adagrad"]},
            {"name": "tied_token_embedding_weight", "values": ["true"]},
        ],
        "continuous_parameter_ranges": [
            {
                "name": "learning_rate",
                "min_value": "1e-4",
                "max_value": "1",
                "scaling_type": "Logarithmic",
            }
        ],
        "integer_parameter_ranges": [
            {
                "name": "enc_dim",
                "min_value": "64",
                "max_value": "512",
                "scaling_type": None,
            }
        ],
        "auto_parameters": None,
    },
}


@pytest.mark.parametrize(
    "form", [SAGEMAKER, SNAKE_CASE], ids=["api", "snake_case"]
)
@pytest.mark.parametrize("as_file", [False, True], ids=["mapping", "file"])
def test_sagemakers_parameter_ranges_are_read(form, as_file, tmp_path):
    source = form
    if as_file:
        source = tmp_path / "ranges.json"
        source.write_text(json.dumps(form))
    ranges = read_parameter_ranges(source)
    assert ranges == {
        "enc_dim": ValueRange(64, 512),
        "learning_rate": ValueRange(1e-4, 1, "log"),
        "optimizer": ValueChoice(("adam", "adagrad")),
        "tied_token_embedding_weight": ValueChoice(("true",)),
    }
    sizes = {"enc0_max_seq_len": 5, "enc0_vocab_size": 30}
    space = SearchSpace(sizes, ranges, default_ranges=False)
    assert {*space.ranges} == {*ranges}
    assert space.configure(space.draw(0)).tied_token_embedding_weight is True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"Integer": []}, "Received: the key Integer"),
        (
            {"IntegerParameterRanges": [{"Name": "a"}]},
            "Received: {'Name': 'a'} in IntegerParameterRanges",
        ),
        (
            {
                "ContinuousParameterRanges": [
                    {
                        "Name": "dropout",
                        "MinValue": "0",
                        "MaxValue": "1",
                        "ScalingType": "ReverseLogarithmic",
                    }
                ]
            },
            "must be one of Auto, Linear, Logarithmic",
        ),
        (
            {
                "IntegerParameterRanges": [
                    {"Name": "enc_dim", "MinValue": "x", "MaxValue": "1"}
                ]
            },
            "enc_dim in `ranges`: 'x' must be a number",
        ),
        (
            {"IntegerParameterRanges": [], "integer_parameter_ranges": []},
            "must give IntegerParameterRanges in one form. Received: Inte",
        ),
        (
            {"auto_parameters": [{"name": "enc_dim", "value_hint": "64"}]},
            "Received: the key auto_parameters",
        ),
        (
            {"integer_parameter_ranges": [{"name": "a", "min_value": "1"}]},
            "Received: {'Name': 'a', 'MinValue': '1'} in IntegerParameterR",
        ),
        ("missing.json", "missing.json cannot be read: No such file"),
    ],
)
def test_other_forms_are_refused(source, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_parameter_ranges(source)


def test_a_key_twice_in_a_file_is_refused(tmp_path):
    path = tmp_path / "ranges.json"
    path.write_text('{"ranges": [{"Name": "a", "Name": "b"}]}')
    with pytest.raises(
        ValueError, match='ranges.json: "Name" is there 2 times'
    ):
        read_parameter_ranges(path)


def test_short_words_are_read():
    assert parse_range("dropout=0:0.5") == ("dropout", ValueRange(0, 0.5))
    name, values = parse_choice("mlp_activation=tanh, relu")
    assert (name, values.values) == ("mlp_activation", ("tanh", "relu"))


@pytest.mark.parametrize(
    "text", ["dropout", "dropout=1", "=1:2", "a=1:2:log:3"]
)
def test_malformed_ranges_are_refused(text):
    with pytest.raises(ValueError, match="A range must be name=low:high"):
        parse_range(text)


def test_malformed_choices_are_refused():
    with pytest.raises(ValueError, match="A choice must be name=a,b,c"):
        parse_choice("optimizer")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1), "`low` must be at most `high`"),
        ((0, 1, "log"), '`low` must be positive with scale="log"'),
        ((0, 1, "cubic"), "`scale` must be one of auto, linear, log"),
        ((0, float("inf")), "must be finite numbers"),
        ((True, 2), "must be finite numbers"),
    ],
)
def test_bad_ranges_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ValueRange(*arguments)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), "`values` must be a tuple of at least one"),
        ("tanh", "`values` must be a tuple of at least one"),
        (("relu", "relu"), "`values` must be distinct"),
        ((1, "1"), "`values` must be distinct"),
    ],
)
def test_bad_choices_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        ValueChoice(values)
