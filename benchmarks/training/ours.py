"""Training as a user of o2v_keras has it.

Run by `benchmarks.training`, with a folder and, as JSON, hyperparameters and
arguments of `compile` other than the setup's.
"""

import dataclasses
import json
import pathlib
import sys

from o2v_keras.start_tensorflow import start_tensorflow

start_tensorflow()

from benchmarks.training.keras_rounds import fit_in_rounds  # noqa: E402
from benchmarks.training.keras_rounds import read_pairs  # noqa: E402
from benchmarks.training.keras_rounds import read_setup  # noqa: E402
from o2v_keras import Object2Vec  # noqa: E402
from o2v_keras import Object2VecConfig  # noqa: E402
from o2v_keras import PairTable  # noqa: E402
from o2v_keras.data.batches.pair_batches import PairBatches  # noqa: E402
from o2v_keras.data.sequences import Sequences  # noqa: E402


def read_batches(folder: pathlib.Path, config: Object2VecConfig):
    """Returns the batches of epoch 0, the same in every pass."""
    columns = read_pairs(folder / "corpus.npz")
    sides = [
        Sequences(columns[f"{side}_values"], columns[f"{side}_offsets"])
        for side in ("in0", "in1")
    ]
    table = PairTable.from_arrays(*sides, columns["labels"])
    return PairBatches(table, config, training=True).dataset()


def main(folder, changes="{}"):
    """Builds the model and plays rounds."""
    folder = pathlib.Path(folder)
    setup = read_setup(folder)
    changes = {"steps_per_execution": 10, **json.loads(changes)}
    fields = {field.name for field in dataclasses.fields(Object2VecConfig)}
    values = {n: v for n, v in changes.items() if n in fields}
    config = Object2VecConfig.from_dict(setup["config"]).replace(**values)
    model = Object2Vec(config)
    for name in changes.keys() - fields:
        setattr(model, name, changes[name])
    fit_in_rounds(model, read_batches(folder, config), setup["steps"])


if __name__ == "__main__":
    main(*sys.argv[1:])
