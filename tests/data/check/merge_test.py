import json
import pickle
import random

import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.data.read.pairs import read_pieces

SIDES = ("in0", "in1")
FAULTY = [
    '{"in0": [1], "in1": [2]}',
    '{"in0": 3, "in1": [2.5], "label": "1"}',
    '{"in0": [1], "in1": [], "label": 1}',
    '{"in0": [-4], "in1": [2, -7], "label": 1}',
    '{"in0": [0], "in1": [3, 0, 5], "label": 1}',
    '{"in0": [1], "in1": [5], "label": NaN}',
    '{"in0": [1], "in1": [5], "label": 1e999}',
    '{"in0": [9223372036854775808], "in1": [5], "label": 1}',
    "[]",
    "{",
    "",
]
CONFIGS = {
    "no config": None,
    "classes": Object2VecConfig(
        enc0_max_seq_len=4,
        enc0_vocab_size=30,
        enc1_network="hcnn",
        enc1_max_seq_len=3,
        enc1_vocab_size=25,
        num_classes=3,
    ),
    "copied sides": Object2VecConfig(
        enc0_max_seq_len=4,
        enc0_vocab_size=30,
        output_layer="mean_squared_error",
        negative_sampling_rate=1,
    ),
}


def sound(generator, label):
    sides = (
        [generator.randrange(1, 40) for _ in range(generator.randrange(1, 8))]
        for _ in SIDES
    )
    return json.dumps(dict(zip(SIDES, sides, strict=True), label=label()))


def write_corpus(folder, generator, label, faulty):
    """Writes three files, some lines of which are faulty."""
    files = []
    for name in ("b.jsonl", "a.jsonl", "c.jsonl"):
        lines = [
            generator.choice(FAULTY)
            if generator.random() < faulty
            else sound(generator, label)
            for _ in range(60)
        ]
        lines.append(sound(generator, label))
        (folder / name).write_text("\n".join(lines))
        files.append(str(folder / name))
    return tuple(files)


def checked(blocks, *settings):
    check = PairCheck(*settings)
    for block in blocks:
        check.add(*block)
    return check


def merged_in_any_order(checks, files, generator):
    while len(checks) > 1:
        generator.shuffle(checks)
        # Checks travel between workers.
        other = pickle.loads(pickle.dumps(checks.pop()))
        checks[0].merge(other, files)
    return checks[0]


def text(check):
    report = check.report()
    return f"{report}\n{report.proposal}\n{report.weight_range}"


LABELS = {
    "two classes": lambda generator: lambda: generator.randrange(2),
    "many classes": lambda generator: lambda: generator.randrange(9),
    "sparse classes": lambda generator: lambda: 100 * generator.randrange(9),
    "numbers": lambda generator: lambda: round(generator.gauss(0, 1), 2),
}


@pytest.mark.parametrize("faulty", [0.0, 0.5])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(
    ("config", "training"),
    [("no config", False), ("classes", False), ("copied sides", True)],
)
def test_parts_say_what_the_whole_says(
    tmp_path, config, labels, faulty, training
):
    generator = random.Random(0)
    label = LABELS[labels](generator)
    files = write_corpus(tmp_path, generator, label, faulty)
    config = CONFIGS[config]
    settings = config, training
    whole = read_pairs(files)
    expected = text(checked([(whole.table, whole.rejected)], *settings))
    blocks = [
        block
        for file in files
        for block in read_pieces(file, SIDES, True, rows=15)
    ]
    assert len(blocks) > 5
    assert text(checked(blocks, *settings)) == expected
    checks = [checked([block], *settings) for block in blocks]
    assert text(merged_in_any_order(checks, files, generator)) == expected


def test_files_are_named_in_the_order_of_the_alphabet_or_as_asked(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"in0": [1], "in1": [], "label": 1}')

    def places(files):
        checks = []
        for name in ("b.jsonl", "a.jsonl"):
            read = read_pairs(tmp_path / name)
            checks.append(checked([(read.table, read.rejected)]))
        checks[0].merge(checks[1], files)
        (problem,) = checks[0].report().problems
        return [case.rpartition("/")[2][0] for case in problem.cases]

    assert places(()) == ["a", "b"]
    assert places(
        [str(tmp_path / name) for name in ("b.jsonl", "a.jsonl")]
    ) == [*("b", "a")]


def test_memory_does_not_grow_with_the_data():
    table = PairTable.from_arrays([[1]] * 1000, [[2], [-3]] * 500, [0, 1] * 500)
    small, large = checked([(table,)]), checked([(table,)] * 200)
    assert len(pickle.dumps(large)) < 50 * len(pickle.dumps(small))
    for _ in range(3):
        large.merge(checked([(table,)] * 10))
    report = large.report()
    assert report.rows == 230_000
    assert [problem.count for problem in report.problems] == [115_000]
    assert len(pickle.dumps(large)) < 1.5 * len(pickle.dumps(small))


def test_a_positive_anywhere_makes_all_usable():
    config = Object2VecConfig(
        enc0_max_seq_len=4, enc0_vocab_size=30, output_layer="in_batch_softmax"
    )
    negatives = PairTable.from_arrays([[1]] * 7, [[2]] * 7, [0] * 7)
    both = PairTable.from_arrays([[1]] * 3, [[2]] * 3, [0.5, 1, 3])
    without = checked([(negatives,)] * 2, config)
    report = without.report()
    assert report.unusable_rows == report.rows == 14
    assert [problem.kind for problem in report.errors] == ["no 1 among all"]
    without.merge(checked([(both,)], config))
    report = without.report()
    assert report.unusable_rows == 2
    assert [problem.kind for problem in report.errors] == ["neither 0 nor 1"]
