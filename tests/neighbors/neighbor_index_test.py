import importlib.util
import json
import os
import sys

import numpy as np
import pytest

from o2v_keras.evaluation.inference import embed
from o2v_keras.models.object2vec import Object2Vec
from o2v_keras.neighbors import exact_search
from o2v_keras.neighbors import nearest
from o2v_keras.neighbors.neighbor_index import NeighborIndex
from o2v_keras.optional_packages import MissingExtraError
from o2v_keras.storage.scalar_quantizer import ScalarQuantizer
from tests.storage.kills import every_kill
from tests.training.small_training import make_config

METRICS = ("cosine", "dot", "euclidean")


def needs(module):
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None,
        reason=f"{module} is not installed (an extra)",
    )


BACKENDS = [
    "exact",
    pytest.param("faiss", marks=needs("faiss")),
    pytest.param("usearch", marks=needs("usearch")),
]


def random_vectors(rows, dim=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, dim)).astype(np.float32)


def scores_by_hand(queries, vectors, metric):
    queries, vectors = queries.astype(float), vectors.astype(float)
    if metric == "euclidean":
        return np.linalg.norm(queries[:, None] - vectors[None], axis=-1)
    if metric == "cosine":
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return queries @ vectors.T


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(exact_search, "_QUERIES", 4)
    monkeypatch.setattr(exact_search, "_VECTORS", 7)
    monkeypatch.setattr(nearest, "_BLOCK_NUMBERS", 100)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 5, 30])
