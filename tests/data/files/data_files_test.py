import pathlib

import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files.data_files import expand_paths


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("b.jsonl", "a.jsonl", "[x].jsonl", "deep/er/c.jsonl")
    shards = ("b.parquet", "a.parquet", "_SUCCESS", ".a.crc", "x/c.parquet")
    shards = (*shards, "_temporary/d.parquet")
    names = (*names, *(f"folder/{shard}" for shard in shards))
    for name in (*names, "k4", "k1", "k5", "k3", "k2"):
        path = pathlib.Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        pytest.param("a.jsonl", ["a.jsonl"], id="string"),
        pytest.param(pathlib.Path("a.jsonl"), ["a.jsonl"], id="path"),
        pytest.param(["b.jsonl", "a.jsonl"], ["b.jsonl", "a.jsonl"], id="list"),
        pytest.param("k*", ["k1", "k2", "k3", "k4", "k5"], id="glob_is_sorted"),
        pytest.param(
            ["deep/**/*.jsonl", "a*"],
            ["deep/er/c.jsonl", "a.jsonl"],
            id="globs",
        ),
        pytest.param("[x].jsonl", ["[x].jsonl"], id="name_like_a_glob"),
        pytest.param("d*/er/*", ["deep/er/c.jsonl"], id="folder_glob"),
        pytest.param(
            "folder", ["folder/a.parquet", "folder/b.parquet"], id="folder"
        ),
        pytest.param(
            "folder/*",
            ["folder/a.parquet", "folder/b.parquet"],
            id="glob_passes_over_hidden_files",
        ),
        pytest.param(
            "./**/*.parquet",
            [f"./folder/{name}.parquet" for name in ("a", "b", "x/c")],
            id="glob_passes_over_hidden_folders",
        ),
        pytest.param("folder/_*", ["folder/_SUCCESS"], id="hidden_by_name"),
        pytest.param(
            "folder/_temporary/*",
            ["folder/_temporary/d.parquet"],
            id="hidden_folder_by_name",
        ),
    ],
)
def test_lists_files(paths, files):
    assert expand_paths(paths) == files


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        pytest.param([], "`paths` must name a file", id="none"),
        pytest.param(
            "z.jsonl", "z.jsonl: no such file .seen from /", id="file"
        ),
        pytest.param(["a.jsonl", "z*"], r"z\*: matches no file", id="glob"),
        pytest.param("d*", r"d\*: matches no file", id="glob_of_folders"),
        pytest.param("deep", "deep: is a folder without files", id="folder"),
        pytest.param(
            ["a.jsonl", "./a*"], "/a.jsonl: is named twice", id="repeated"
        ),
    ],
)
def test_says_what_is_wrong_with_paths(paths, message):
    with pytest.raises(DataError, match=message):
        expand_paths(paths)


@pytest.mark.parametrize("content", ["[]", '{"shards": 3}', "entries"])
def test_manifests_of_other_programs_are_passed_over(content):
    pathlib.Path("folder/_manifest.json").write_text(content)
    assert expand_paths("folder") == ["folder/a.parquet", "folder/b.parquet"]
