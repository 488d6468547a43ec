import gzip
import json
import os
import pathlib
import tracemalloc

import numpy as np
import pytest

from o2v_keras.data.data_error import DataError
from o2v_keras.text.pretrained_vectors import Moments
from o2v_keras.text.pretrained_vectors import read_vectors


def test_moments_of_parts_are_those_of_all_rows():
    rng = np.random.default_rng(0)
    rows = rng.normal(1000, [1e-3, 5], (1000, 2))
    moments = Moments(2)
    for part in np.split(rows, [0, 1, 10, 700]):
        moments.add(part)
    assert moments.count == 1000
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0))
    np.testing.assert_allclose(moments.deviation, rows.std(axis=0))


def write(folder, content, name="vectors.txt"):
    path = folder / name
    path.write_bytes(content)
    return path


def read(folder, content, words=("the", "a"), dim=2):
    return read_vectors(write(folder, content), words, dim)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"the 1 2\nin 9 9\na 3 4\n", id="glove"),
        pytest.param(b"3 2\nthe 1 2\nin 9 9\na 3 4\n", id="word2vec"),
        pytest.param(b"3 2 \nthe 1 2 \nin 9 9 \na 3 4 \n", id="fasttext"),
        pytest.param(b"the 1 2\r\nin 9 9\r\na 3 4\r\n", id="windows"),
        pytest.param(b"\xef\xbb\xbfthe 1 2\n9 9 9\na 3 4", id="mark_no_end"),
        pytest.param(b"the 1 2\n. . . 9 9\na 3 4\n", id="word_with_spaces"),
        pytest.param(b"the 1 2\n\rx 9 9\na 3 4\n", id="carriage_return"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_reads_every_form_by_its_content(tmp_path, content, packed):
    # The name says neither.
    vectors = read(tmp_path, gzip.compress(content) if packed else content)
    assert vectors.found.all()
    np.testing.assert_array_equal(vectors.values, [[1, 2], [3, 4]])
    np.testing.assert_allclose(vectors.mean, [13 / 3, 5])
    np.testing.assert_allclose(
        vectors.deviation, np.std([[1, 2], [9, 9], [3, 4]], axis=0)
    )


def test_reads_words_with_spaces(tmp_path):
    content = b". . . 1 2\nat name@domain.com 3 4\nb 5 6\n"
    vectors = read(tmp_path, content, [". . .", "at name@domain.com", "at"])
    assert vectors.found.tolist() == [True, True, False]
    np.testing.assert_array_equal(vectors.values, [[1, 2], [3, 4], [0, 0]])


@pytest.mark.parametrize("words", ["txt", "json"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
def test_reads_numpy_file_with_its_words(tmp_path, words, dtype):
    path = tmp_path / "v.any"
    with open(path, "wb") as file:
        np.save(file, np.array([[9, 9], [3, 4], [1, 2]], dtype))
    if words == "txt":
        (tmp_path / "v.txt").write_text("in\na\nthe\n")
    else:
        rows = {"the": 2, "a": 1}
        (tmp_path / "v.json").write_text(json.dumps(rows))
    vectors = read_vectors(path, ["the", "a", "zebra"], 2)
    assert vectors.found.tolist() == [True, True, False]
    np.testing.assert_array_equal(vectors.values, [[1, 2], [3, 4], [0, 0]])
    np.testing.assert_allclose(vectors.mean, [13 / 3, 5])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"", "vectors.txt: holds no vector", id="empty"),
        pytest.param(b"5 2\n", "vectors.txt: holds no vector", id="header"),
        pytest.param(
            b"the 1 2 3\n",
            r"txt:1: holds a vector of 3 numbers, but the token embedding has "
            r"2. Set `enc\*_token_embedding_dim` .* to 3",
            id="width",
        ),
        pytest.param(b"9 3\na 1 2 3\n", "txt:1: holds .* 3", id="said_width"),
        pytest.param(
            b"a 1 2\nb 1 2 3\n",
            "txt:2: must be a word and 2 numbers, .* Found: 'b 1 2 3'",
            id="longer",
        ),
        pytest.param(
            b"2 2\na 1 2\nb 1\n",
            "txt:3: must be a word and 2 numbers, .* Found: 'b 1'",
            id="shorter",
        ),
        pytest.param(b"a 1 2\n\nb 1 2\n", "txt:2: must .* ''", id="blank"),
        pytest.param(b"a 1 2\n 1 2\n", "txt:2: must be a word", id="no_word"),
        pytest.param(b"a 1 2\nb 1  2\n", "txt:2: must", id="two_spaces"),
        pytest.param(b"a 1 2\nb 1 x\n", "txt:2: must", id="no_number"),
        pytest.param(b"a 1 2\nb 1 \n", "txt:2: must", id="missing_number"),
        pytest.param(b"a 1 2\nb nan 1\n", "txt:2: .* 'b' holds NaN", id="nan"),
        pytest.param(
            b"b 1 2\rin 9 9\na 3 nan\n", "txt:2: .* 'a'", id="lone_return"
        ),
        pytest.param(b"a 1 2\nb -inf 1\n", "txt:2: .* 'b'", id="infinity"),
        pytest.param(b"a 1 2\nb 1e39 1\n", "txt:2: .* 'b'", id="overflow"),
        pytest.param(
            b"PK\x03\x04\xff\x00", "txt:1: must .* binary format", id="zip"
        ),
        pytest.param(
            b"in 1 2\nto 1 2\n",
            "has a vector for none of the 2 words. It begins with 'in', 'to'; "
            "the words with 'the', 'a'",
            id="no_word_in_common",
        ),
        pytest.param(
            gzip.compress(b"the 1 2\n" * 999)[:40], "is cut off", id="cut_off"
        ),
    ],
)
def test_refuses(tmp_path, content, error):
    with pytest.raises(DataError, match=error):
        read(tmp_path, content)


