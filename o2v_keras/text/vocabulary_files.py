"""Files of words and their ids."""

import io
import json
import os
import pathlib
from collections.abc import Callable
from collections.abc import Iterable

from o2v_keras.data.data_error import DataError

_PADDING, _UNKNOWN = "[PAD]", "[UNK]"


def read_word_ids(path: str | os.PathLike[str]) -> dict[str, int]:
    """Reads the id of each word in a file.

    Args:
        path: `.json` with `{"word": id}`, or `.txt` with a word a line; the
            id is the line number, from 0. The names of hash buckets that
            `write_words` writes at the beginning of a `.txt` are left out.

    Raises:
        DataError: If the file holds something else, a word or an id twice,
            or is empty.

    Example:
    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "words.txt")
    >>> _ = path.write_text(words_text(path, ["the", "a"], first_id=2))
    >>> read_word_ids(path)
    {'[PAD]': 0, '[UNK]': 1, 'the': 2, 'a': 3}
    """
    path = pathlib.Path(path)
    check_vocabulary_ending(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: must be UTF-8. Found: {error}") from None
    pairs = _json_pairs(path, text) if _is_json(path) else _lines(text)
    return _checked(path, pairs)


def words_text(
    path: str | os.PathLike[str], words: Iterable[str], first_id: int
) -> str:
    """Returns the content of a file of words, as `write_words` writes it."""
    text = io.StringIO()
    write_words(text.write, path, words, first_id)
    return text.getvalue()


def write_words(
    write: Callable[[str], object],
    path: str | os.PathLike[str],
    words: Iterable[str],
    first_id: int,
) -> None:
    """Writes a file of words and their ids, one word at a time.

    Args:
        write: Called with one piece of the content after the other.
        path: `.json` or `.txt`, for the format; nothing is written there.
        words: Distinct words, in the order of their ids.
        first_id: Id of the first word. A `.txt` gets lines for the ids before
            it: `[PAD]`, then `[UNK]`, or `[UNK0]`, `[UNK1]`, ... if there are
            several.

    Raises:
        ValueError: If the ending is another one or a word cannot be a line.
    """
    path = pathlib.PurePath(path)
    check_vocabulary_ending(path)
    if not _is_json(path):
        _write_lines(write, words, first_id)
        return
    write("{")
    comma = ""
    for id_, word in enumerate(words, first_id):
        write(f"{comma}\n{json.dumps(word, ensure_ascii=False)}: {id_}")
        comma = ","
    write("\n}\n")


def check_vocabulary_path(path: str | os.PathLike[str]) -> None:
    """Checks the path of a vocabulary before any data are read.

    Raises:
        ValueError: If the ending is neither `.json` nor `.txt`, or the file
            cannot be made there.
    """
    path = pathlib.Path(path)
    check_vocabulary_ending(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            "`path` must be a file in an existing folder. "
            f"Received: path={os.fspath(path)!r}"
        )


def check_vocabulary_ending(path: str | os.PathLike[str]) -> None:
    """Raises `ValueError` if a path ends neither in `.json` nor `.txt`."""
    if pathlib.PurePath(path).suffix not in (".json", ".txt"):
        raise ValueError(
            "`path` of a vocabulary must end in .json or .txt. "
            f"Received: path={os.fspath(path)!r}"
        )


def holds_line_break(word: str) -> bool:
    """Whether a word cannot be a line of a `.txt` vocabulary."""
    return "\n" in word or word.endswith("\r")


def _is_json(path):
    return path.suffix == ".json"


def _json_pairs(path, text):
    try:
        # Objects become tuples of pairs, which keep repeated words.
        content = json.loads(text, object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON: {error}") from None
    if not isinstance(content, tuple):
        raise DataError(
            f'{path}: must hold one object such as {{"the": 2, "a": 3}}.'
        )
    return content


def _lines(text):
    words = text.removesuffix("\n").split("\n")
    words = [word.removesuffix("\r") for word in words]
    pairs = [(word, id_) for id_, word in enumerate(words)]
    buckets = 0
    while words[1 + buckets : 2 + buckets] == [_bucket(buckets)]:
        buckets += 1
    return pairs[:1] + pairs[1 + buckets :]


def _bucket(number):
    return f"[UNK{number}]"


def _checked(path, pairs):
    ids, words = {}, {}
    for word, id_ in pairs:
        if type(id_) is not int or id_ < 0:
            raise DataError(
                f"{path}: ids must be integers from 0 on. "
                f"Received: {word!r}: {id_!r}"
            )
        if word in ids:
            raise DataError(
                f"{path}: the word {word!r} has two ids, {ids[word]} and "
                f"{id_}. Name it once."
            )
        if id_ in words:
            raise DataError(
                f"{path}: id {id_} is both {words[id_]!r} and {word!r}. Give "
                "each word an id of its own."
            )
        ids[word], words[id_] = id_, word
    return ids


def _write_lines(write, words, first_id):
    unknown = first_id - 1
    buckets = [_bucket(number) for number in range(unknown)]
    reserved = [_PADDING, *(buckets if unknown > 1 else [_UNKNOWN])]
    for name in reserved:
        write(f"{name}\n")
    # A word named like the next bucket would be read as one.
    reserved = {*reserved, _bucket(unknown)}
    for word in words:
        if holds_line_break(word):
            raise ValueError(
                f"{word!r} holds a line break and cannot be a line of a .txt "
                "file. Save the vocabulary as .json."
            )
        if word in reserved:
            raise ValueError(
                f"the word {word!r} would mean padding or unknown words in a "
                ".txt file. Save the vocabulary as .json."
            )
        write(f"{word}\n")
