"""The files of an index."""

import json
import os
import pathlib
from typing import Any

import numpy as np

from o2v_keras.neighbors.exact_search import ExactSearch
from o2v_keras.neighbors.faiss_search import FaissSearch
from o2v_keras.neighbors.quantized_search import QuantizedSearch
from o2v_keras.neighbors.usearch_search import UsearchSearch
from o2v_keras.neighbors.vector_checks import REMEDY
from o2v_keras.storage.damage import damage_named
from o2v_keras.storage.damage import read_json
from o2v_keras.storage.output_folder import OutputFolder
from o2v_keras.storage.replace import repair
from o2v_keras.storage.scalar_quantizer import PRECISIONS

BACKENDS = {
    search.name: search for search in (ExactSearch, FaissSearch, UsearchSearch)
}
_FORMAT = 2
_SIDECAR, _VECTORS, _IDS = "index.json", "vectors.npy", "ids.json"


def index_folder(path: str | os.PathLike[str]) -> OutputFolder:
    """Returns the folder of an index, for writing."""
    files = [_SIDECAR, _VECTORS, _IDS]
    searches = (*BACKENDS.values(), QuantizedSearch)
    files += [file for search in searches for file in search.files]
    return OutputFolder(
        path, "folder", "an index", files, lambda p: (p / _SIDECAR).is_file()
    )


def write_index(
    folder: pathlib.Path,
    vectors: np.ndarray,
    ids: np.ndarray,
    facts: dict[str, Any],
) -> None:
    """Writes the files that do not depend on the backend.

    Args:
        folder: An empty folder.
        vectors: float32 `(rows, dim)`.
        ids: int64 or texts `(rows,)`.
        facts: Values for `index.json`.
    """
    rows, dim = vectors.shape
    facts = {"format": _FORMAT, "rows": rows, "dim": dim, **facts}
    np.save(folder / _VECTORS, vectors)
    (folder / _IDS).write_text(json.dumps(ids.tolist()))
    (folder / _SIDECAR).write_text(json.dumps(facts, indent=2) + "\n")


def read_index(
    folder: pathlib.Path,
) -> tuple[np.ndarray, list[Any], dict[str, Any]]:
    """Returns vectors (memory-mapped), ids and the values of `index.json`.

    Raises:
        ValueError: If there is no index, or its files contradict each other.
    """
    repair(folder)
    facts = _read_sidecar(folder)
    with damage_named(folder / _VECTORS, REMEDY):
        vectors = np.load(folder / _VECTORS, mmap_mode="r")
    ids = read_json(folder / _IDS, REMEDY)
    expected = (facts["rows"], facts["dim"])
    if vectors.shape != expected or len(ids) != facts["rows"]:
        raise ValueError(
            f"{folder}: its files are of different indexes: {_SIDECAR} "
            f"says vectors of shape {expected}, {_VECTORS} has "
            f"{vectors.shape}, {_IDS} {len(ids)} ids. {REMEDY}"
        )
    return vectors, ids, facts


def _read_sidecar(folder):
    try:
        sidecar = read_json(folder / _SIDECAR, REMEDY)
    except FileNotFoundError:
        raise ValueError(
            "`folder` must hold an index; `o2v index` and "
            "`NeighborIndex.save` write one. "
            f"Received: folder={os.fspath(folder)!r}"
        ) from None
    if sidecar.get("format") != _FORMAT:
        raise ValueError(
            f"{folder / _SIDECAR}: must have the format {_FORMAT}. {REMEDY} "
            f"Received: format={sidecar.get('format')!r}"
        )
    return sidecar


def made_search(
    vectors: np.ndarray,
    metric: str,
    backend: str,
    precision: str,
    rescore: int,
) -> ExactSearch | FaissSearch | UsearchSearch | QuantizedSearch:
    """Returns a new search in vectors.

    Args:
        vectors: float32 `(rows, dim)`, checked.
        metric: A known metric.
        backend: `"exact"`, `"faiss"` or `"usearch"`.
        precision: `"float32"`, `"int8"` or `"binary"`.
        rescore: int, at least 1.

    Raises:
        ValueError: If an argument breaks its rule.
        MissingExtraError: If the backend is not installed.
    """
    if backend not in BACKENDS:
        raise ValueError(
            f"`backend` must be one of {', '.join(BACKENDS)}. "
            f"Received: backend={backend!r}"
        )
    if precision not in PRECISIONS:
        raise ValueError(
            f"`precision` must be one of {', '.join(PRECISIONS)}. "
            f"Received: precision={precision!r}"
        )
    if not isinstance(rescore, int) or isinstance(rescore, bool) or rescore < 1:
        raise ValueError(
            "`rescore` must be an integer of at least 1. "
            f"Received: rescore={rescore!r}"
        )
    if precision == "float32":
        return BACKENDS[backend](vectors, metric)
    if backend != "exact":
        raise ValueError(
            f'`precision` must be "float32" with the backend "{backend}", '
            "whose graph has vectors of its own. "
            f"Received: precision={precision!r}"
        )
    return QuantizedSearch.of(vectors, metric, precision, rescore)


def read_search(
    folder: pathlib.Path, vectors: np.ndarray, facts: dict[str, Any]
) -> ExactSearch | FaissSearch | UsearchSearch | QuantizedSearch:
    """Returns the search of an index.

    Args:
        folder: The folder of the index.
        vectors: Its vectors.
        facts: Values of its `index.json`.

    Raises:
        ValueError: If its files contradict each other.
        MissingExtraError: If its backend is not installed.
    """
    metric, precision = facts["metric"], facts["precision"]
    if precision == "float32":
        return BACKENDS[facts["backend"]].load(folder, vectors, metric)
    return QuantizedSearch.load(
        folder, vectors, metric, precision, facts["rescore"]
    )
