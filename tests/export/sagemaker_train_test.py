import json
import re
import tarfile

import numpy as np
import pytest

from export import sagemaker_train
from export.sagemaker_train import main
from o2v_keras.data.read.paths import expand_paths

pytestmark = pytest.mark.filterwarnings("ignore:These settings of SageMaker")

# The expressions that SageMaker's tuning jobs use for this algorithm.
VALIDATION_LOSS = (
    r"#quality_metric: host=\S+, epoch=\S+, validation cross_entropy "
    r"<loss>=(\S+)"
)
TEST_ACCURACY = r"#quality_metric: host=\S+, test accuracy <score>=(\S+)"
PROGRESS = r"#progress_metric: host=\S+, completed (\S+) %"
THROUGHPUT = r"#throughput_metric: host=\S+, train throughput=(\S+) records/s"


def write_channel(root, name, rows):
    # Each channel's pairs are its own: what leaks into training is refused.
    generator = np.random.default_rng(rows)
    folder = root / "input" / "data" / name
    folder.mkdir(parents=True)
    with open(folder / "part-0.jsonl", "w") as file:
        for _ in range(rows):
            record = {
                "label": int(generator.integers(2)),
                "in0": generator.integers(1, 9, 2).tolist(),
                "in1": generator.integers(1, 9, 3).tolist(),
            }
            file.write(json.dumps(record) + "\n")


@pytest.fixture
def root(tmp_path):
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    hyperparameters = {
        "enc0_network": "pooled_embedding",
        "enc0_max_seq_len": "3",
        "enc0_vocab_size": "9",
        "enc_dim": "4",
        "mlp_dim": "4",
        "epochs": "2",
        "_kvstore": "device",
    }
    path = config / "hyperparameters.json"
    path.write_text(json.dumps(hyperparameters))
    for name, rows in (("train", 12), ("validation", 5), ("test", 3)):
        write_channel(tmp_path, name, rows)
    return tmp_path


@pytest.mark.slow
def test_hyperparameters_name_files_of_the_auxiliary_channel(root, capsys):
    path = root / "input" / "config" / "hyperparameters.json"
    fields = {
        **json.loads(path.read_text()),
        "enc0_pretrained_embedding_file": "glove.txt",
        "enc0_vocab_file": "vocab.json",
    }
    path.write_text(json.dumps(fields))
    assert main(["--root", str(root)]) == 1
    failure = (root / "output" / "failure").read_text()
    folder = root / "input" / "data" / "auxiliary"
    assert f"there is no file {folder}/glove.txt" in failure
    folder.mkdir()
    (folder / "glove.txt").write_text("the 1 2 3 4\na 5 6 7 8\n")
    (folder / "vocab.json").write_text('{"the": 2, "a": 3}')
    assert main(["--root", str(root)]) == 0
    assert "enc1: 2 of 2 words (100.0 %)" in capsys.readouterr().out


def test_trains_exports_packs_and_logs_as_sagemaker_expects(root, capsys):
    assert main(["train", "--root", str(root)]) == 0
    log = capsys.readouterr().out
    history = (root / "checkpoints" / "history.csv").read_text().splitlines()
    column = history[0].split(",").index("val_cross_entropy")
    expected = [float(line.split(",")[column]) for line in history[1:]]
    assert [float(v) for v in re.findall(VALIDATION_LOSS, log)] == expected
    report = json.loads((root / "checkpoints" / "metrics.json").read_text())
    accuracy = re.findall(TEST_ACCURACY, log)
    assert [float(v) for v in accuracy] == [report["test"]["accuracy"]]
    assert re.findall(PROGRESS, log) == ["50", "100"]
    assert len(re.findall(THROUGHPUT, log)) == 2
    assert (root / "model" / "1" / "saved_model.pb").is_file()
    with tarfile.open(root / "output" / "model.tar.gz") as archive:
        assert "1/saved_model.pb" in archive.getnames()
    assert not (root / "output" / "failure").exists()


def test_several_instances_are_refused(root):
    # Each would train a model of its own, and one would win.
    path = root / "input" / "config" / "resourceconfig.json"
    resources = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    path.write_text(json.dumps(resources))
    assert main(["--root", str(root)]) == 1
    failure = (root / "output" / "failure").read_text()
    assert "`instance_count` must be 1." in failure
    assert failure.endswith("Received: hosts=algo-1, algo-2")
    assert not (root / "model").exists()


@pytest.mark.parametrize("root_name", ["plain", "_r[0] %*"])
def test_channels_hold_what_o2v_train_reads(tmp_path, root_name):
    root = tmp_path / root_name
    write_channel(root, "train", 3)
    folder = root / "input" / "data" / "train"
    part = (folder / "part-0.jsonl").read_bytes()
    names = ("_SUCCESS", "_manifest.json", ".part.crc", ".x/a.jsonl")
    more = ("day=1/a.jsonl", "day=1/_SUCCESS", "_temporary/0/a.jsonl")
    for name in (*names, *more):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part)
    assert sagemaker_train._files(root, "train") == [
        str(folder / "part-0.jsonl"),
        str(folder / "day=1" / "a.jsonl"),
    ]
    assert expand_paths(folder) == [str(folder / "part-0.jsonl")]
    assert sagemaker_train._files(root, "test") == []


def test_a_channel_that_lacks_shards_is_refused(root):
    folder = root / "input" / "data" / "train"
    (folder / "part-0.jsonl").rename(folder / "p-00001-of-00002.jsonl")
    assert main(["--root", str(root)]) == 1
    failure = (root / "output" / "failure").read_text()
    assert f"{folder}: lacks p-0000" in failure


def test_a_users_error_is_status_1_and_a_failure_file(root, capsys):
    for path in (root / "input" / "data" / "train").iterdir():
        path.unlink()
    assert main(["--root", str(root)]) == 1
    failure = (root / "output" / "failure").read_text()
    assert failure.startswith("ClientError: ")
    assert "`train`" in failure
    assert failure in capsys.readouterr().err


def test_an_error_of_ours_is_status_255(root, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("bug")

    monkeypatch.setattr("export.saved_model.export_saved_model", fail)
    assert main(["--root", str(root)]) == 255
    failure = (root / "output" / "failure").read_text()
    assert failure == "AlgorithmError: RuntimeError: bug"
