import json
import shutil

import numpy as np
import pyarrow.parquet
import pytest

from o2v_keras.__main__ import main
from o2v_keras.neighbors.neighbor_index import NeighborIndex
from o2v_keras.storage.scalar_quantizer import ScalarQuantizer
from o2v_keras.training.train import train
from tests.training.small_training import make_config
from tests.training.small_training import make_source

NAMES = [f"film {n}" for n in range(1, 13)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    train(
        make_config(epochs=1),
        make_source(32),
        model_dir=folder / "model",
        verbose=0,
    )
    rows = [
        {"name": name, "kind": "ab"[n % 2], "in0": [n + 1], "in1": [n + 1, 3]}
        | {"seen": [name, "film 1"]}
        for n, name in enumerate(NAMES)
    ]
    text = "\n".join(map(json.dumps, rows))
    (folder / "films.jsonl").write_text(text)
    return folder


def run(folder, command):
    return main(command.format(d=folder, data=folder / "films.jsonl").split())


@pytest.fixture(scope="module")
def index(folder):
    status = run(
        folder,
        "index --model {d}/model --side in1 --data {data} --id-column name",
    )
    assert status == 0
    return folder / "model" / "index-in1"


def test_index_lies_beside_its_model(index):
    assert json.loads((index / "index.json").read_text())["rows"] == 12


def test_neighbors_like_objects_are_printed(folder, index, capsys):
    assert main(["neighbors", "--index", str(index), "--like", *NAMES[:2]]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert first.splitlines()[0] == "film 1"
    assert len(first.splitlines()) == 11
    assert not any(line.endswith("  film 1") for line in first.splitlines())
    assert second.startswith("film 2\n")


def test_neighbors_of_one_query_are_like_and_unlike(folder, index, capsys):
    command = ["neighbors", "--index", str(index), "--like", *NAMES[:2]]
    assert main([*command, "--unlike", NAMES[4], "--top", "3"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "film 1 + film 2 - film 5"
    nearest = NeighborIndex.load(index).like(NAMES[:2], [NAMES[4]], 3)
    assert [line.split("  ")[-1] for line in lines] == nearest.ids[0].tolist()


def test_neighbors_are_taken_from_those_allowed(folder, index):
    rows = [{"in1": [3], "stock": "film 2|film 9"}, {"in1": [4], "stock": ""}]
    data = folder / "stock.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    command = "neighbors --index {d}/model/index-in1 --data {d}/stock.jsonl"
    words = " --allow-column stock --output {d}/allowed.jsonl"
    assert run(folder, command + words) == 0
    lines = (folder / "allowed.jsonl").read_text().splitlines()
    found = [{*json.loads(line)["neighbors"]} for line in lines]
    assert found == [{"film 2", "film 9"}, set()]


def test_ids_may_be_texts_and_integers(folder, capsys):
    rows = [{"in1": [3], "id": 7}, {"in1": [4], "id": "tt8"}]
    (folder / "mixed.jsonl").write_text("\n".join(map(json.dumps, rows)))
    command = "index --model {d}/model --side in1 --data {d}/mixed.jsonl"
    assert run(folder, command + " --id-column id --output {d}/mixed") == 0
    assert json.loads((folder / "mixed" / "ids.json").read_text()) == [7, "tt8"]
    for ending in ("jsonl", "parquet"):
        words = f" --like 7 tt8 --output {{d}}/near.{ending}"
        assert run(folder, "neighbors --index {d}/mixed" + words) == 0
    lines = (folder / "near.jsonl").read_text().splitlines()
    assert [json.loads(line)["neighbors"] for line in lines] == [["tt8"], [7]]
    near = pyarrow.parquet.read_table(folder / "near.parquet")
    assert near["query"].to_pylist() == ["7", "tt8"]
    assert near["neighbors"].to_pylist() == [["tt8"], ["7"]]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_neighbors_of_data_are_written(folder, index, ending):
    command = (
        "neighbors --index {d}/model/index-in1 --data {data} --id-column name"
        " --exclude-column seen --top 11 --output {d}/nearest." + ending
    )
    assert run(folder, command) == 0
    path = folder / f"nearest.{ending}"
    if ending == "parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["query"] for row in rows] == NAMES
    for name, row in zip(NAMES, rows, strict=True):
        left = {*NAMES} - {name, "film 1"}
        assert {*row["neighbors"]} == left
        assert len(row["scores"]) == len(left)
        assert row["scores"] == sorted(row["scores"], reverse=True)


def read_vectors(path):
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        return np.array(table["embeddings"].to_pylist())
    lines = path.read_text().splitlines()
    return np.array([json.loads(line)["embeddings"] for line in lines])


@pytest.mark.parametrize("ending", [".npy", ".parquet", ".jsonl"])
@pytest.mark.parametrize("precision", ["int8", "binary"])
def test_codes_of_embeddings_are_written_with_their_ranges(
    folder, precision, ending
):
    embed = "embed --model {d}/model --side in1 --data {data} --output {d}/"
    assert run(folder, embed + "floats.npy") == 0
    floats = np.load(folder / "floats.npy")
    name = precision + ending
    assert run(folder, f"{embed}{name} --precision {precision}") == 0
    ranges = np.load(folder / f"{name}.ranges.npz")["ranges"]
    codes = read_vectors(folder / name)
    expected = ScalarQuantizer(precision, ranges).encode(floats)
    np.testing.assert_array_equal(codes, expected)
    if ending == ".npy":
        assert codes.dtype == expected.dtype
    if precision == "int8":
        np.testing.assert_array_equal(ranges[0], floats.min(axis=0))


def test_new_objects_are_coded_by_the_ranges_of_others(folder, capsys):
    embed = "embed --model {d}/model --side in1 --precision int8 "
    (folder / "one.jsonl").write_text('{"in1": [3]}')
    assert run(folder, embed + "--data {data} --output {d}/all.npy") == 0
    one = embed + "--data {d}/one.jsonl --output {d}/one.npy "
    codes = []
    for option in ("--ranges {d}/all.npy.ranges.npz", "--calibration {data}"):
        assert run(folder, one + option) == 0
        codes.append(np.load(folder / "one.npy").tolist())
        np.testing.assert_array_equal(
            np.load(folder / "one.npy.ranges.npz")["ranges"],
            np.load(folder / "all.npy.ranges.npz")["ranges"],
        )
    assert codes[0] == codes[1]
    assert "% of numbers outside" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--ranges {d}/r.npy", "`--ranges` must be left out without"),
        ("--precision int8 --ranges {d}/bad.npy", "must hold the ranges"),
        ("--precision int8 --ranges {data}", "must hold the ranges"),
        ("--precision int8 --ranges {d}/none.npz", "no ranges, or no file"),
        ("--precision int8 --ranges {d}/bits.npz", "ranges of binary"),
    ],
)
def test_unusable_ranges_are_named(folder, words, message, capsys):
    np.save(folder / "bad.npy", np.zeros(3))
    ScalarQuantizer("binary", [[0.0], [1.0]]).save(folder / "bits.npz")
    embed = "embed --model {d}/model --side in1 --data {data} "
    assert run(folder, embed + "--output {d}/x.npy " + words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["int8", "binary"])
def test_an_index_of_codes_says_what_recall_it_keeps(folder, precision, capsys):
    command = "index --model {d}/model --side in1 --data {data} --output {d}/"
    words = f"{precision} --precision {precision} --rescore 2"
    assert run(folder, command + words) == 0
    told = capsys.readouterr().out
    assert "recall@10 of 12 of them as queries, each without itself" in told
    assert "by codes alone" in told
    facts = json.loads((folder / precision / "index.json").read_text())
    assert facts["kept_recall"]["queries"] == 12
    assert f"{facts['kept_recall']['recall']:.4f}" in told
    assert facts["rescore"] == 2


def test_queries_of_the_other_side_go_by_number(folder, index, capsys):
    command = "neighbors --index {d}/model/index-in1 --data {data} --side in0"
    assert run(folder, command + " --model {d}/model --top 1") == 0
    assert capsys.readouterr().out.startswith("0\n")


def test_a_csv_excludes_rows_of_an_index_by_numbers(folder, capsys):
    lines = ["in0, in1 , seen"]
    lines += [f'{n},{n} 3,"{n} 0|1,77"' for n in range(2, 14)]
    (folder / "seen.csv").write_text("\n".join(lines) + "\n")
    words = [
        "--data",
        str(folder / "seen.csv"),
        "--model",
        str(folder / "model"),
    ]
    index = str(folder / "numbers")
    words += ["--side", "in1"]
    assert main(["index", *words, "--output", index]) == 0
    answer = ["neighbors", *words, "--index", index, "--top", "12"]
    answer += ["--exclude-column", "seen", "--output", str(folder / "n.jsonl")]
    assert main(answer) == 0
    rows = (folder / "n.jsonl").read_text().splitlines()
    for n, row in enumerate(map(json.loads, rows), 2):
        assert {*row["neighbors"]} == {*range(12)} - {n, 0, 1}
    told = capsys.readouterr().err
    assert "14 of 48 ids are none of the index's and exclude nothing" in told


@pytest.mark.parametrize(
    "command",
    ["index --id-column name", "map --output x.html --group-column name"],
)
def test_columns_of_one_name_are_named(folder, capsys, command):
    (folder / "twice.csv").write_text("in1,name,name\n3,a,b\n")
    words = [
        *command.split(),
        "--model",
        str(folder / "model"),
        "--side",
        "in1",
    ]
    assert main([*words, "--data", str(folder / "twice.csv")]) == 2
    assert 'twice.csv: several columns "name"' in capsys.readouterr().err


@pytest.mark.parametrize("output", ["map.html", "map.png", "projector"])
def test_maps_are_written(folder, output):
    command = (
        "map --model {d}/model --side in1 --data {data} --id-column name"
        " --group-column kind --unit-length --title Films --output {d}/"
    )
    assert run(folder, command + output) == 0
    assert (folder / output).exists()
    if output == "map.html":
        assert "<h1>Films</h1>" in (folder / output).read_text()


def test_card_is_written(folder):
    assert run(folder, "card --model {d}/model --output {d}/card") == 0
    assert (folder / "card" / "card.md").is_file()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "neighbors --index {d}/model/index-in1 --like Nemo",
            "must be one of the index's ids",
        ),
        ("neighbors --index {d} --like a", "`--index` must hold an index"),
        (
            "neighbors --index {d}/model/index-in1 --like a --allow-column b",
            "`--allow-column` must be left out with --like",
        ),
        (
            "neighbors --index {d}/model/index-in1 --data {data} --unlike b",
            "`--unlike` must be left out with --data",
        ),
        (
            "neighbors --index {d}/model/index-in1 --like a --output a.csv",
            "must be a .jsonl or .parquet file",
        ),
        (
            "index --model {d}/model/model.keras --side in1 --data {data}",
            "`--output` must be given",
        ),
        (
            "index --model {d}/model --side in1 --data {data} --id-column kind",
            'films.jsonl:3: "kind" must be another id in each row',
        ),
        (
            "map --model {d}/model --side in1 --data {data} --output a.pdf",
            "`--output` must be an .html or .png",
        ),
    ],
)
def test_a_users_error_is_one_sentence(folder, index, command, message, capsys):
    assert run(folder, command) == 2
    assert message in capsys.readouterr().err


def test_numbered_indexes_are_asked_for_numbers(folder, capsys):
    command = "index --model {d}/model --side in0 --data {data} --output {d}/n"
    assert run(folder, command) == 0
    assert run(folder, "neighbors --index {d}/n --like 3 --top 2") == 0
    assert run(folder, "neighbors --index {d}/n --like three") == 2
    assert "`--like` must be integers" in capsys.readouterr().err


def test_a_missing_extra_is_one_sentence(folder, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    command = "index --model {d}/model --side in0 --data {data} --output {d}/f"
    assert run(folder, command + " --backend faiss") == 2
    assert "pip install faiss-cpu" in capsys.readouterr().err


def test_an_index_elsewhere_needs_its_model(folder, index, tmp_path, capsys):
    shutil.copytree(index, tmp_path / "index")
    command = "neighbors --index {} --data {{data}}"
    assert run(folder, command.format(tmp_path / "index")) == 2
    assert "`--model` must be given where the index" in capsys.readouterr().err
