import gzip

import pytest
import tensorflow as tf

from o2v_keras.data.check.check import PairCheck
from o2v_keras.data.convert.tf_example import make_example
from o2v_keras.data.data_error import DataError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read.pairs import read_pairs
from o2v_keras.data.read.pairs import read_pieces


def write(path, records):
    gzipped = str(path).endswith(".gz")
    with tf.io.TFRecordWriter(str(path), "GZIP" if gzipped else "") as writer:
        for record in records:
            writer.write(record)


def floats(name, values):
    example = tf.train.Example.FromString(make_example([1], [2]))
    example.features.feature[name].Clear()
    example.features.feature[name].float_list.value.extend(values)
    return example.SerializeToString()


GOOD = [make_example([n], [n, 5], n) for n in range(1, 8)]


@pytest.mark.parametrize("name", ["a.tfrecord", "a.tfrecord.gz"])
def test_reads_batch_by_batch(tmp_path, name):
    write(tmp_path / name, GOOD)
    path = str(tmp_path / name)
    parts = list(read_pieces(path, ["in0", "in1"], True, rows=3))
    assert [len(part.table) for part in parts] == [3, 3, 1]
    assert [len(part.rejected) for part in parts] == [0, 0, 0]
    table = parts[1].table
    assert table.labels.tolist() == [4, 5, 6]
    assert table.in1[2].tolist() == [6, 5]
    assert table.locate(2) == f"{path}: row 5"


def test_remote_files_are_read():
    write("ram://pairs/b.tfrecord.gz", GOOD[:2])
    write("ram://pairs/a.tfrecord", GOOD[2:])
    with tf.io.gfile.GFile("ram://more/c.jsonl.gz", "wb") as file:
        file.write(gzip.compress(b'{"in0": [9], "in1": [9], "label": 9}\n'))
    table = read_pairs(["ram://pairs", "ram://more/*.jsonl.gz"]).table
    assert table.labels.tolist() == [3, 4, 5, 6, 7, 1, 2, 9]
    assert table.locate(5) == "ram://pairs/b.tfrecord.gz: row 0"
    with pytest.raises(DataError, match="ram://none/x.*: no such file"):
        read_pairs("ram://none/x.tfrecord")


def test_labels_are_left_alone_when_not_asked_for(tmp_path):
    write(tmp_path / "a.tfrecord", [make_example(in1=[4]), *GOOD])
    result = read_pairs(tmp_path / "a.tfrecord", sides=["in1"], label=False)
    assert (len(result.table), len(result.rejected)) == (8, 0)


def test_bad_records_are_rejected_with_their_reasons(tmp_path):
    path = tmp_path / "a.tfrecord"
    bad = {
        1: b"hello " * 9,
        3: floats("in0", [1.5]),
        4: make_example([1], [2]),
        6: floats("label", [1, 2]),
        7: make_example([], [2], 1),
    }
    records = [*GOOD, *GOOD]
    for row, record in bad.items():
        records[row] = record
    write(path, records)
    result = read_pairs(path)
    table, rejected = result.table, result.rejected
    assert rejected.origin.numbers.tolist() == [1, 3, 4, 6]
    assert [str(faults[0]) for faults in rejected.faults] == [
        "record: no such Example: no protocol buffer of it",
        'in0: no such Example: "in0" is a float_list',
        'label: missing: no "label"',
        "label: no such Example: label=[1.0, 2.0]",
    ]
    assert table.origin.numbers.tolist() == [0, 2, 5, *range(7, 14)]
    check = PairCheck()
    check.add(table, rejected)
    report = check.report()
    assert report.unusable_rows == 5
    assert f"{path}: row 7: in0=[]" in str(report)
    assert f"{path}: row 4: " in str(report)


SIZE = len(GOOD[0]) + 16


