import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.check.check import check_block
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pairs


def config(**changes):
    fields = {
        "enc0_max_seq_len": 3,
        "enc0_vocab_size": 10,
        "enc1_network": "hcnn",
        "enc1_max_seq_len": 2,
        "enc1_vocab_size": 20,
    }
    return Object2VecConfig(**{**fields, **changes})


def copying(**changes):
    return Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=10, **changes)


def summary(report):
    return {
        (p.severity, p.field, p.kind): (p.count, *p.cases)
        for p in report.problems
    }


def check_table(table, settings=None, rejected=None, training=False):
    check = PairCheck(settings, training)
    check.add(table, rejected)
    return check.report()


def check(in0, in1=None, labels=None, settings=None, training=False):
    table = PairTable.from_arrays(in0, in1, labels)
    return check_table(table, settings or config(), training=training)


def test_sound_pairs_have_no_problems():
    report = check([[1, 2, 9], [5, 0, 0, 0]], [[19, 1], [1]], [0, 1])
    assert report.problems == ()
    assert str(report) == "2 rows read, 0 with errors"
    report.raise_for_errors()


def test_reports_all_trouble_with_ids_and_labels():
    table = PairTable.from_arrays(
        [[1], [], [3, -1, -2], [4, 10, 11], [1], [0, 0], [1, 0, 2], [1]],
        [[1], [1], [0], [99], [-5], [1, 2, 3], [20], [2, 3, 0, 0]],
        [0, 2, 1, 0.5, np.nan, 1, -1, np.inf],
    )
    report = check_table(table, config())
    assert summary(report) == {
        ("error", "in0", "empty sequence"): (1, "row 1: in0=[]"),
        ("error", "in0", "negative id"): (1, "row 2: in0[1]=-1"),
        ("error", "in0", "id >= vocab_size"): (1, "row 3: in0[1]=10"),
        ("error", "in1", "negative id"): (1, "row 4: in1[0]=-5"),
        ("error", "in1", "id >= vocab_size"): (
            2,
            "row 3: in1[0]=99",
            "row 6: in1[0]=20",
        ),
        ("error", "label", "not finite"): (
            2,
            "row 4: label=nan",
            "row 7: label=inf",
        ),
        ("error", "label", "no class"): (
            3,
            "row 1: label=2",
            "row 3: label=0.5",
            "row 6: label=-1",
        ),
        ("warning", "in0", "only id 0"): (1, "row 5: in0=[0, 0]"),
        ("warning", "in0", "id 0 among real tokens"): (1, "row 6: in0[1]=0"),
        ("warning", "in1", "only id 0"): (1, "row 2: in1=[0]"),
        ("warning", "in1", "longer than max_seq_len"): (
            1,
            "row 5: in1 has 3 ids",
        ),
    }
    assert check_block(table, config()).bad.tolist() == [
        *(False, True, True, True, True, False, True, True)
    ]
    assert report.unusable_rows == 6
    assert len(report.errors) == 7
    assert len(report.warnings) == 4


def test_counts_rows_and_shows_the_first_five():
    report = check([[10, 11]] * 8 + [[1]] + [[12]])
    (problem,) = report.problems
    assert problem.count == 9
    assert problem.cases == tuple(f"row {row}: in0[0]=10" for row in range(5))
    assert "(9 rows)" in str(problem)
    assert "and 4 more" in str(problem)


def test_counts_rejected_rows_and_shows_the_first_five(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"in0": "x"}\n' * 7)
    result = read_pairs(path, sides=["in0"], label=False)
    (problem,) = check_table(result.table, None, result.rejected).problems
    assert problem.count == 7
    assert problem.cases == tuple(
        f"{path}:{line}: in0='x'" for line in range(1, 6)
    )


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        pytest.param(
            config(),
            "Ids must be less than enc1_vocab_size=20. "
            "enc1_vocab_size=31 would fit all ids here.",
            id="own",
        ),
        pytest.param(
            copying(),
            "Ids must be less than enc0_vocab_size=10. "
            "enc0_vocab_size=51 would fit all ids here.",
            id="copies_enc0",
        ),
        pytest.param(
            config(enc1_vocab_size=10, tied_token_embedding_weight=True),
            "Ids must be less than enc1_vocab_size=10. "
            "enc1_vocab_size=51 would fit all ids here.",
            id="tied",
        ),
    ],
)
def test_says_which_vocabulary_size_would_fit(settings, advice):
    report = check([[50]], [[30]], settings=settings)
    assert report.errors[1].advice == advice


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        (config(), "Only the first 2 ids are used. enc1_max_seq_len=4 would"),
        (copying(), "Only the first 2 ids are used. enc0_max_seq_len=5 would"),
        (
            config(enc1_vocab_size=10, tied_token_embedding_weight=True),
            "Only the first 2 ids are used. enc1_max_seq_len=4 would",
        ),
    ],
    ids=["own", "copies_enc0", "tied"],
)
def test_says_which_length_would_keep_all(settings, advice):
    report = check([[1] * 5], [[1, 1, 1, 1, 0, 0]], settings=settings)
    assert report.warnings[1].advice.startswith(advice)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (
            [0, 4],
            "With num_classes=2 labels are integers from 0 to 1. "
            "num_classes=5 would fit",
        ),
        ([0, 4, 0.5], 'For real numbers set output_layer="mean_squared_error"'),
        ([0, -1], 'For real numbers set output_layer="mean_squared_error"'),
    ],
    ids=["classes", "real", "negative"],
)
def test_says_which_classes_would_fit(labels, advice):
    rows = [[1]] * len(labels)
    report = check(rows, rows, labels)
    assert advice in report.errors[0].advice


