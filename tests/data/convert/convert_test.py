import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf

from o2v_keras.data.convert import shard_folder
from o2v_keras.data.convert.convert import convert
from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.pairs import read_pairs

ROOT = pathlib.Path(__file__).parents[3]


def write_lines(path, rows, seed=0):
    rng = np.random.default_rng([seed, rows])
    with open(path, "w") as file:
        for row in range(rows):
            record = {
                "in0": rng.integers(1, 99, rng.integers(1, 5)).tolist(),
                "in1": rng.integers(1, 2**40, rng.integers(1, 9)).tolist(),
                "label": row % 7 / 4,
            }
            file.write(json.dumps(record) + "\n")


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_shards_hold_the_same_rows_in_order(tmp_path, compression):
    write_lines(tmp_path / "a.jsonl", 25)
    lists = pa.array([[7], [8, 9]], pa.list_(pa.int64()))
    columns = {"in0": lists, "in1": lists, "label": [1.0, 0.0]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "b.parquet")
    inputs = [tmp_path / "a.jsonl", tmp_path / "b.parquet"]
    manifest = convert(
        inputs,
        tmp_path / "out",
        shard_rows=10,
        compression=compression,
        verbose=0,
    )
    ending = ".tfrecord.gz" if compression else ".tfrecord"
    names = [f"pairs-0000{n}-of-00003{ending}" for n in range(3)]
    assert sorted(contents(tmp_path / "out")) == ["_manifest.json", *names]
    expected = read_pairs(inputs).table
    read = read_pairs(tmp_path / "out").table
    assert read.fingerprint() == expected.fingerprint()
    assert read.locate(12) == f"{tmp_path}/out/{names[1]}: row 2"
    assert [shard["rows"] for shard in manifest["shards"]] == [10, 10, 7]
    assert manifest["rows"] == 27
    assert manifest["in1"] == {
        "max_id": expected.in1.values.max(),
        "max_length": expected.in1.lengths.max(),
    }
    saved = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert saved == manifest


def test_a_folder_without_all_its_shards_is_an_error(tmp_path):
    write_lines(tmp_path / "a.jsonl", 45)
    out = tmp_path / "out"
    convert(tmp_path / "a.jsonl", out, shard_rows=5, verbose=0)
    (out / "pairs-00001-of-00009.tfrecord").unlink()
    with pytest.raises(DataError, match="out: lacks pairs-00001-of-00009.tf"):
        read_pairs(out)
    for number in (2, 3, 4, 5, 6):
        (out / f"pairs-0000{number}-of-00009.tfrecord").unlink()
    with pytest.raises(DataError, match="-00005-of-.* and 1 more. Copy what"):
        read_pairs(out)
    assert len(read_pairs(f"{out}/*-of-*").table) == 15
    (out / "pairs-00000-of-00009.tfrecord").rename(out / "pairs.tfrecord")
    for number in (7, 8):
        (out / f"pairs-0000{number}-of-00009.tfrecord").unlink()
    with pytest.raises(DataError, match="out: lacks pairs-00000-of-00009"):
        read_pairs(out)


def test_a_remote_folder_without_all_its_shards_is_an_error(tmp_path):
    write_lines(tmp_path / "a.jsonl", 9)
    convert(tmp_path / "a.jsonl", "ram://lack/out", shard_rows=5, verbose=0)
    tf.io.gfile.remove("ram://lack/out/pairs-00001-of-00002.tfrecord")
    with pytest.raises(DataError, match="out: lacks pairs-00001-of-00002.tf"):
        read_pairs("ram://lack/out")


def test_one_side_without_labels(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"in1": [4, 5]}\n')
    convert(
        tmp_path / "a.jsonl",
        tmp_path / "out",
        sides=["in1"],
        label=False,
        verbose=0,
    )
    (shard,) = (tmp_path / "out").glob("*.tfrecord")
    (record,) = tf.data.TFRecordDataset(str(shard)).as_numpy_iterator()
    feature = tf.train.Example.FromString(record).features.feature
    assert list(feature) == ["in1"]