def test_query_equals_a_full_sort(metric, backend, k, small_blocks):
    vectors, queries = random_vectors(30), 3 * random_vectors(11, seed=1)
    index = NeighborIndex.build(vectors, metric=metric, backend=backend)
    nearest = index.query(queries, k)
    expected = scores_by_hand(queries, vectors, metric)
    order = np.argsort(expected if metric == "euclidean" else -expected, axis=1)
    np.testing.assert_array_equal(nearest.rows, order[:, :k])
    np.testing.assert_array_equal(nearest.ids, nearest.rows)
    np.testing.assert_allclose(
        nearest.scores,
        np.take_along_axis(expected, nearest.rows, axis=1),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_exclusions_leave_the_rest_in_order(backend, small_blocks):
    vectors, queries = random_vectors(30), random_vectors(9, seed=1)
    names = [f"film {row}" for row in range(30)]
    index = NeighborIndex.build(vectors, names, "dot", backend)
    everything = index.query(queries, 30).ids
    rng = np.random.default_rng(2)
    seen = [rng.choice(names, size) for size in (0, 1, 2, 5, 12, 20, 30, 40, 3)]
    nearest = index.query(queries, 10, seen)
    for row, gone in enumerate(seen):
        left = [name for name in everything[row] if name not in gone][:10]
        absent = 10 - len(left)
        assert nearest.ids[row].tolist() == left + [""] * absent
        missing = [False] * len(left) + [True] * absent
        assert np.isnan(nearest.scores[row]).tolist() == missing
        assert (nearest.rows[row] == -1).tolist() == missing


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        ("exact", "float32"),
        ("exact", "int8"),
        ("exact", "binary"),
        pytest.param("faiss", "float32", marks=needs("faiss")),
        pytest.param("usearch", "float32", marks=needs("usearch")),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_the_nearest_allowed_are_found(
    backend, precision, metric, small_blocks
):
    vectors, queries = random_vectors(300), random_vectors(9, seed=1)
    names = [f"film {row}" for row in range(300)]
    index = NeighborIndex.build(
        vectors, names, metric, backend, precision, rescore=1
    )
    exact = NeighborIndex.build(vectors, names, metric)
    everything = exact.query(queries, 300)
    rng = np.random.default_rng(2)
    shared = rng.choice(names, 40, replace=False).tolist()
    allow = [shared] * 6 + [["film 5", "none"], [], np.array(names)]
    exclude = [rng.choice(shared, size) for size in range(9)]
    nearest = index.query(queries, 12, exclude, allow)
    for row in range(9):
        left = [
            (name, score)
            for name, score in zip(
                everything.ids[row], everything.scores[row], strict=True
            )
            if name in allow[row] and name not in exclude[row]
        ][:12]
        absent = 12 - len(left)
        assert nearest.ids[row].tolist() == [n for n, _ in left] + [""] * absent
        np.testing.assert_allclose(
            nearest.scores[row],
            [score for _, score in left] + [np.nan] * absent,
            rtol=1e-5,
        )
        assert (nearest.rows[row] < 0).sum() == absent


def test_ids_may_be_of_any_kind(tmp_path):
    ids = [7, "7", -1, 2**70]
    made = NeighborIndex.build(np.eye(4), ids)
    made.save(tmp_path)
    for index in (made, NeighborIndex.load(tmp_path)):
        found = index.query(
            [[0, 0, 2, 1]], 4, [["7", "x"]], [["7", -1, ids[3]]]
        )
        assert found.ids.tolist() == [[-1, 2**70, None, None]]
        assert index.row("7") == 1
        assert index.similar([7], 1).ids.tolist() == [["7"]]
        with pytest.raises(ValueError, match="must be a text or an integer"):
            index.row(1.5)
    assert NeighborIndex.build(np.eye(2), np.array([3, 4], "u8")).row(4) == 1
    pandas = pytest.importorskip("pandas")
    ids = pandas.Series(["a", "b"], index=[5, 6])
    assert NeighborIndex.build(np.eye(2), ids).ids.tolist() == ["a", "b"]


def test_what_is_like_some_and_unlike_others():
    vectors = random_vectors(30)
    names = [f"film {row}" for row in range(30)]
    for metric in ("cosine", "dot"):
        index = NeighborIndex.build(vectors, names, metric)
        query = index.vectors[[3, 8]].mean(0) - index.vectors[[5, 6]].mean(0)
        scores = scores_by_hand(query[None], index.vectors, metric)[0]
        order = [n for n in np.argsort(-scores) if n not in (3, 5, 6, 8)]
        found = index.like(["film 3", "film 8"], ["film 5", "film 6"], 5)
        assert found.rows.tolist() == [order[:5]]
        allow = [names[n] for n in order[20:23]]
        found = index.like(
            ["film 3", "film 8"], ["film 5", "film 6"], 5, [*allow, "film 3"]
        )
        assert found.ids.tolist() == [[*allow, "", ""]]
    index = NeighborIndex.build(vectors, names, "euclidean")
    assert (
        index.like(["film 3"]).ids[0, 0] == index.similar(["film 3"]).ids[0, 0]
    )
    for arguments, message in (
        ((["film 3"], ["film 8"]), "must be empty under the metric euclidean"),
        (([], ["film 8"]), "`ids` must hold at least one id"),
        ((["film 8"], ["film 8"]), "none of `unlike`. Received: 'film 8'"),
        ((["film 99"],), "must be one of the index's ids"),
    ):
        with pytest.raises(ValueError, match=message):
            index.like(*arguments)


def test_neighbours_become_a_frame():
    pytest.importorskip("pandas")
    index = NeighborIndex.build(np.eye(3), ["a", "b", "c"], "dot")
    nearest = index.query([[3, 2, 1], [1, 2, 0]], 2, [["a", "b"], []])
    frame = nearest.to_pandas(["u1", "u2"])
    assert frame.to_dict("list") == {
        "query": ["u1", "u2", "u2"],
        "rank": [1, 1, 2],
        "id": ["c", "b", "a"],
        "score": [1.0, 2.0, 1.0],
    }
    assert nearest.to_pandas()["query"].tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="must name each of the 2 queries"):
        nearest.to_pandas(["u1"])


def test_a_frame_needs_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="needs the package pandas"):
        NeighborIndex.build(np.eye(3)).query(np.eye(3), 2).to_pandas()


def test_unknown_exclusions_do_nothing():
    index = NeighborIndex.build(np.eye(3), [5, 6, 7])
    assert index.query([[1, 0, 0]], 1, [[6, 99]]).ids.tolist() == [[5]]


def test_missing_neighbours_of_numbered_rows_are_minus_one():
    index = NeighborIndex.build(np.eye(2))
    assert index.query([[1, 2]], 2, [[1]]).ids.tolist() == [[0, -1]]


@pytest.mark.parametrize("metric", METRICS)
def test_ties_are_in_the_order_of_rows(metric, small_blocks):
    index = NeighborIndex.build(np.ones((40, 3)), metric=metric)
    rows = index.query(np.ones((9, 3)), 20).rows
    np.testing.assert_array_equal(rows, [np.arange(20)] * 9)


def test_no_query_gives_no_row():
    index = NeighborIndex.build(np.eye(3), ["a", "b", "c"])
    nearest = index.query(np.empty((0, 3)), 2)
    assert [column.shape for column in nearest] == [(0, 2)] * 3


def test_a_too_short_answer_is_made_exact(monkeypatch):
    vectors = random_vectors(30)
    index = NeighborIndex.build(vectors)
    expected = index.query(vectors, 4).rows

    class Lost:
        def search(self, queries, count):
            return np.full((len(queries), count), -1)

    index._nearest._search = Lost()
    np.testing.assert_array_equal(index.query(vectors, 4).rows, expected)
    assert index.recall(vectors, 4) == 0.0


