import json
import pickle
import random

import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.checking.checks import check_pairs
from o2v_keras.data.checking.corpus_check import CorpusCheck
from o2v_keras.data.checking.size_proposal import proposal_text
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


def merged_in_any_order(check, parts, generator):
    parts = list(parts)
    while len(parts) > 1:
        generator.shuffle(parts)
        count = generator.randrange(2, 5)
        parts = [check.merged(parts[:count]), *parts[count:]]
    # Parts travel between workers.
    return pickle.loads(pickle.dumps(parts[0]))


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
    whole = read_pairs(files)
    report = check_pairs(whole.table, config, whole.rejected, training)
    expected = f"{report}\n{proposal_text(whole.table, config)}"
    check = CorpusCheck(files, config, training)
    parts = [
        check.part(table, rejected)
        for file in files
        for table, rejected, _ in read_pieces(file, SIDES, True, rows=15)
    ]
    assert len(parts) > 5
    part = merged_in_any_order(check, parts, generator)
    assert check.text(part) == expected
    assert len(part.witnesses) + len(part.rejected) < 0.7 * report.rows


def test_memory_does_not_grow_with_the_corpus():
    check = CorpusCheck(("a.jsonl",))
    table = PairTable.from_arrays([[1]] * 1000, [[2], [-3]] * 500, [0, 1] * 500)
    small = check.part(table)
    large = check.merged([small] * 50)
    assert large.rows == 50_000
    assert large.counts == {("in1", "negative id"): 25_000}
    assert len(large.witnesses) <= len(small.witnesses) + 1
