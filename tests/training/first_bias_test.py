import numpy as np
import pytest

from o2v_keras.evaluation.inference import embed_marked
from o2v_keras.neighbors.neighbor_index import NeighborIndex
from o2v_keras.reports.embedding_map import write_map
from o2v_keras.training.model_directory import load_model
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

# Too slow to move anything.
STILL = {"learning_rate": 1e-6, "epochs": 1}


def first_bias(folder, source, changes=None, **options):
    config = make_config(**STILL, **(changes or {}))
    result = train(config, source, model_dir=folder, verbose=0, **options)
    return result.model.get_layer("scores").bias.numpy()


def write_csv(path, source):
    lines = ["in0,in1,label,weight"]
    for in0, in1, label, weight in zip(*source.values(), strict=True):
        ids = " ".join(map(str, in0)), " ".join(map(str, in1))
        lines.append(f"{ids[0]},{ids[1]},{label},{weight}")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    "options", [{}, {"replicas": 2}, {"stream_rows": 8}], ids=str
)
def test_training_begins_at_the_log_odds_of_weighted_labels(options, tmp_path):
    source = make_source(24)
    weights = np.linspace(0, 2, 24).round(2)
    share = np.average(source["label"], weights=weights)
    path = tmp_path / "train.csv"
    write_csv(path, {**source, "weight": weights})
    bias = first_bias(tmp_path / "m", path, **options)
    assert bias[1] - bias[0] == pytest.approx(
        np.log(share / (1 - share)), abs=1e-4
    )


def test_values_begin_at_their_mean_but_not_in_a_model_that_goes_on(tmp_path):
    regression = {"output_layer": "mean_squared_error"}
    values = {**make_source(16), "label": [3.0, 4.0] * 8}
    bias = first_bias(tmp_path / "m", values, regression)
    assert bias == pytest.approx([3.5], abs=1e-4)
    bias = first_bias(
        tmp_path / "next",
        {**values, "label": [8.0, 10.0] * 8},
        regression,
        initial_model=tmp_path / "m",
    )
    assert bias == pytest.approx([3.5], abs=1e-4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose training data hold the ids 1 to 9 of both sides."""
    folder = tmp_path_factory.mktemp("trained") / "m"
    rows = np.arange(1, 10)
    source = {"in0": rows, "in1": rows, "label": rows % 2}
    train(make_config(**STILL), source, model_dir=folder, verbose=0)
    return folder


def test_an_index_leaves_out_what_was_never_trained(folder):
    model = load_model(folder)
    rows = {"in1": [[9], [10, 11], [3, 12], [12]]}
    with pytest.warns(UserWarning, match="2 of 4 rows .* not in the index"):
        index = NeighborIndex.from_model(model, "in1", rows)
    assert index.ids.tolist() == [0, 2]
    with pytest.warns(UserWarning, match="1 of 1 rows hold no id of in0"):
        index.query_model(model, "in0", {"in0": [[20]]}, k=1)


def test_a_map_leaves_out_what_was_never_trained(folder, tmp_path):
    rows = {"in0": [[1], [2], [20], [3], [4]]}
    vectors, untrained = embed_marked(load_model(folder), "in0", rows)
    write_map(tmp_path / "logs", vectors, left_out=untrained)
    assert (tmp_path / "logs" / "metadata.tsv").read_text().split() == [
        *("0", "1", "3", "4")
    ]


def test_models_of_before_do_not_know_their_ids(folder, tmp_path):
    model = load_model(folder / "model.keras")
    assert model.trained_ids is None
    assert len(NeighborIndex.from_model(model, "in1", {"in1": [[20], [21]]}))


def test_a_model_that_goes_on_knows_the_ids_of_the_first(folder, tmp_path):
    rows = {"in0": [[20], [1]], "in1": [[21], [2]], "label": [0, 1]}
    result = train(
        make_config(**STILL),
        rows,
        model_dir=tmp_path / "m",
        initial_model=folder,
        verbose=0,
    )
    seen = np.flatnonzero(result.model.trained_ids.sides["in0"])
    assert seen.tolist() == [*range(1, 10), 20]
