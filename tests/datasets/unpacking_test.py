import gzip
import io
import tarfile
import zipfile

import pytest

from o2v_keras.datasets import glove
from o2v_keras.datasets import movielens_100k
from o2v_keras.datasets import wordnet
from o2v_keras.datasets.wordnet import CATEGORIES
from o2v_keras.datasets.wordnet import read_database

NOUNS = """\
  1 This software and database is being provided to you.
02084071 05 n 03 dog 0 domestic_dog 0 Canis_familiaris 0 002 @ 02083346 n \
0000 ~ 01322604 n 0000 | a member of the genus Canis; "the dog barked all \
night"; "a good dog"
09023321 15 n 01 Paris 0 001 @i 08691669 n 0000 | the capital of France;
"""
ADJECTIVES = """\
00003131 00 s 02 abaxial 0 dorsal(a) 4 001 & 00002843 a 0000 | facing away
"""


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def test_movielens_archive_gives_all_files(tmp_path):
    names = movielens_100k.SOURCE.checksums
    write_zip(
        tmp_path / "archive",
        {f"ml-100k/{name}": name for name in names} | {"ml-100k/README": ""},
    )
    (tmp_path / "out").mkdir()
    (download,) = movielens_100k.SOURCE.downloads
    download.unpack(tmp_path / "archive", tmp_path / "out")
    found = {file.name: file.read_text() for file in tmp_path.glob("out/*")}
    assert found == {name: name for name in names}


def test_glove_archive_is_cut_to_its_first_words(tmp_path):
    lines = [f"word{number} 0.5\n" for number in range(50_003)]
    write_zip(tmp_path / "archive", {"glove.6B.50d.txt": "".join(lines)})
    (download,) = glove.SOURCE.downloads
    download.unpack(tmp_path / "archive", tmp_path)
    with gzip.open(tmp_path / download.files[0], "rt") as file:
        assert file.readlines() == lines[:50_000]


@pytest.fixture
def database(tmp_path):
    folder = tmp_path / "dict"
    folder.mkdir()
    texts = {"noun": NOUNS, "adj": ADJECTIVES, "verb": "", "adv": ""}
    for part, text in texts.items():
        (folder / f"data.{part}").write_text(text)
    return folder


def test_database_lines_become_synsets(database):
    dog, paris, dorsal = read_database(database)
    assert dog.identifier == "n02084071"
    assert dog.category == "noun.animal"
    assert dog.lemmas == ("dog", "domestic_dog", "Canis_familiaris")
    assert dog.definition == "a member of the genus Canis"
    assert dog.examples == '"the dog barked all night"; "a good dog"'
    assert dog.hypernyms == ("n02083346",)
    # An instance has a class, and a gloss may end in a semicolon.
    assert paris.hypernyms == ("n08691669",)
    assert paris.definition == "the capital of France"
    # Satellites are adjectives, whose place is no part of their name.
    assert dorsal.identifier == "a00003131"
    assert dorsal.lemmas == ("abaxial", "dorsal")
    assert len(CATEGORIES) == 45


def test_wordnet_archive_becomes_tables(tmp_path, database, monkeypatch):
    with tarfile.open(tmp_path / "archive", "w:bz2") as archive:
        archive.add(database, "WordNet-3.0/dict")
        archive.addfile(tarfile.TarInfo("WordNet-3.0/data.noun"), io.BytesIO())
    monkeypatch.setenv("O2V_DATA_DIR", str(tmp_path))
    (tmp_path / "wordnet").mkdir()
    (download,) = wordnet.SOURCE.downloads
    download.unpack(tmp_path / "archive", tmp_path / "wordnet")
    for name in wordnet.SOURCE.checksums:
        monkeypatch.setitem(wordnet.SOURCE.checksums, name, None)
    dog, paris, dorsal = wordnet.load_synsets()
    assert dog.examples == ("the dog barked all night", "a good dog")
    assert dorsal.examples == ()
    assert wordnet.load_hypernyms() == [
        (dog.identifier, "n02083346"),
        (paris.identifier, "n08691669"),
    ]
