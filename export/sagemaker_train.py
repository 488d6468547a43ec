"""`o2v sagemaker-train`: the training entry point of a SageMaker container.

Reads and writes SageMaker's folders below `/opt/ml`:

- `input/config/hyperparameters.json`, all strings;
- `input/config/resourceconfig.json`, which must name one instance;
- `input/data/<channel>/`, channels `train`, `validation` and `test`, and
  `auxiliary` with the vocabularies and vectors that hyperparameters name;
- `checkpoints/`, so that a job on spot instances resumes;
- `model/`, the export in TF Serving's layout, which SageMaker archives;
- `output/model.tar.gz`, the same archive for runs outside of SageMaker;
- `output/failure`, the error message of a failed job.

The exit status is 0, 1 for a user's error or 255 for an internal error.
Metrics go to the standard output in the log format of SageMaker's container.
"""

import glob
import json
import os
import pathlib
import sys
import tarfile
import traceback
from typing import Any

from o2v_keras.command import TRAIN
from o2v_keras.command import Commands
from o2v_keras.command import run_alone
from o2v_keras.start_tensorflow import start_tensorflow

USER_ERROR = 1
INTERNAL_ERROR = 255

# SageMaker shows this many characters of the failure file.
_FAILURE_CHARACTERS = 1024
_CHANNELS = ("train", "validation", "test")


def add_command(commands: Commands) -> None:
    """Adds `sagemaker-train`."""
    parser = commands.add(
        "sagemaker-train",
        _run,
        "train and export as a SageMaker container does",
        TRAIN,
    )
    # SageMaker passes this word to the container.
    parser.add_argument("command", nargs="?", choices=("train",))
    parser.add_argument(
        "--root",
        type=pathlib.Path,
        default=pathlib.Path("/opt/ml"),
        metavar="DIR",
        help="where SageMaker mounts things; default /opt/ml",
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs `o2v sagemaker-train`.

    Args:
        arguments: Words after the command. Defaults to `None`: the process's
            own.

    Returns:
        The exit status.
    """
    return run_alone(add_command, "sagemaker-train", arguments)


def _run(options):
    root = options.root
    try:
        _train(root)
    except (ValueError, OSError, MemoryError) as error:
        return _fail(root, f"ClientError: {error}", USER_ERROR)
    except Exception as error:
        traceback.print_exc()
        message = f"AlgorithmError: {type(error).__name__}: {error}"
        return _fail(root, message, INTERNAL_ERROR)


def _train(root):
    start_tensorflow()
    from export.sagemaker_metrics import SageMakerMetrics
    from export.sagemaker_metrics import quality_lines
    from export.saved_model import export_saved_model
    from o2v_keras import Object2VecConfig
    from o2v_keras import train

    host = _host(root)
    config = Object2VecConfig.from_hyperparameters(
        root / "input" / "config" / "hyperparameters.json"
    )
    channels: dict[str, Any] = {
        name: files for name in _CHANNELS if (files := _files(root, name))
    }
    if "train" not in channels:
        raise ValueError(
            f"The channel `train` must hold data: {root}/input/data/train is "
            "missing or empty."
        )
    result = train(
        config,
        **channels,
        model_dir=root / "checkpoints",
        resume=True,
        auxiliary=root / "input" / "data" / "auxiliary",
        callbacks=[
            SageMakerMetrics(host, config.epochs, config.mini_batch_size)
        ],
    )
    for line in quality_lines(host, "test", result.report["test"], None):
        print(line, flush=True)
    mode = "both" if len(config.sides) == 2 else "embedding"
    export_saved_model(result.model, root / "model", mode=mode)
    _pack(root / "model", root / "output" / "model.tar.gz")


def _files(root, channel):
    """The files of a channel's folder and of all folders in it."""
    from o2v_keras.data.read.paths import expand_paths
    from o2v_keras.data.read.paths import is_meant

    pattern = os.path.join(
        glob.escape(os.fspath(root / "input" / "data" / channel)), "**", "*"
    )
    folders = {
        os.path.dirname(path)
        for path in glob.glob(pattern, recursive=True)
        if is_meant(path, pattern) and os.path.isfile(path)
    }
    return expand_paths(sorted(folders)) if folders else []


def _host(root):
    """This machine's name.

    Raises:
        ValueError: If it is not the only one of the job.
    """
    path = root / "input" / "config" / "resourceconfig.json"
    if not path.is_file():
        return "algo-1"
    resources = json.loads(path.read_text())
    hosts = resources.get("hosts", ())
    if len(hosts) > 1:
        raise ValueError(
            "`instance_count` must be 1. Workers that train together need a "
            "model directory on a file system that all of them share, and "
            "/opt/ml/checkpoints is each instance's own. Take one instance "
            "with more GPUs, all of which are used; or mount such a file "
            "system and run `o2v launch --cluster sagemaker -- train ...`. "
            f"Received: hosts={', '.join(map(str, hosts))}"
        )
    return resources.get("current_host", "algo-1")


def _pack(folder, archive):
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, arcname=path.name)


def _fail(root, message, status):
    print(message, file=sys.stderr)
    failure = root / "output" / "failure"
    failure.parent.mkdir(parents=True, exist_ok=True)
    failure.write_text(message[:_FAILURE_CHARACTERS], encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
