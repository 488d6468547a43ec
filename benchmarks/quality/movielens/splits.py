"""MovieLens-100k and -1M: their splits for test and for validation."""

import dataclasses
import gzip
import os
import pathlib

import numpy as np

from notebooks.sizes import sized

USERS, FILMS = 943, 1682

# Ratings of users with larger numbers are left out.
_LAST_USER = sized(USERS, quick=30)
_LAST_USER_OF_MILLION = sized(6039, quick=30)


@dataclasses.dataclass(frozen=True)
class Ratings:
    """Ratings, column by column; numbers of users and films count from 1.

    Args:
        users: int64 `(rows,)`.
        films: int64 `(rows,)`.
        stars: float64 `(rows,)`, 1 to 5.
    """

    users: np.ndarray
    films: np.ndarray
    stars: np.ndarray

    def __len__(self):
        return len(self.users)

    def take(self, rows: np.ndarray) -> "Ratings":
        """Returns the given rows, numbers or a bool mask."""
        return Ratings(self.users[rows], self.films[rows], self.stars[rows])


@dataclasses.dataclass(frozen=True)
class Split:
    """What a model learns from, and what it is scored on."""

    train: Ratings
    scored: Ratings

    @property
    def shape(self) -> tuple[int, int]:
        """Largest numbers of a user and of a film, plus 1."""
        users, films = (
            max(getattr(part, side).max() for part in (self.train, self.scored))
            for side in ("users", "films")
        )
        return int(users) + 1, int(films) + 1


def official_split(name: str, test: bool) -> Split:
    """Returns an official split, or one cut from its training file.

    For validation, 10 ratings of every user of `ua.base` are held out, as
    `ua.test` holds 10 of every user, or a fifth of `u1.base` to `u5.base`.

    Args:
        name: `"ua"`, or `"u1"` to `"u5"`.
        test: Whether the test file is scored; validation otherwise.
    """
    base = _read(f"{name}.base")
    if test:
        return Split(base, _read(f"{name}.test"))
    generator = np.random.default_rng(0)
    order = generator.permutation(len(base))
    held_out = np.zeros(len(base), bool)
    if name == "ua":
        order = order[np.argsort(base.users[order], kind="stable")]
        users = base.users[order]
        held_out[order[_positions_in_runs(users) < 10]] = True
    else:
        held_out[order[: len(base) // 5]] = True
    return Split(base.take(~held_out), base.take(held_out))


def random_split(test: bool) -> Split:
    """Returns the 80/20 split, or one of its training rows, 80/20 again."""
    ratings = _read("u.data")
    rows = np.random.default_rng(0).permutation(len(ratings))
    train, test_rows = np.split(rows, [len(rows) * 4 // 5])
    if test:
        return Split(ratings.take(train), ratings.take(test_rows))
    train, validation = np.split(train, [len(train) * 4 // 5])
    return Split(ratings.take(train), ratings.take(validation))


def new_users_split(test: bool) -> Split:
    """Returns a split that holds out a fifth of the ratings of 100 users.

    These are new: they have the largest numbers. Those of validation and of
    test are others, and all that are in neither are known.

    Args:
        test: Whether the users for test are scored; validation otherwise.
    """
    ratings = _read("u.data")
    generator = np.random.default_rng(0)
    ratings = ratings.take(generator.permutation(len(ratings)))
    users = generator.permutation(np.unique(ratings.users))
    count = min(100, len(users) // 4)
    chosen = users[count : 2 * count] if test else users[:count]
    numbers = np.zeros(users.max() + 1, np.int64)
    numbers[users[2 * count :]] = np.arange(len(users) - 2 * count) + 1
    numbers[chosen] = np.arange(count) + len(users) - 2 * count + 1
    ratings = Ratings(numbers[ratings.users], ratings.films, ratings.stars)
    ratings = ratings.take(np.argsort(ratings.users, kind="stable"))
    ratings = ratings.take(ratings.users > 0)
    counts = np.bincount(ratings.users)
    held_out = _positions_in_runs(ratings.users) < counts[ratings.users] // 5
    held_out &= ratings.users > len(users) - 2 * count
    return Split(ratings.take(~held_out), ratings.take(held_out))


def million_split(test: bool) -> Split:
    """Returns the split of MovieLens-1M, ratings from 3 stars on alone.

    Test is scored after learning from training and validation rows. Stars
    are not in the files and are all 1 here.

    Args:
        test: Whether the test file is scored; validation otherwise.
    """
    train, validation = _read_million("train"), _read_million("valid")
    if not test:
        return Split(train, validation)
    both = [
        np.concatenate(
            [getattr(part, field.name) for part in (train, validation)]
        )
        for field in dataclasses.fields(Ratings)
    ]
    return Split(Ratings(*both), _read_million("test"))


def _positions_in_runs(values):
    """Counts from 0 within each run of equal values."""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    lengths = np.diff(np.r_[starts, len(values)])
    return np.arange(len(values)) - np.repeat(starts, lengths)


def _path(*names):
    folder = os.environ.get("O2V_DATA_DIR")
    if not folder:
        raise SystemExit(f"O2V_DATA_DIR must name the folder with {names[0]}.")
    return pathlib.Path(folder, *names)


def _read_million(name):
    """Reads lines of a user and his films, whose numbers count from 0."""
    with gzip.open(_path("ml-1m", f"{name}.txt.gz"), "rt") as file:
        rows = [np.array(line.split(), np.int64) + 1 for line in file]
    users = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
    films = np.concatenate([row[1:] for row in rows])
    ratings = Ratings(users, films, np.ones(len(films)))
    return ratings.take(users <= _LAST_USER_OF_MILLION)


def _read(name):
    path = _path("ml-100k", name)
    users, films, stars, _ = np.loadtxt(path, dtype=np.int64).T
    ratings = Ratings(users, films, stars.astype(float))
    return ratings.take(users <= _LAST_USER)
