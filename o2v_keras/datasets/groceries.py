"""Groceries: the baskets of a grocery shop in one month."""

from o2v_keras.datasets.data_source import DataSource
from o2v_keras.datasets.data_source import Download

_FILE = "groceries.csv"
_SHA256 = "ff1be892fd6b9b57d1a7bc50de067798963dda607619645988b21789bf23ae3b"
SOURCE = DataSource(
    name="groceries",
    title="Groceries",
    homepage="https://github.com/stedy/Machine-Learning-with-R-datasets",
    terms=(
        "public domain according to its page; the R package arules, from "
        "which it comes, is under GPL-3."
    ),
    checksums={_FILE: _SHA256},
    downloads=(
        Download(
            "https://raw.githubusercontent.com/stedy/"
            "Machine-Learning-with-R-datasets/"
            "9a8371e95098f3048c5540646b9fb96c7571b110/groceries.csv",
            _SHA256,
            (_FILE,),
        ),
    ),
)


def load_baskets() -> list[tuple[str, ...]]:
    """Returns the 9,835 baskets of 169 products, in the file's order.

    Raises:
        DatasetError: If they are missing and cannot be downloaded.

    Reference:
    - [Hahsler et al., 2006](https://doi.org/10.1007/3-540-31314-1_73)
    """
    with SOURCE.open_text(_FILE) as text:
        lines = text.read().splitlines()
    # Two names end in a blank.
    return [
        tuple(product.strip() for product in line.split(",")) for line in lines
    ]
