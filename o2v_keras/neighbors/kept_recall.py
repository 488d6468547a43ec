"""How much of exact search an index keeps."""

from typing import Any

import numpy as np

from o2v_keras.neighbors.nearest import Nearest
from o2v_keras.neighbors.quantized_search import QuantizedSearch


def kept_recall(
    vectors: np.ndarray, metric: str, search: object, k: int, sample: int
) -> dict[str, float]:
    """Returns the recall of a sample of vectors, each without itself.

    Args:
        vectors: float32 `(rows, dim)`.
        metric: `"cosine"`, `"dot"` or `"euclidean"`.
        search: The backend.
        k: int, below the number of rows. Neighbours of a query.
        sample: int, at least 1. Most vectors to ask for.

    Returns:
        `"k"`, `"queries"` and `"recall"`; with codes also
        `"recall_by_codes"`, that without rescoring.
    """
    rows = np.arange(0, len(vectors), -(-len(vectors) // sample))
    queries, own = vectors[rows], rows[:, np.newaxis].tolist()

    def recall(search):
        return Nearest(vectors, metric, search).recall(queries, k, own)

    found: dict[str, Any] = {"k": k, "queries": len(rows)}
    if isinstance(search, QuantizedSearch):
        found["recall_by_codes"] = recall(search.without_rescoring())
    return {**found, "recall": recall(search)}
