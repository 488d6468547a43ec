"""Data without labels: every record is a positive."""

import numpy as np
import pytest

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.pair_stream import PairStream
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import read_source
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from tests.data.read.weights_test import FORMATS
from tests.data.read.weights_test import without_weight
from tests.data.read.weights_test import write

POSITIVES = PairColumns(label=None)
SIZES = {"enc0_max_seq_len": 4, "enc0_vocab_size": 9, "mini_batch_size": 4}
ROWS = [{"in0": [n + 1], "in1": [n + 2], "weight": n} for n in range(4)]
NAMES = [name for name in FORMATS if "tfrecord" not in name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "head",
    [
        {"negative_sampling_rate": 2},
        {"output_layer": "in_batch_softmax"},
        {"output_layer": "bpr", "negative_sampling_rate": 1},
    ],
    ids=str,
)
def test_every_record_is_a_positive(tmp_path, name, weighted, head):
    rows = ROWS if weighted else without_weight(ROWS)
    source = write(tmp_path / name, rows)
    config = Object2VecConfig(**SIZES, **head)
    table = load_pairs(source, config, True, columns=POSITIVES)
    assert table.labels.tolist() == [1] * 4
    assert table.in1.values.tolist() == [2, 3, 4, 5]
    weights = None if table.weights is None else table.weights.tolist()
    assert weights == ([0, 1, 2, 3] if weighted else None)
    if name != "mapping":
        stream = PairStream(source, config, 4, columns=POSITIVES)
        (block,) = stream.blocks(epoch=0)
        np.testing.assert_array_equal(block.labels, 1)


def test_texts_have_labels_where_they_are_read(tmp_path):
    config = Object2VecConfig(
        **SIZES,
        enc0_tokenizer="words",
        enc1_network="hcnn",
        enc1_vocab_size=9,
        enc1_max_seq_len=2,
        negative_sampling_rate=1,
    )
    path = tmp_path / "a.csv"
    path.write_text("in0,in1\na dog,1\na cat,2\n")
    columns = PairColumns(label=None, weight=None)
    tokenizers = learn_tokenizers(str(path), config, columns, verbose=0)
    config = tokenizers.configure(config)
    for label in (False, True):
        pairs = read_source(
            str(path), config, tokenizers, columns, label=label, verbose=0
        )
        labels = pairs.table.labels
        assert (labels is not None) == label
        assert not label or labels.tolist() == [1, 1]


@pytest.mark.parametrize("head", ["softmax", "mean_squared_error"])
def test_heads_that_need_other_labels_refuse(tmp_path, head):
    source = write(tmp_path / "a.csv", without_weight(ROWS))
    config = Object2VecConfig(**SIZES, output_layer=head)
    for read in (
        lambda: load_pairs(source, config, columns=POSITIVES),
        lambda: PairStream(source, config, 4, columns=POSITIVES),
    ):
        message = "`label_column` must name .* Set `negative_sampling_rate`"
        with pytest.raises(ValueError, match=message):
            read()