@pytest.mark.parametrize(
    ("end", "row"),
    [
        pytest.param(4 * SIZE + 1, 4, id="in_the_header"),
        pytest.param(4 * SIZE + 11, 4, id="before_the_header_ends"),
        pytest.param(4 * SIZE + 12, 4, id="after_the_header"),
        pytest.param(7 * SIZE - 3, 6, id="in_the_last_checksum"),
    ],
)
@pytest.mark.parametrize("ending", [".tfrecord", ".tfrecord.gz"])
def test_a_file_that_is_cut_off_is_an_error(tmp_path, ending, end, row):
    write(tmp_path / "a.tfrecord", GOOD)
    content = (tmp_path / "a.tfrecord").read_bytes()[:end]
    path = tmp_path / f"cut{ending}"
    gzipped = ending.endswith(".gz")
    path.write_bytes(gzip.compress(content) if gzipped else content)
    message = f"cut{ending}: row {row}: the file is cut off here. .* again"
    for rows in (2, 99):
        with pytest.raises(DataError, match=message):
            list(read_pieces(str(path), ["in0"], True, rows=rows))


@pytest.mark.parametrize("lost", [3, 8, 40])
def test_a_packed_file_that_is_cut_off_is_an_error(tmp_path, lost):
    path = tmp_path / "a.tfrecord.gz"
    write(path, GOOD)
    path.write_bytes(path.read_bytes()[:-lost])
    message = r"row \d: the file is cut off here"
    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_a_remote_file_that_is_cut_off_is_an_error(tmp_path):
    write(tmp_path / "a.tfrecord", GOOD)
    with tf.io.gfile.GFile("ram://cut/a.tfrecord", "wb") as file:
        file.write((tmp_path / "a.tfrecord").read_bytes()[: 2 * SIZE + 5])
    with pytest.raises(DataError, match="a.tfrecord: row 2: the file is cut"):
        read_pairs("ram://cut/a.tfrecord")


def test_a_damaged_record_is_named(tmp_path):
    path = tmp_path / "a.tfrecord"
    write(path, GOOD)
    content = bytearray(path.read_bytes())
    content[5 * SIZE + 20] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="row 5: the record is da") as error:
        read_pairs(path)
    assert "[Op" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tfrecord", b"garbage"),
        ("a.tfrecord", b"much longer garbage"),
        ("a.tfrecord.gz", gzip.compress(b"garbage")),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="row 0: .* or this is no TFRecord"):
        read_pairs(tmp_path / name)


def test_a_file_that_cannot_be_read_is_told_in_plain_words(tmp_path):
    path = str(tmp_path / "none.tfrecord")
    with pytest.raises(DataError, match="cannot be read: .*No such") as error:
        list(read_pieces(path, ["in0"], True))
    assert "[Op" not in str(error.value)


def test_a_file_without_records_is_an_error(tmp_path):
    write(tmp_path / "a.tfrecord", [])
    with pytest.raises(DataError, match="a.tfrecord: holds no record"):
        read_pairs(tmp_path / "a.tfrecord")


def test_a_feature_that_is_absent_is_no_empty_list(tmp_path):
    records = [make_example([], [2], 1), make_example(None, [2], 1), *GOOD]
    write(tmp_path / "a.tfrecord", records)
    table, rejected, _ = read_pairs(tmp_path / "a.tfrecord")
    assert table.in0.lengths.tolist() == [0, *[1] * 7]
    assert [str(*faults) for faults in rejected.faults] == [
        'in0: missing: no "in0"'
    ]


def test_features_have_any_name(tmp_path):
    example = tf.train.Example.FromString(GOOD[0])
    features = example.features.feature
    for name in ("in0", "in1", "label"):
        features[f"my {name}"].CopyFrom(features[name])
        del features[name]
    write(tmp_path / "a.tfrecord", [example.SerializeToString()])
    columns = PairColumns("my in0", "my in1", "my label")
    table = read_pairs(tmp_path / "a.tfrecord", columns=columns).table
    assert table.in1[0].tolist() == [1, 5]
    message = "no row has a value in the column label. .*: my in0, my in1, my"
    with pytest.raises(DataError, match=message):
        read_pairs(
            tmp_path / "a.tfrecord", columns=columns._replace(label="label")
        )
