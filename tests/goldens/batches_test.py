"""Every batch of epochs 0 and 1, in every format, for two seeds."""

import pytest

from o2v_keras.data.batches.pair_batches import PairBatches
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from tests.goldens import golden
from tests.goldens.sources import IDS_FORMATS
from tests.goldens.sources import ROWS
from tests.goldens.sources import TEXT_FORMATS
from tests.goldens.sources import make_config
from tests.goldens.sources import make_rows
from tests.goldens.sources import write

NAME = "batches"
SEEDS = (0, 1)
NEGATIVES = {"negative_sampling_rate": 2, "negative_sampling_side": "both"}
EVENLY = {"negative_sampling_distribution": "objects"}
BUCKETS = {"bucket_width": 2}
CASES = {
    "ids": ({}, {}),
    "buckets": ({}, BUCKETS),
    "negatives": ({}, NEGATIVES),
    "even_negatives": ({}, NEGATIVES | EVENLY),
    "buckets_negatives_weights": ({"weights": True}, BUCKETS | NEGATIVES),
    "scores": ({"weights": True}, {"output_layer": "mean_squared_error"}),
    "bpr": ({}, {"output_layer": "bpr", "negative_sampling_rate": 3}),
    "in_batch": ({}, {"output_layer": "in_batch_softmax"}),
    "in_batch_negatives": (
        {"weights": True},
        {"output_layer": "in_batch_softmax", "negative_sampling_rate": 1},
    ),
    "texts": ({"texts": True, "weights": True}, BUCKETS | NEGATIVES),
}
# Every format for the cases that use most of a reader; memory for the rest.
IN_EVERY_FORMAT = {
    "buckets_negatives_weights": IDS_FORMATS,
    "texts": TEXT_FORMATS,
}
RUNS = [
    (case, form)
    for case in CASES
    for form in IN_EVERY_FORMAT.get(case, ("memory",))
]
STREAMED = ("ids", "buckets_negatives_weights", "bpr", "texts")


def _data(case, form, folder):
    rows, changes = CASES[case]
    source = write(folder, make_rows(**rows), form)
    config = make_config(rows.get("texts", False), **changes)
    tokenizers = learn_tokenizers(source, config, verbose=0)
    return source, tokenizers.configure(config), tokenizers


def _both_epochs(batches):
    digests = []
    for epoch in (0, 1):
        batches.epoch = epoch
        digests.append(golden.digest(batches.dataset()))
    return digests


def _in_memory(case, form, folder):
    source, config, tokenizers = _data(case, form, folder)
    found = {}
    table = load_pairs(source, config, True, tokenizers=tokenizers)
    for seed in SEEDS:
        seeded = config.replace(seed=seed)
        found[str(seed)] = _both_epochs(PairBatches(table, seeded, True))
    return found


def _streamed(case, folder):
    source, config, tokenizers = _data(case, "jsonl", folder)
    found = {}
    for seed in SEEDS:
        seeded = config.replace(seed=seed)
        stream = PairStream(source, seeded, ROWS // 2, tokenizers=tokenizers)
        found[str(seed)] = _both_epochs(PairBatches(stream, seeded, True))
    return found


def measure(folder):
    return {case: _in_memory(case, "memory", folder) for case in CASES} | {
        f"{case} streamed": _streamed(case, folder) for case in STREAMED
    }


@pytest.mark.filterwarnings("ignore:.*longer than max_seq_len")
@pytest.mark.parametrize(
    ("case", "form"), RUNS, ids=["-".join(run) for run in RUNS]
)
def test_batches(case, form, tmp_path):
    golden.assert_golden(NAME, case, _in_memory(case, form, tmp_path))


@pytest.mark.filterwarnings("ignore:.*longer than max_seq_len")
@pytest.mark.parametrize("case", STREAMED)
def test_streamed_batches(case, tmp_path):
    golden.assert_golden(NAME, f"{case} streamed", _streamed(case, tmp_path))
