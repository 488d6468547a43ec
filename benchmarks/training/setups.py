"""The models and data that the training benchmarks compare on."""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

from benchmarks.training.corpora import Corpus
from benchmarks.training.corpora import data_folder
from benchmarks.training.corpora import movielens
from benchmarks.training.corpora import sentence_pairs
from benchmarks.training.corpora import wikipedia_like
from notebooks.sizes import sized
from o2v_keras import Object2VecConfig
from o2v_keras import PairTable
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.models import presets

_ROWS = sized(None, quick=500)
_SIZES = sized({}, quick={"enc_dim": 16, "mlp_dim": 8, "mini_batch_size": 16})


@dataclasses.dataclass(frozen=True)
class Setup:
    """One model on one corpus, and how much faster ours should be.

    Args:
        name: What the command line and the table call it.
        preset: Hyperparameters, without sizes that follow from the corpus.
        corpus: Makes the pairs.
        steps: Batches of a timed round.
        targets: Contestant -> the ratio to reach.
        headline: The ratio to stock Keras to aim at.
        needs_data: Whether the corpus lies in `O2V_DATA_DIR`.
        length_percentile: `max_seq_len` becomes this percentile of the
            corpus. Defaults to `None`: that of the preset.
    """

    name: str
    preset: Mapping
    corpus: Callable[[], Corpus]
    steps: int
    targets: Mapping[str, float]
    headline: float | None = None
    needs_data: bool = True
    length_percentile: float | None = None

    def write(self, folder: pathlib.Path) -> "Written":
        """Leaves in `folder` what the programs read: NumPy and JSON files."""
        corpus = self.corpus()
        table = corpus.table.take(np.arange(len(corpus.table))[:_ROWS])
        values = dict(self.preset)
        if self.length_percentile is not None:
            values["enc0_max_seq_len"] = corpus.percentile(
                self.length_percentile
            )
            values["enc0_vocab_size"] = corpus.vocab_size
        values["token_embedding_storage_type"] = "row_sparse"
        values |= _SIZES
        config = Object2VecConfig.from_dict(values)
        setup = {
            "config": config.to_dict(),
            "layers": [config.encoder0.layers, config.encoder1.layers],
            "steps": sized(self.steps, quick=10),
        }
        (folder / "setup.json").write_text(json.dumps(setup))
        # The corpus as it is, and the pairs of one epoch, negatives included,
        # for programs that know nothing of negative sampling.
        _write_pairs(folder / "corpus.npz", table)
        plan = EpochPlanner(table, config, training=True).plan(0)
        pairs = PairTable.from_arrays(
            table.in0.take(plan.in0_rows),
            table.in1.take(plan.in1_rows),
            plan.labels,
        )
        _write_pairs(folder / "pairs.npz", pairs)
        return Written(config, pairs, corpus.description, setup["steps"])


@dataclasses.dataclass(frozen=True)
class Written:
    """What the programs find in the folder.

    Args:
        config: `Object2VecConfig`.
        table: The pairs of one epoch.
        description: The corpus in a line.
        steps: Batches of a timed round.
    """

    config: Object2VecConfig
    table: PairTable
    description: str
    steps: int


def _write_pairs(path, table):
    columns = {"labels": table.labels}
    for name, side in table.sides.items():
        columns[f"{name}_values"] = side.values
        columns[f"{name}_offsets"] = side.offsets
    np.savez(path, **columns)


def _recommendations():
    corpus = movielens(data_folder())
    liked = corpus.table.labels > 3
    table = dataclasses.replace(corpus.table, labels=liked.astype(np.float64))
    return dataclasses.replace(corpus, table=table)


# Too wide for two cores as published (enc_dim 8192 is 5 s a step); the rest
# is SNLI's.
_SENTENCES = {**presets.SNLI, "enc_dim": 1024, "bucket_width": 5}
_WHOLE_CORPORA = {
    "stock Keras": 2.0,
    "stock Keras, our batches": 1.0,
}

SETUPS = (
    Setup(
        "movielens-64",
        presets.MOVIELENS_RATING,
        lambda: movielens(data_folder()),
        steps=200,
        targets={"stock Keras": 1.8, "PyTorch": 1.0},
        headline=2.3,
    ),
    Setup(
        "movielens-2048",
        presets.MOVIELENS_RECOMMENDATION,
        _recommendations,
        steps=10,
        targets={"PyTorch": 1.0},
    ),
    Setup(
        "sentences-hcnn",
        {**_SENTENCES, "enc0_network": "hcnn"},
        lambda: sentence_pairs(data_folder()),
        steps=20,
        targets={**_WHOLE_CORPORA, "PyTorch": 1.0},
        length_percentile=99,
    ),
    Setup(
        "sentences-bilstm",
        {**_SENTENCES, "enc0_network": "bilstm", "enc_dim": 512},
        lambda: sentence_pairs(data_folder()),
        steps=20,
        targets={**_WHOLE_CORPORA, "PyTorch": 0.8},
        length_percentile=99,
    ),
    Setup(
        "wikipedia-like",
        presets.WIKIPEDIA,
        wikipedia_like,
        steps=20,
        targets={
            "stock Keras": 5.0,
            "stock Keras, our batches": 1.0,
            "PyTorch": 1.0,
        },
        headline=8.0,
        needs_data=False,
    ),
)
