import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "command",
    [
        "local_server --model_base_path={missing} --port=0"
        " --model_config_file={missing}/models.config",
        "sagemaker_server --saved-model {missing} --port 0",
        "batch_inference --saved-model {missing} --side in0"
        " --signature encoder_embeddings --input {here} --output out.npy",
    ],
    ids=lambda command: command.split()[0],
)
@pytest.mark.slow
def test_an_error_stands_alone(command, tmp_path):
    command = command.format(missing=tmp_path / "missing", here=__file__)
    finished = subprocess.run(
        [sys.executable, "-m", *f"serving.{command}".split()],
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 2
    assert finished.stderr.startswith("serving.")
    assert "TF_ENABLE_ONEDNN_OPTS" not in finished.stderr