def test_names_the_line_of_a_fault_far_into_the_file(tmp_path):
    lines = [
        b"word%d %s\n" % (i, b" ".join([b"0.125"] * 50)) for i in range(60000)
    ]
    lines[50000] = b"word 1 2\n"
    assert sum(map(len, lines)) > 4 * 4 * 2**20
    with pytest.raises(DataError, match=r"txt:50001: .* Found: 'word 1 2'"):
        read(tmp_path, b"".join(lines), ["word3"], dim=50)


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        pytest.param(
            b"the 1 2\na 3 4\nthe 5 6\na 7 8\nin 1 1\nin 1 1\n",
            "2 vectors .* first is of 'the', in line 3 and before in line 1",
            id="repeated",
        ),
        pytest.param(
            b"the 1 2\n\xff 9 9\na 3 4\n\xc3 9 9\n",
            "2 words are not UTF-8 .* first in line 2",
            id="not_utf8",
        ),
        pytest.param(
            b"9 2\nthe 1 2\na 3 4\n",
            "first line announces 9 vectors, but it holds 2. Is it cut off",
            id="header",
        ),
    ],
)
def test_warns(tmp_path, content, warning):
    with pytest.warns(UserWarning, match=warning) as caught:
        vectors = read(tmp_path, content)
    assert len(caught) == 1
    np.testing.assert_array_equal(vectors.values, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("values", "words", "error"),
    [
        pytest.param(np.ones((2, 3)), "a\nb\n", "npy: .* of 3 num", id="width"),
        pytest.param(np.ones(2), "a\nb\n", r"shape \(2,\)", id="rank"),
        pytest.param(np.array([["a", "b"]]), "a\n", "dtype <U1", id="dtype"),
        pytest.param(np.ones((0, 2)), "a\n", r"shape \(0, 2\)", id="empty"),
        pytest.param(
            np.array([[1, 2], [np.nan, 1]]),
            "a\nb\n",
            "row 1 holds NaN",
            id="nan",
        ),
        pytest.param(
            np.array([[1, 2], [1e39, 1]]), "a\nb\n", "row 1 .* inf", id="huge"
        ),
        pytest.param(
            np.ones((1, 2)), "a\nb\n", "0 to 0. Received: 'b': 1", id="words"
        ),
    ],
)
def test_refuses_numpy_file(tmp_path, values, words, error):
    path = tmp_path / "vectors.npy"
    np.save(path, values)
    (tmp_path / "vectors.txt").write_text(words)
    with pytest.raises(DataError, match=error):
        read_vectors(path, ["a"], 2)


def test_refuses_broken_numpy_file(tmp_path):
    path = write(tmp_path, b"\x93NUMPY\x01", "v.npy")
    with pytest.raises(DataError, match="must be a whole .npy file"):
        read_vectors(path, ["a"], 2)


def test_refuses_two_files_of_words(tmp_path):
    path = tmp_path / "vectors.npy"
    np.save(path, np.ones((1, 2)))
    (tmp_path / "vectors.txt").write_text("a\n")
    (tmp_path / "vectors.json").write_text('{"a": 0}')
    with pytest.raises(DataError, match="one file of its words"):
        read_vectors(path, ["a"], 2)


def test_refuses_missing_file(tmp_path):
    with pytest.raises(DataError, match="absent.txt: cannot be read"):
        read_vectors(tmp_path / "absent.txt", ["a"], 2)


def test_reads_remote_text(tmp_path):
    path = write(tmp_path, gzip.compress(b"the 1 2\na 3 4\n"))
    vectors = read_vectors(f"file://{path}", ["a"], 2)
    np.testing.assert_array_equal(vectors.values, [[3, 4]])


def test_refuses_remote_numpy_file(tmp_path):
    np.save(tmp_path / "v.npy", np.ones((1, 2)))
    with pytest.raises(DataError, match="must be on this machine"):
        read_vectors(f"file://{tmp_path}/v.npy", ["a"], 2)


def test_holds_a_fraction_of_the_file(tmp_path):
    line = b" ".join([b"0.123456"] * 100)
    content = b"".join(b"w%d %s\n" % (i, line) for i in range(60_000))
    path = write(tmp_path, content)
    assert len(content) > 50e6
    del content
    tracemalloc.start()
    read_vectors(path, ["w3"], 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def data_file(name):
    folder = os.environ.get("O2V_DATA_DIR")
    path = pathlib.Path(folder or "", name)
    if not folder or not path.is_file():
        pytest.skip(f"needs {name} in the folder that O2V_DATA_DIR names")
    return path


def test_reads_glove():
    path = data_file("glove/glove.6B.50d.top50k.txt.gz")
    vectors = read_vectors(path, ["the", "king", "o2v_keras"], 50)
    assert vectors.found.tolist() == [True, True, False]
    # The numbers that head the file and the line of `king`.
    np.testing.assert_array_equal(
        vectors.values[:2, :3],
        np.float32([[0.418, 0.24968, -0.41242], [0.50451, 0.68607, -0.59517]]),
    )


def test_reads_fasttext():
    path = data_file("vec-small/lee_fasttext.vec")
    vectors = read_vectors(path, ["to", "the"], 10)
    assert vectors.found.all()
    np.testing.assert_array_equal(
        vectors.values[:, 0], np.float32([-0.097853, -0.65992])
    )
