import os
import pathlib

import numpy as np
import pytest

from o2v_keras import Object2VecConfig
from o2v_keras import train
from o2v_keras.models import presets


def ratings(name):
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder or not (pathlib.Path(folder) / "ml-100k").is_dir():
        pytest.skip("needs ml-100k in the folder that O2V_DATA_DIR names")
    path = pathlib.Path(folder) / "ml-100k" / name
    users, films, labels, _ = np.loadtxt(path, dtype=np.int64).T
    return {"in0": users, "in1": films, "label": labels}


@pytest.mark.slow
def test_one_epoch_of_aws_notebook_beats_the_means(tmp_path):
    config = Object2VecConfig.from_hyperparameters(presets.MOVIELENS_RATING)
    result = train(
        config.replace(epochs=1),
        ratings("ua.base"),
        ratings("ua.test"),
        model_dir=tmp_path,
        verbose=0,
    )
    baselines = result.report["baselines"]["validation"]
    # The published figures of the trivial answers, to all their digits.
    assert baselines["global_mean"]["loss"] == pytest.approx(1.259, abs=1e-3)
    assert baselines["in0_mean"]["loss"] == pytest.approx(1.088, abs=1e-3)
    # AWS's own run had 0.98 after its first epoch.
    assert 0.90 < result.report["validation"]["mean_squared_error"] < 1.03