def test_remote_folders(tmp_path):
    write_lines(tmp_path / "a.jsonl", 25)
    with tf.io.gfile.GFile("ram://convert/in/a.jsonl", "w") as file:
        file.write((tmp_path / "a.jsonl").read_text())
    convert("ram://convert/in", "ram://convert/out", shard_rows=9, verbose=0)
    assert sorted(tf.io.gfile.listdir("ram://convert/out"))[0] == (
        "_manifest.json"
    )
    read = read_pairs("ram://convert/out/*-of-00003.tfrecord").table
    expected = read_pairs(tmp_path / "a.jsonl").table
    assert read.fingerprint() == expected.fingerprint()
    with pytest.raises(DataError, match="these differ: shard_rows"):
        convert("ram://convert/in", "ram://convert/out", verbose=0)


class Killed(BaseException):
    pass


def kill_at(patch, moment, names=("rename", "remove")):
    """Stops a conversion at its n-th rename or removal."""
    count = 0

    def guarded(function):
        def call(*arguments, **settings):
            nonlocal count
            count += 1
            if count == moment:
                raise Killed
            return function(*arguments, **settings)

        return call

    for name in names:
        function = getattr(tf.io.gfile, name)
        patch.setattr(shard_folder.gfile, name, guarded(function))


def test_goes_on_from_any_moment_to_the_same_bytes(tmp_path, monkeypatch):
    write_lines(tmp_path / "a.jsonl", 45)
    (tmp_path / "b.jsonl").write_text("oops\n")
    inputs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    settings = {"shard_rows": 10, "skip_bad_rows": 0.1, "verbose": 0}
    with pytest.warns(UserWarning, match="1 of 46 rows"):
        convert(inputs, tmp_path / "whole", **settings)
    expected = contents(tmp_path / "whole")
    for moment in range(1, 99):
        folder = tmp_path / f"killed{moment}"
        try:
            with monkeypatch.context() as patch:
                kill_at(patch, moment)
                with pytest.warns(UserWarning):
                    convert(inputs, folder, **settings)
            break
        except Killed:
            pass
        for name, content in contents(folder).items():
            if "-of-" in name or name == "_manifest.json":
                assert content == expected[name], (moment, name)
        if "_manifest.json" in contents(folder):
            convert(inputs, folder, **settings)
        else:
            with pytest.warns(UserWarning):
                convert(inputs, folder, **settings)
        assert contents(folder) == expected, moment
    # Of job, 5 shards twice and manifest, and one removal.
    assert moment - 1 == 13


def test_finished_shards_are_not_written_again(tmp_path, monkeypatch):
    write_lines(tmp_path / "a.jsonl", 45)
    with monkeypatch.context() as patch:
        kill_at(patch, 4)
        with pytest.raises(Killed):
            convert(
                tmp_path / "a.jsonl", tmp_path / "b", shard_rows=9, verbose=0
            )
    whole = list((tmp_path / "b").glob("*.whole"))
    assert len(whole) == 2
    before = {file.stat().st_ino for file in whole}
    convert(tmp_path / "a.jsonl", tmp_path / "b", shard_rows=9, verbose=0)
    shards = sorted((tmp_path / "b").glob("*-of-00005.tfrecord"))
    assert {file.stat().st_ino for file in shards[:2]} == before


def test_survives_kill_9(tmp_path, capsys):
    write_lines(tmp_path / "a.jsonl", 20_000)
    command = [
        *(sys.executable, "-m", "o2v_keras", "convert"),
        *("--input", "a.jsonl", "--output", "killed"),
        *("--shard-rows", "500", "--compression", "gzip"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "killed").glob("*3.tfrecord.gz.whole")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    names = [file.name for file in (tmp_path / "killed").iterdir()]
    assert "_job.json" in names
    assert not [name for name in names if "-of-" in name]
    for folder in ("killed", "whole"):
        convert(
            tmp_path / "a.jsonl",
            tmp_path / folder,
            shard_rows=500,
            compression="gzip",
        )
        printed = capsys.readouterr().out
        assert re.match(r"20,000 rows \(.* rows/s\), 40 shards: /", printed)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_finished_conversion_is_left_alone(tmp_path, capsys):
    write_lines(tmp_path / "a.jsonl", 5)
    first = convert(tmp_path / "a.jsonl", tmp_path / "out", verbose=0)
    before = contents(tmp_path / "out")
    assert convert(tmp_path / "a.jsonl", tmp_path / "out") == first
    assert "holds this conversion already" in capsys.readouterr().out
    assert contents(tmp_path / "out") == before
    write_lines(tmp_path / "a.jsonl", 6)
    with pytest.raises(DataError, match="these differ: sources. Name another"):
        convert(tmp_path / "a.jsonl", tmp_path / "out")


def test_a_folder_of_other_files_is_refused(tmp_path):
    write_lines(tmp_path / "a.jsonl", 5)
    with pytest.raises(DataError, match="holds other files, such as a.jsonl"):
        convert(tmp_path / "a.jsonl", tmp_path)


def test_bad_rows_stop_and_leave_nothing(tmp_path):
    lines = '{"in0": [1], "in1": [2], "label": 1}\noops\n{"in0": [1]}\n'
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "b.jsonl").write_text('{"in0": [], "in1": [2], "label": 1}')
    inputs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    with pytest.raises(DataError, match="4 rows read, 3 with") as error:
        convert(inputs, tmp_path / "out", verbose=0)
    assert "a.jsonl:2" in str(error.value)
    assert "b.jsonl:1: in0=" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_input_that_is_cut_off_leaves_nothing(tmp_path):
    write_lines(tmp_path / "a.jsonl", 3000)
    packed = gzip.compress((tmp_path / "a.jsonl").read_bytes())
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[:-99])
    inputs = [tmp_path / "a.jsonl", tmp_path / "cut.jsonl.gz"]
    with pytest.raises(DataError, match="cut.jsonl.gz: is cut off: .* again"):
        convert(inputs, tmp_path / "out", shard_rows=1000, verbose=0)
    assert not (tmp_path / "out").exists()