def test_recall_counts_what_is_found():
    vectors = np.eye(4)
    index = NeighborIndex.build(vectors, metric="dot")
    assert index.recall(vectors, 2) == 1.0

    class Nearest:
        def search(self, queries, count):
            rows = np.full((len(queries), count), -1)
            rows[:, 0] = queries.argmax(axis=1)
            return rows

    index._nearest._search = Nearest()
    assert index.recall(vectors, 2) == 0.5
    assert index.recall(vectors[:2], 1) == 1.0


def test_similar_leaves_the_object_itself_out():
    index = NeighborIndex.build([[1, 0], [1, 1], [0, 3]], ["a", "b", "c"])
    assert index.similar(["a", "c"], 2).ids.tolist() == [["b", "c"], ["b", "a"]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ids", [None, [f"é{n}" for n in range(30)]])
def test_saved_index_answers_alike(tmp_path, backend, ids):
    vectors, queries = random_vectors(30), random_vectors(5, seed=1)
    index = NeighborIndex.build(vectors, ids, "euclidean", backend)
    for _ in range(2):  # the second one replaces the first
        index.save(tmp_path / "index")
    loaded = NeighborIndex.load(tmp_path / "index")
    assert (loaded.metric, loaded.backend) == ("euclidean", backend)
    for saved, revived in zip(
        index.query(queries, 6), loaded.query(queries, 6), strict=True
    ):
        np.testing.assert_array_equal(saved, revived)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_killed_anywhere_an_index_is_the_old_or_the_new_one(tmp_path):
    old, new = NeighborIndex.build(np.eye(2)), NeighborIndex.build(np.eye(3))
    found = set()
    for kill in every_kill():
        old.save(tmp_path / "index")
        with kill:
            new.save(tmp_path / "index")
        found.add(len(NeighborIndex.load(tmp_path / "index")))
        assert os.listdir(tmp_path) == ["index"]
    assert found == {2, 3}


@pytest.mark.parametrize("name", ["index.json", "ids.json", "vectors.npy"])
def test_damaged_index_is_named(tmp_path, name):
    NeighborIndex.build(np.eye(2)).save(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-2] if "npy" not in name else b"x")
    with pytest.raises(ValueError, match=f"{name} is damaged .*o2v index"):
        NeighborIndex.load(tmp_path)


