"""Films and series on Netflix, with genres and descriptions."""

import csv
import dataclasses

from o2v_keras.datasets.data_source import DataSource

_FILE = "netflix_titles.csv"
SOURCE = DataSource(
    name="netflix-titles",
    title="Netflix Movies and TV Shows",
    homepage="https://www.kaggle.com/datasets/shivamb/netflix-shows",
    terms="CC0 according to its page on Kaggle.",
    # Copies differ in their encoding and in a few letters.
    checksums={_FILE: None},
)


@dataclasses.dataclass(frozen=True)
class Title:
    """A film or a series.

    Args:
        identifier: Such as `"s1"`.
        kind: `"Movie"` or `"TV Show"`.
        name: Its title.
        year: In which it appeared.
        genres: One to three of 42, such as `"TV Dramas"`.
        description: About 25 words.
    """

    identifier: str
    kind: str
    name: str
    year: int
    genres: tuple[str, ...]
    description: str


def load_titles() -> list[Title]:
    """Returns the 8,807 titles, in the file's order.

    Kaggle requires an account, so the file is not downloaded: put
    `netflix_titles.csv`, in UTF-8, into the folder `netflix-titles` of the
    folder that `O2V_DATA_DIR` names.

    Raises:
        DatasetError: If it is not there.
    """
    with SOURCE.open_text(_FILE, "utf-8-sig") as text:
        return [_title(row) for row in csv.DictReader(text)]


def _title(row):
    return Title(
        row["show_id"],
        # `type` in the publisher's file.
        row["movie_type"] if "movie_type" in row else row["type"],
        row["title"],
        int(row["release_year"]),
        tuple(row["listed_in"].split(", ")),
        row["description"],
    )
