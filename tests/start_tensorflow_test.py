import os
import subprocess
import sys


def test_a_user_s_imports_print_nothing():
    lines = (
        "from export import export_saved_model",
        "from o2v_keras import Object2Vec, encoders, train",
        "import tensorflow as tf",
        "tf.zeros([])",
    )
    environment = {**os.environ}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    finished = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
