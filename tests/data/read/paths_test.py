import pathlib

import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.read.paths import auxiliary_file
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.paths import missing_shards


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


@pytest.mark.parametrize("name", ["runs [lr=0.1]", "a*b?", "*", "%d", "-x"])
@pytest.mark.parametrize("glob", ["*.jsonl", "z/[yx].jsonl", "**/x.jsonl"])
def test_a_folder_above_a_glob_means_itself(name, glob):
    for folder in (name, "runs l", "aabb"):
        pathlib.Path(folder, "z").mkdir(parents=True, exist_ok=True)
        for file in ("x.jsonl", "z/x.jsonl"):
            pathlib.Path(folder, file).touch()
    files = {
        "*.jsonl": ["x.jsonl"],
        "z/[yx].jsonl": ["z/x.jsonl"],
        "**/x.jsonl": ["x.jsonl", "z/x.jsonl"],
    }
    expected = [f"{name}/{file}" for file in files[glob]]
    assert expand_paths(f"{name}/{glob}") == expected


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
        pytest.param([{"in0": [1]}], "Received: a list with a dict", id="dict"),
    ],
)
def test_says_what_is_wrong_with_paths(paths, message):
    with pytest.raises(DataError, match=message):
        expand_paths(paths)


@pytest.mark.parametrize("content", ["[]", '{"shards": 3}', "entries"])
def test_manifests_of_other_programs_are_passed_over(content):
    pathlib.Path("folder/_manifest.json").write_text(content)
    assert expand_paths("folder") == ["folder/a.parquet", "folder/b.parquet"]


def names(stem, count, numbers, ending=".tfrecord"):
    return [f"{stem}-{n:05d}-of-{count:05d}{ending}" for n in numbers]


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        pytest.param(names("a", 3, range(3)), [], id="all"),
        pytest.param(names("a", 3, [1, 2, 3]), [], id="all_from_one"),
        pytest.param(names("a", 3, [1]), names("a", 3, [0, 2]), id="two"),
        pytest.param(names("a", 3, [1, 3]), names("a", 3, [2]), id="from_one"),
        pytest.param(
            [*names("a", 2, [0, 1]), *names("b", 2, [0])],
            names("b", 2, [1]),
            id="two_sets",
        ),
        pytest.param(
            [*names("a", 2, [0], "-9f.gz"), *names("a", 2, [1], "-3c.gz")],
            [],
            id="hashes_in_the_names",
        ),
        pytest.param(["one-of-these.jsonl", "3.jsonl"], [], id="others"),
    ],
)
def test_names_tell_of_missing_shards(found, missing):
    assert missing_shards(found, {}) == missing


def test_a_manifest_tells_of_missing_shards():
    manifest = {"shards": [{"file": "a"}, {"file": "b"}]}
    assert missing_shards(["b", "c"], manifest) == ["a"]


@pytest.fixture
def words(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "words.txt").write_text("the")
    return tmp_path


def test_relative_paths_count_from_the_folder(words):
    expected = str(words / "sub" / "words.txt")
    assert auxiliary_file("f", "words.txt", words / "sub") == expected
    assert auxiliary_file("f", "sub/words.txt", words) == expected


def test_relative_paths_count_from_the_working_directory(words, monkeypatch):
    monkeypatch.chdir(words)
    expected = str(words / "sub" / "words.txt")
    assert auxiliary_file("f", "sub/words.txt") == expected


def test_whole_paths_need_no_folder(words):
    path = str(words / "sub" / "words.txt")
    assert auxiliary_file("f", path, "elsewhere") == path
    assert auxiliary_file("f", f"file://{path}", words) == f"file://{path}"
    remote = f"file://{words}/sub"
    assert auxiliary_file("f", "words.txt", remote) == f"file://{path}"


@pytest.mark.parametrize("name", ["a.txt", "sub", "file:///none/a.txt"])
def test_says_where_it_looked(words, name):
    path = name if "://" in name else str(words / name)
    message = f"`f` must be the whole path .* auxiliary .* no file {path}"
    with pytest.raises(DataError, match=message):
        auxiliary_file("f", name, words)


def test_names_the_argument(words, monkeypatch):
    monkeypatch.chdir(words)
    with pytest.raises(DataError, match=rf"{words}/a.*`--auxiliary DIR`"):
        auxiliary_file("f", "a")