def test_regression_takes_any_finite_label():
    settings = config(output_layer="mean_squared_error")
    rows = [[1]] * 4
    report = check(rows, rows, [-7, 0.5, 1e9, -np.inf], settings=settings)
    assert summary(report) == {
        ("error", "label", "not finite"): (1, "row 3: label=-inf")
    }


@pytest.mark.parametrize(
    ("rate", "training", "count"),
    [
        pytest.param(3, True, 2, id="positives_only"),
        pytest.param(3, False, None, id="validation"),
        pytest.param(0, True, None, id="no_negatives"),
    ],
)
def test_negative_sampling_needs_positives(rate, training, count):
    settings = config(negative_sampling_rate=rate, num_classes=4)
    rows = [[1]] * 4
    report = check(
        rows, rows, [1, 0, 3, 1], settings=settings, training=training
    )
    found = summary(report).get(("error", "label", "not 1"))
    assert found == (count and (count, "row 1: label=0", "row 2: label=3"))


@pytest.mark.parametrize(
    ("labels", "kind", "count"),
    [
        pytest.param([1, 0, 0.5, 2], "neither 0 nor 1", 2, id="other_labels"),
        pytest.param([0, 0, 0, 0], "no 1 among all", 4, id="no_positive"),
        pytest.param([0, 1, 0, 1], None, None, id="sound"),
    ],
)
def test_in_batch_softmax_needs_positives(labels, kind, count):
    settings = config(output_layer="in_batch_softmax")
    rows = [[1]] * 4
    errors = {
        key[2]: found[0]
        for key, found in summary(
            check(rows, rows, labels, settings=settings)
        ).items()
        if key[:2] == ("error", "label")
    }
    assert errors == ({kind: count} if kind else {})


def test_training_needs_both_sides_and_labels():
    report = check([[1], [2]], training=True)
    assert summary(report) == {
        ("error", "in1", "missing"): (2, 'row 0: no "in1"', 'row 1: no "in1"'),
        ("error", "label", "missing"): (
            2,
            'row 0: no "label"',
            'row 1: no "label"',
        ),
    }
    assert check([[1], [2]]).problems == ()


def test_without_configuration_only_what_always_holds_is_checked():
    table = PairTable.from_arrays([[-1], [10**6], [0]], None, [7, 8, np.nan])
    report = check_table(table)
    assert [problem.kind for problem in report.problems] == [
        *("negative id", "not finite", "only id 0")
    ]


FILE = """\
{"in0": [1], "in1": [2], "label": 1}
{"in0": [1], "in1": [2], "label":

{"in0": [12], "in1": [2], "label": 0}
{"in0": [], "in1": [2, 3, 4], "label": NaN}
{"in0": 5.5, "in1": [2.5]}
{"in0": [1], "in1": [2], "label": 1e999}
{"in0": [3], "in1": [4, 0], "label": 0}
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.jsonl").write_text(FILE)
    return read_pairs("train.jsonl")


def test_error_text_lists_everything_by_file_and_line(read):
    report = check_table(read.table, config(), read.rejected)
    with pytest.raises(DataError) as error:
        report.raise_for_errors()
    assert (
        str(error.value)
        == """\
7 rows read, 5 with errors
error: record: malformed JSON (1 row)
    train.jsonl:2: Expecting value, at column 34
    Write one complete JSON object on each line.
error: in0: no list (1 row)
    train.jsonl:6: in0=5.5
    Write a sequence as a list of ids, such as [5, 8].
error: in1: non-integer id (1 row)
    train.jsonl:6: in1[0]=2.5
    Write ids as integers: 12, not 12.0 or a word.
error: label: missing (1 row)
    train.jsonl:6: no "label"
    Every record needs a value here, and null is none.
error: label: not finite (2 rows)
    train.jsonl:7: label=inf
    train.jsonl:5: label=nan
    Write a finite number, or drop the record.
error: in0: empty sequence (1 row)
    train.jsonl:5: in0=[]
    Give every sequence at least one id, or drop the record.
error: in0: id >= vocab_size (1 row)
    train.jsonl:4: in0[0]=12
    Ids must be less than enc0_vocab_size=10. enc0_vocab_size=13 would fit \
all ids here.
warning: in1: longer than max_seq_len (1 row)
    train.jsonl:5: in1 has 3 ids
    Only the first 2 ids are used. enc1_max_seq_len=3 would keep all."""
    )
