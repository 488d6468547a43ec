"""MovieLens 100k: ratings of films, with the official splits."""

import dataclasses
import pathlib
import re
import shutil
import zipfile

import numpy as np

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download
from o2v_keras.datasets.data_source import read_checksums
from o2v_keras.datasets.data_source import require_choice

SPLITS = ("ua", "ub", "u1", "u2", "u3", "u4", "u5")
GENRES = tuple(
    """
    unknown Action Adventure Animation Children's Comedy Crime Documentary
    Drama Fantasy Film-Noir Horror Musical Mystery Romance Sci-Fi Thriller
    War Western
    """.split()
)

_CHECKSUMS = read_checksums(
    """
06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490  u.data
553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701  u.item
67b5bcdb380c29f85d56a012ecd88612ae020f30a6730d117a334ee8203b91f2  ua.base
d0497e202417720f57a184ec8c66be2d1afa4ff41bb53787c57b28d6bf79bc42  ua.test
237254d253b6ad7de84f919d041055428646254f34ed8f562703c899430cd881  ub.base
d54a72d05730d5892062734b2bec73e976f9b713d18c828a18b968d6cce442da  ub.test
ce253ec86c448b44fb3ba9a30d12dcfc2e9210cbde71efada3730c22e9ac212a  u1.base
18c6014a4b2c7324f250a63f8904a7b16b2b19f911129e346141507b0cbac950  u1.test
6c06f0b5df4b256da1a994f3ac66edc8da4d3f09bc9282df6b14d893366d703e  u2.base
4de658d1e04ed9104629509a2e2528fce833ac8e048280183f1df167632038c3  u2.test
afdc155c291c6edc41c0407e39d7462eb98d341e064f0b0a12175b80b3c4af5d  u3.base
0f548b51c78327de4c156461d3e430b7e5579fe2b5681586a59416e48fd35f6d  u3.test
219f0f4d40dfe9c5141d425f53fa91ee23ed275f14e280bbf1b50117afb064ca  u4.base
7c02ad0a1e7ab1083c8b9d4b627203a051dd7b5eab46d99fa44de33470de8db9  u4.test
a9574e59ce961eec2121627760b6e9b0974ce1637b3fe69ac32cb14a4bfab485  u5.base
351cc52e0d15b6c721466276fc24671d40936899e3d01fadeaf312915b8c5634  u5.test
"""
)
_YEAR = re.compile(r"\((\d{4})\)")


@dataclasses.dataclass(frozen=True)
class Film:
    """A film.

    Args:
        identifier: Its id in the ratings, from 1 to 1,682.
        title: Its title, with the year in brackets.
        year: The year in its title; `None` for the three without one.
        genres: Some of `GENRES`, at least one.
    """

    identifier: int
    title: str
    year: int | None
    genres: tuple[str, ...]


def load_ratings(file: str = "u.data") -> dict[str, np.ndarray]:
    """Returns a file of ratings, in its order.

    Args:
        file: `"u.data"`, all 100,000, or a split's half such as `"ua.base"`.
            Defaults to `"u.data"`.

    Returns:
        `in0`, int64 `(rows,)`: users, 1 to 943; `in1`, int64 `(rows,)`:
        films, 1 to 1,682; `label`, float32 `(rows,)`: 1 to 5 stars;
        `timestamp`, int64 `(rows,)`: seconds since 1970.

    Raises:
        ValueError: If there is no such file.
        DatasetError: If it is missing and cannot be downloaded.

    Reference:
    - [Harper and Konstan, 2015](https://doi.org/10.1145/2827872)
    """
    if file not in _CHECKSUMS or file == "u.item":
        raise ValueError(
            '`file` must be "u.data" or, for one of the splits '
            f'{", ".join(SPLITS)}, such as "ua.base" or "ua.test". '
            f"Received: file={file!r}"
        )
    with SOURCE.open(file) as stream:
        users, films, labels, times = np.loadtxt(stream, dtype=np.int64).T
    return {
        "in0": users,
        "in1": films,
        "label": labels.astype(np.float32),
        "timestamp": times,
    }


def load_split(
    name: str,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns training and test ratings of an official split.

    `ua` and `ub` test on ten ratings of each user; `u1` to `u5` are five-fold
    cross-validation. Splits overlap: `ua.base` holds all of `ub.test`, so a
    model trained on `ua.base` must not be tested on `ub.test` (as AWS's
    notebook does).

    Args:
        name: `"ua"`, `"ub"` or `"u1"` to `"u5"`.

    Returns:
        Training and test ratings, as `load_ratings` returns them.

    Raises:
        ValueError: If there is no such split.
        DatasetError: If it is missing and cannot be downloaded.
    """
    require_choice("name", name, SPLITS)
    return load_ratings(f"{name}.base"), load_ratings(f"{name}.test")


def load_films() -> list[Film]:
    """Returns the 1,682 films; film `i` is item `i - 1`.

    Raises:
        DatasetError: If they are missing and cannot be downloaded.
    """
    with SOURCE.open_text("u.item", "iso-8859-1") as text:
        lines = text.read().splitlines()
    return [_film(line.split("|")) for line in lines]


def _film(fields):
    years = _YEAR.findall(fields[1])
    flags = fields[-len(GENRES) :]
    return Film(
        int(fields[0]),
        fields[1],
        int(years[-1]) if years else None,
        tuple(
            genre
            for genre, flag in zip(GENRES, flags, strict=True)
            if flag == "1"
        ),
    )


def _unpack(archive: pathlib.Path, folder: pathlib.Path) -> None:
    with zipfile.ZipFile(archive) as files:
        for name in _CHECKSUMS:
            with files.open(f"ml-100k/{name}") as packed:
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(packed, file)


SOURCE = DataSource(
    name="ml-100k",
    title="MovieLens 100k",
    homepage="https://grouplens.org/datasets/movielens/100k/",
    terms=(
        "GroupLens: for research, with acknowledgement; no redistribution and "
        "no commercial use without permission."
    ),
    checksums=_CHECKSUMS,
    downloads=(
        Download(
            "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
            tuple(_CHECKSUMS),
            _unpack,
        ),
    ),
)