def test_save_spares_other_folders(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(
        ValueError, match="`folder` must be a new or empty folder.*thesis"
    ):
        NeighborIndex.build(np.eye(2)).save(tmp_path)
    with pytest.raises(ValueError, match="`folder` must hold an index"):
        NeighborIndex.load(tmp_path)


def test_mixed_files_are_refused(tmp_path):
    NeighborIndex.build(np.eye(2)).save(tmp_path / "index")
    np.save(tmp_path / "index" / "vectors.npy", np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="files are of different indexes"):
        NeighborIndex.load(tmp_path / "index")
    sidecar = tmp_path / "index" / "index.json"
    sidecar.write_text(json.dumps({"format": 1}))
    with pytest.raises(ValueError, match="must have the format 2"):
        NeighborIndex.load(tmp_path / "index")


PRECISIONS = ("int8", "binary")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("metric", METRICS)
def test_codes_with_all_rescored_equal_exact_search(
    metric, precision, small_blocks
):
    vectors, queries = random_vectors(30, 13), 3 * random_vectors(9, 13, seed=1)
    exact = NeighborIndex.build(vectors, metric=metric)
    index = NeighborIndex.build(
        vectors, metric=metric, precision=precision, rescore=6
    )
    gone = [[row, row + 9] for row in range(9)]
    for found, expected in zip(
        index.query(queries, 5, gone),
        exact.query(queries, 5, gone),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("metric", METRICS)
def test_codes_order_as_decoded_vectors_do(metric, precision, small_blocks):
    vectors, queries = random_vectors(40) + 0.5, random_vectors(9, seed=1)
    index = NeighborIndex.build(
        vectors, metric=metric, precision=precision, rescore=1
    )
    quantizer = ScalarQuantizer.calibrated(index.vectors, precision)
    decoded = quantizer.decode(quantizer.encode(index.vectors))
    if metric == "cosine":
        # Codes are of vectors of length 1.
        scores = -queries.astype(float) @ decoded.T
    elif metric == "dot":
        scores = -scores_by_hand(queries, decoded, metric)
    else:
        scores = scores_by_hand(queries, decoded, metric)
    nearest = np.argsort(scores, axis=1, kind="stable")[:, :7]
    # Bits of few dimensions are equal: any of them may be the last.
    limit = np.take_along_axis(scores, nearest[:, -1:], axis=1)
    found = np.take_along_axis(scores, index.query(queries, 7).rows, axis=1)
    assert (found <= limit + 1e-5).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_loaded_index_of_codes_answers_alike(precision, tmp_path):
    vectors = random_vectors(200, 16)
    names = [f"film {row}" for row in range(200)]
    made = NeighborIndex.build(vectors, names, precision=precision, rescore=3)
    kept = made.kept_recall(5, sample=50)
    made.save(tmp_path / "index")
    index = NeighborIndex.load(tmp_path / "index")
    assert (index.precision, index.nbytes) == (precision, made.nbytes)
    assert isinstance(index.vectors, np.memmap)
    for found, expected in zip(
        index.query(vectors[:20], 5), made.query(vectors[:20], 5), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    facts = json.loads((tmp_path / "index" / "index.json").read_text())
    assert facts["kept_recall"] == kept
    assert (facts["precision"], facts["rescore"]) == (precision, 3)
    index.save(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "index.json").read_text())
    assert again == facts


def test_codes_take_a_quarter_and_a_thirty_second_of_the_memory():
    vectors = random_vectors(2000, 64)
    sizes = [
        NeighborIndex.build(vectors, precision=precision).nbytes
        for precision in ("float32", *PRECISIONS)
    ]
    ranges = 2 * 64 * 4
    assert sizes == [
        vectors.nbytes,
        vectors.nbytes // 4 + ranges,
        vectors.nbytes // 32 + ranges,
    ]


def test_kept_recall_leaves_the_object_itself_out():
    vectors = random_vectors(300, 16)
    index = NeighborIndex.build(vectors, precision="binary")
    kept = index.kept_recall(5, sample=100)
    exact = scores_by_hand(vectors, vectors, "cosine")
    np.fill_diagonal(exact, -9)
    hits = by_codes = 0
    alone = NeighborIndex.build(vectors, precision="binary", rescore=1)
    for row in range(0, 300, 3):
        true = np.argsort(-exact[row])[:5]
        near = index.query(vectors[[row]], 5, [[row]]).rows
        hits += np.isin(true, near).sum()
        near = alone.query(vectors[[row]], 5, [[row]]).rows
        by_codes += np.isin(true, near).sum()
    assert kept == {
        "k": 5,
        "queries": 100,
        "recall_by_codes": by_codes / 500,
        "recall": hits / 500,
    }
    assert kept["recall_by_codes"] < kept["recall"] <= 1


def test_codes_of_another_index_are_refused(tmp_path):
    NeighborIndex.build(np.eye(9), precision="int8").save(tmp_path / "index")
    np.save(tmp_path / "index" / "codes.npy", np.zeros((8, 9), np.int8))
    with pytest.raises(ValueError, match="codes.npy must hold int8 of shape"):
        NeighborIndex.load(tmp_path / "index")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"precision": "int4"}, "`precision` must be one of float32, int8"),
        ({"precision": "int8", "backend": "faiss"}, "whose graph has vectors"),
        ({"precision": "int8", "rescore": 0}, "`rescore` must be an integer"),
        ({"rescore": 2.5}, "`rescore` must be an integer"),
    ],
)
def test_unusable_precisions_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        NeighborIndex.build(np.eye(3), **arguments)


@pytest.fixture(scope="module")
def models():
    return [Object2Vec(make_config(seed=seed)) for seed in (0, 1)]


SOURCE = {"in0": [[1], [2, 3], [4]], "in1": [[5], [6], [7, 8]]}


def test_an_index_knows_its_model(models, tmp_path):
    made = NeighborIndex.from_model(models[0], "in1", SOURCE, ["a", "b", "c"])
    made.save(tmp_path / "index")
    index = NeighborIndex.load(tmp_path / "index")
    assert index.side == "in1"
    nearest = index.query_model(models[0], "in0", SOURCE, 2, [["a"], [], []])
    expected = index.query(embed(models[0], "in0", SOURCE), 2, [["a"], [], []])
    assert nearest.ids.tolist() == expected.ids.tolist()
    with pytest.raises(ValueError, match="`model` must be the one that made"):
        index.query_model(models[1], "in0", SOURCE, 2)
    models[0].encoder0.trainable_variables[0].assign_add(
        np.full(models[0].encoder0.trainable_variables[0].shape, 1e-3)
    )
    with pytest.raises(ValueError, match="two trainings of one"):
        index.query_model(models[0], "in0", SOURCE, 2)


