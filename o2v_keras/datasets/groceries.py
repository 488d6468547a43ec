"""Groceries: the baskets of a grocery shop in one month."""

import itertools
from collections.abc import Sequence

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


def product_pairs(
    baskets: Sequence[Sequence[str]],
) -> dict[str, list[str]]:
    """Returns all ordered pairs of different products of each basket.

    Args:
        baskets: Names of products.

    Returns:
        `in0` and `in1`: products; a basket of n products has n * (n - 1)
        consecutive rows.

    Example:
    >>> product_pairs([["milk", "bread"], ["tea"]])
    {'in0': ['milk', 'bread'], 'in1': ['bread', 'milk']}
    """
    pairs = [
        pair
        for basket in baskets
        for pair in itertools.permutations(dict.fromkeys(basket), 2)
    ]
    return {
        "in0": [first for first, _ in pairs],
        "in1": [second for _, second in pairs],
    }


def basket_completions(
    baskets: Sequence[Sequence[str]],
) -> dict[str, list]:
    """Returns each product of a basket with the rest of the basket.

    Args:
        baskets: Names of products; a basket of one product has no rest.

    Returns:
        `in0`: lists of products; `in1`: the product that is missing.

    Example:
    >>> basket_completions([["milk", "bread", "tea"]])["in0"]
    [['bread', 'tea'], ['milk', 'tea'], ['milk', 'bread']]
    """
    rests, missing = [], []
    for basket in baskets:
        products = list(dict.fromkeys(basket))
        if len(products) > 1:
            for place, product in enumerate(products):
                rests.append(products[:place] + products[place + 1 :])
                missing.append(product)
    return {"in0": rests, "in1": missing}