def test_unreadable_input_leaves_shards_that_are_whole(tmp_path):
    write_lines(tmp_path / "a.jsonl", 20)
    (tmp_path / "b.jsonl.gz").write_bytes(b"garbage")
    inputs = [tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"]
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="b.jsonl.gz: is no gzip file"):
        convert(inputs, tmp_path / "out", verbose=0)
    assert contents(tmp_path / "out") == {}
    with pytest.raises(DataError, match="b.jsonl.gz: is no gzip file"):
        convert(inputs, tmp_path / "out", shard_rows=15, verbose=0)
    names = contents(tmp_path / "out")
    assert "pairs-00000.tfrecord.whole" in names
    assert "_job.json" in names


def test_one_shard_is_one_shard(tmp_path, capsys):
    write_lines(tmp_path / "a.jsonl", 5)
    convert(tmp_path / "a.jsonl", tmp_path / "out")
    assert ", 1 shard: /" in capsys.readouterr().out


def test_bad_rows_can_be_skipped(tmp_path):
    lines = '{"in0": [1], "in1": [2], "label": 1}\noops\n'
    (tmp_path / "a.jsonl").write_text(lines)
    with pytest.warns(UserWarning, match="1 of 2 rows have errors"):
        manifest = convert(
            tmp_path / "a.jsonl",
            tmp_path / "out",
            skip_bad_rows=0.5,
            verbose=0,
        )
    assert manifest["rows"] == 1
    side_file = tmp_path / "out" / "_rejected_rows.jsonl"
    (line,) = side_file.read_text().splitlines()
    assert json.loads(line)["line"] == 2


def test_more_bad_rows_than_the_limit_leave_nothing(tmp_path):
    lines = '{"in0": [1], "in1": [2], "label": 1}\n' * 50 + "oops\n"
    path, output = tmp_path / "a.jsonl", tmp_path / "out"
    path.write_text(lines)
    with pytest.raises(DataError, match="1 of 51 rows .*share of 0.01 "):
        convert(path, output, skip_bad_rows=True, verbose=0)
    assert not output.exists()


@pytest.mark.parametrize("label", [2**24 + 1, 1e39], ids=["class", "large"])
def test_a_label_beyond_float32_is_an_error(tmp_path, label):
    record = {"in0": [1], "in1": [2], "label": label}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    with pytest.raises(DataError, match="a.jsonl:1: label=.* a float32, which"):
        convert(tmp_path / "a.jsonl", tmp_path / "out", verbose=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [{"shard_rows": 0}, {"compression": "zip"}], ids=str
)
def test_rejects_other_options(tmp_path, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received: "):
        convert(tmp_path / "a.jsonl", tmp_path / "out", **options)


def test_an_unwritable_folder_is_an_os_error(tmp_path):
    write_lines(tmp_path / "a.jsonl", 5)
    with pytest.raises(OSError, match="a.jsonl"):
        convert(tmp_path / "a.jsonl", tmp_path / "a.jsonl" / "out")