def test_an_index_of_vectors_knows_no_model(models):
    index = NeighborIndex.build(np.eye(8))
    with pytest.raises(ValueError, match="was built from vectors"):
        index.query_model(models[0], "in0", SOURCE, 2)


NAN = [[1.0, 0.0], [np.nan, 0.0], [0.0, np.inf]]
ZERO = [[1.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NAN,), "be finite. Received: NaN or infinity in 2 of 3 rows: 1, 2"),
        ((ZERO,), "only zeros in 1 of 2 rows: 1"),
        (([1.0, 2.0],), r"of shape \(rows, dim\). Received: vectors of shape"),
        ((np.empty((2, 0)),), "must have at least 1 numbers a row"),
        ((np.empty((0, 2)),), "must hold at least one row"),
        ((np.eye(2), [3, 3]), "must be distinct. Received: 1 of them .* 3"),
        ((np.eye(2), ["a"]), "must be 2 integers or texts.*Received: 1 ids"),
        ((np.eye(2), [1.5, 2.5]), r"Received: ids\[0\]=1.5"),
        ((np.eye(2), ["a", None]), r"Received: ids\[1\]=None"),
        ((np.eye(2), [7, True]), r"Received: ids\[1\]=True"),
        ((np.eye(2), ["a", ""]), r"Received: ids\[1\]=''"),
        ((np.eye(2), None, "manhattan"), "`metric` must be one of cosine"),
        ((np.eye(2), None, "dot", "annoy"), "`backend` must be one of exact"),
    ],
)
def test_unusable_vectors_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NeighborIndex.build(*arguments)


@pytest.mark.parametrize("metric", ["dot", "euclidean"])
def test_zero_vectors_have_a_place_without_cosine(metric):
    index = NeighborIndex.build(ZERO, metric=metric)
    assert index.query([[2.0, 0.0]], 2).ids.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2, 3]],), r"must have 2 numbers a row, as the vectors in"),
        (([[0.0, 0.0]],), "`queries` must differ from zero"),
        (([[np.nan, 0.0]],), "`queries` must be finite"),
        (([[1, 2]], 3), "`k` must be an integer from 1 to 2.*k=3"),
        (([[1, 2]], 0), "`k` must be an integer from 1 to 2"),
        (([[1, 2]], True), "`k` must be an integer from 1 to 2"),
        (([[1, 2]], 1, [[0], [1]]), "a list of ids for each of the 1 queries"),
        (([[1, 2]], 1, [0]), "Received: 0 for one"),
        (([[1, 2]], 1, [["0"]]), "an id must be an integer, as those of"),
        (([[1, 2]], 1, None, [[0], [1]]), "`allow` must hold a list of ids f"),
    ],
)
def test_unusable_queries_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NeighborIndex.build(np.eye(2)).query(*arguments)


def test_unknown_ids_have_no_neighbours():
    index = NeighborIndex.build(np.eye(2), ["a", "b"])
    with pytest.raises(ValueError, match="begin with .'a', 'b'.. Received"):
        index.similar(["c"])


def test_recall_needs_queries():
    with pytest.raises(ValueError, match="`queries` must hold at least one"):
        NeighborIndex.build(np.eye(2)).recall(np.empty((0, 2)), 1)


@pytest.mark.parametrize(
    ("backend", "package"), [("faiss", "faiss-cpu"), ("usearch", "usearch")]
)
def test_a_missing_extra_names_its_command(backend, package, monkeypatch):
    for module in ("faiss", "usearch", "usearch.index"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=f"pip install {package}"):
        NeighborIndex.build(np.eye(2), backend=backend)


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_graphs_find_nearly_all_neighbours(backend):
    vectors = random_vectors(3000, 16)
    index = NeighborIndex.build(vectors, backend=backend)
    assert 0.95 < index.recall(random_vectors(100, 16, seed=1), 10) <= 1.0


def test_an_index_of_a_questionable_model_warns():
    model = Object2Vec(make_config(comparator_list="dot", mlp_layers=0))
    kernel, bias = model.get_layer("scores").get_weights()
    model.get_layer("scores").set_weights([kernel[:, ::-1], bias])
    with pytest.warns(UserWarning, match="scores pairs lower"):
        NeighborIndex.from_model(model, "in1", {"in1": [[3], [4]]})
    model = Object2Vec(make_config())
    with pytest.warns(UserWarning, match="All 3 embeddings are equal"):
        NeighborIndex.from_model(model, "in1", {"in1": [[3]] * 3})
