import os
import struct
import time

import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.data.files import pair_cache
from o2v_keras.data.files import readers
from o2v_keras.data.load_dataset import load_pairs
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.text.learn_tokenizers import learn_tokenizers
from tests.data.texts import COLUMNS
from tests.data.texts import ROWS
from tests.data.texts import config
from tests.data.texts import in_memory
from tests.data.texts import write


@pytest.fixture(scope="module")
def tokenizers():
    return learn_tokenizers(in_memory(), config(), COLUMNS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("O2V_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def reads(monkeypatch):
    """The files that were tokenized."""
    found = []
    read = readers.read_named_pairs

    def counted(path, *arguments, **settings):
        found.append(os.path.basename(path))
        return read(path, *arguments, **settings)

    monkeypatch.setattr(readers, "read_named_pairs", counted)
    return found


@pytest.fixture
def load(tokenizers):
    def load(path, *arguments, columns=COLUMNS, tokenizers=tokenizers):
        return load_pairs(
            path,
            tokenizers.configure(config()),
            *arguments,
            tokenizers=tokenizers,
            columns=columns,
            max_skipped=1,
        )

    return load


def test_a_second_reading_takes_the_ids(tmp_path, folder, reads, load):
    path = write(tmp_path / "a.csv")
    first, second = load(path), load(path)
    assert reads == ["a.csv"]
    assert first.fingerprint() == second.fingerprint()
    assert second.locate(2) == f"{path}:5"
    assert len(list(folder.iterdir())) == 1


def test_a_copy_is_named_as_itself(tmp_path, folder, reads, load):
    rows = [*ROWS, {"plot": "a " * 40_000, "genre": "drama", "liked": 1}]
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    with pytest.warns(UserWarning, match="a.csv:8: in0 has 80,000 bytes"):
        load(write(first, rows))
    with pytest.warns(UserWarning, match="b.csv:8: in0 has 80,000 bytes"):
        table = load(write(second, rows))
    assert reads == ["a.csv"]
    assert table.locate(0) == f"{second}:2"


def test_weights_are_kept(tmp_path, folder, reads, load):
    rows = [{**row, "weight": n / 2} for n, row in enumerate(ROWS)]
    path = write(tmp_path / "a.csv", rows)
    for table in (load(path), load(path)):
        assert table.weights.tolist() == [0, 0.5, 1, 1.5, 2]
    assert reads == ["a.csv"]


def test_what_ids_follow_from_is_in_the_key(tmp_path, folder, reads, load):
    rows = [{**row, "other": row["plot"]} for row in ROWS]
    path = write(tmp_path / "a.csv", rows)
    load(path)
    load(path, columns=PairColumns("other", "genre", "liked"))
    others = learn_tokenizers(in_memory(ROWS[1:]), config(), COLUMNS)
    load(path, tokenizers=others)
    load(write(path, rows[::-1]))
    load(path)
    assert len(reads) == 4
    assert len(list(folder.iterdir())) == 4


def test_rejected_rows_are_kept(tmp_path, folder, reads, load):
    bad = {"plot": "a", "genre": "drama", "liked": "neutral"}
    path = write(tmp_path / "a.csv", [*ROWS, bad])
    messages = set()
    for _ in range(2):
        with pytest.raises(DataError, match="a.csv:8: liked='neutral'") as e:
            load(path)
        messages.add(str(e.value))
    assert len(messages) == 1
    assert reads == ["a.csv"]


def test_a_file_that_changes_meanwhile_is_not_kept(
    tmp_path, folder, monkeypatch, load
):
    path = write(tmp_path / "a.csv")
    read = readers.read_named_pairs

    def changing(*arguments, **settings):
        write(path, ROWS * 2)
        return read(*arguments, **settings)

    monkeypatch.setattr(readers, "read_named_pairs", changing)
    assert len(load(path)) == 2 * len(ROWS)
    assert not folder.exists()


def test_files_of_errors_are_not_kept(tmp_path, folder, load):
    bad = {"plot": "a", "genre": "drama", "liked": "neutral"}
    with pytest.raises(DataError):
        load(write(tmp_path / "a.csv", [bad]))
    assert not folder.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: b"something else",
        lambda content: content[:-20],
        lambda content: content.replace(
            struct.pack("d", 1), struct.pack("d", 2)
        ),
    ],
    ids=["empty", "foreign", "cut", "changed"],
)
def test_a_broken_file_is_written_anew(tmp_path, folder, reads, load, spoil):
    path = write(tmp_path / "a.csv")
    table = load(path)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    assert spoil(content) != content
    file.write_bytes(spoil(content))
    assert load(path).fingerprint() == table.fingerprint()
    assert load(path).fingerprint() == table.fingerprint()
    assert reads == ["a.csv"] * 2
    assert file.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_a_warning(
    tmp_path, monkeypatch, load
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("O2V_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="could not be kept.*O2V_CACHE_DIR"):
        table = load(write(tmp_path / "a.csv"))
    assert len(table) == len(ROWS)


def test_an_empty_name_means_no_cache(tmp_path, monkeypatch, reads, load):
    monkeypatch.setenv("O2V_CACHE_DIR", "")
    path = write(tmp_path / "a.csv")
    load(path)
    load(path)
    assert reads == ["a.csv"] * 2


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"XDG_CACHE_HOME": "{}/xdg"}, "xdg/o2v_keras"),
        ({"XDG_CACHE_HOME": ""}, "home/.cache/o2v_keras"),
    ],
)
def test_the_users_cache_folder_is_taken(
    tmp_path, monkeypatch, load, variables, place
):
    monkeypatch.delenv("O2V_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    load(write(tmp_path / "a.csv"))
    assert len(list((tmp_path / place).iterdir())) == 1


def test_the_least_used_files_go(tmp_path, folder, monkeypatch, load):
    paths = [
        write(tmp_path / f"{name}.csv", ROWS * n)
        for n, name in enumerate("abc", 1)
    ]
    load(paths[0])
    (used,) = folder.iterdir()
    load(paths[1])
    (unused,) = set(folder.iterdir()) - {used}
    left = folder / ".x.o2v-pairs.arrow.o2v-partial"
    left.mkdir()
    foreign = folder / "notes.txt"
    for file in (left / "new", foreign):
        file.write_text("x")
    past = time.time() - 2 * 24 * 3600
    for file in (used, unused, foreign):
        os.utime(file, (past, past))
    load(paths[0])
    load(paths[2])
    (newest,) = set(folder.glob("*.arrow")) - {used, unused}
    most = used.stat().st_size + newest.stat().st_size
    newest.unlink()
    monkeypatch.setattr(pair_cache, "_MOST_BYTES", most)
    load(paths[2])
    assert newest.exists()
    assert used.exists()
    assert foreign.exists()
    assert not unused.exists()
    assert not left.exists()


def test_a_file_in_use_stays(tmp_path, folder, monkeypatch, load):
    monkeypatch.setattr(pair_cache, "_MOST_BYTES", 0)
    table = load(write(tmp_path / "a.csv"))
    assert list(folder.iterdir()) == []
    assert table.in0.values.sum() > 0


def test_later_errors_still_have_lines_and_records(tmp_path, folder, load):
    bad = {"plot": "a", "genre": "drama", "liked": 5}
    path = write(tmp_path / "a.csv", [*ROWS, bad])
    for name in ("first", "second"):
        with pytest.warns(UserWarning, match="1 of 6 rows have errors"):
            load(path, False, tmp_path / name)
    first, second = ((tmp_path / n).read_text() for n in ("first", "second"))
    assert first == second
    assert '"record": "a,drama,5"' in first
