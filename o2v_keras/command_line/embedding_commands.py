"""The `o2v` commands on embeddings: `index`, `neighbors`, `map`, `card`."""

import argparse
import pathlib
from collections.abc import Callable
from typing import Any

from o2v_keras.command_line.option_groups import add_dim
from o2v_keras.command_line.option_groups import add_id_column
from o2v_keras.command_line.option_groups import add_model_and_data
from o2v_keras.command_line.option_groups import add_precision
from o2v_keras.command_line.option_groups import add_side
from o2v_keras.data.job_options import add_column_options
from o2v_keras.data.job_options import columns_of
from o2v_keras.start_tensorflow import start_tensorflow

_TOP = 10


def index(options: argparse.Namespace) -> int | None:
    """Writes an index of embeddings; prints the recall that it keeps."""
    start_tensorflow()
    from o2v_keras.neighbors.index_files import index_folder
    from o2v_keras.neighbors.neighbor_index import NeighborIndex
    from o2v_keras.neighbors.row_values import read_ids
    from o2v_keras.training.model_directory import load_model

    if options.rescore is not None and options.precision == "float32":
        raise ValueError(
            "`--rescore` must be left out without `--precision int8` or "
            f"`binary`. Received: --rescore {options.rescore}"
        )
    folder = _index_folder(options)
    index_folder(folder).check_replaceable()
    ids = None
    if options.id_column:
        ids = read_ids(options.data, options.id_column)
    made = NeighborIndex.from_model(
        load_model(options.model),
        options.side,
        options.data,
        ids,
        options.metric,
        options.backend,
        options.precision,
        options.rescore or 4,
        columns=columns_of(options),
        dim=options.dim,
    )
    approximate = made.backend != "exact" or made.precision != "float32"
    kept = {}
    if approximate and len(made) > 1:
        kept = made.kept_recall(min(_TOP, len(made) - 1))
    made.save(folder)
    print(
        f"{len(made)} vectors of {made.dim} numbers, {made.metric}, "
        f"{made.backend}, {made.precision} in {made.nbytes:,} bytes: {folder}"
    )
    if kept:
        by_codes = ""
        if "recall_by_codes" in kept:
            by_codes = f", {kept['recall_by_codes']:.4f} by codes alone"
        print(
            f"recall@{kept['k']} of {kept['queries']} of them as queries, each "
            f"without itself: {kept['recall']:.4f}{by_codes}"
        )


def neighbors(options: argparse.Namespace) -> int | None:
    """Prints or writes the nearest neighbors in an index."""
    start_tensorflow()
    from o2v_keras.neighbors.neighbor_files import check_neighbor_path
    from o2v_keras.neighbors.neighbor_files import format_neighbors
    from o2v_keras.neighbors.neighbor_files import write_neighbors
    from o2v_keras.neighbors.neighbor_index import NeighborIndex

    if options.output:
        check_neighbor_path(options.output)
    _check_lists(options)
    found = NeighborIndex.load(options.index)
    top = min(_TOP, len(found)) if options.top is None else options.top
    ask = _ask_like if options.like else _ask_data
    names, nearest = ask(found, top, options)
    if options.output:
        write_neighbors(options.output, names, nearest)
        print(f"neighbors of {len(names)} queries: {options.output}")
    else:
        print(format_neighbors(names, nearest))


def map_(options: argparse.Namespace) -> int | None:
    """Writes a map of embeddings, or TensorBoard's files for one."""
    start_tensorflow()
    from o2v_keras.evaluation.inference import embed_marked
    from o2v_keras.evaluation.inference import warn_of_untrained
    from o2v_keras.neighbors.row_values import read_names
    from o2v_keras.reports.embedding_map import check_map_path
    from o2v_keras.reports.embedding_map import write_map
    from o2v_keras.training.model_directory import load_model

    check_map_path(options.output)
    labels, groups = _names(options), None
    if options.group_column:
        groups = read_names(options.data, options.group_column)
    vectors, untrained = embed_marked(
        load_model(options.model),
        options.side,
        options.data,
        columns=columns_of(options),
    )
    warn_of_untrained(untrained, options.side, "are not on the map")
    write_map(
        options.output,
        vectors,
        labels,
        groups,
        method=options.method,
        title=options.title or f"{options.side} of {options.model}",
        unit_length=options.unit_length,
        left_out=untrained,
    )
    print(f"{(~untrained).sum()} embeddings: {options.output}")


def card(options: argparse.Namespace) -> int | None:
    """Writes a model card."""
    start_tensorflow()
    from o2v_keras.reports.card import write_card

    path = write_card(
        options.model,
        options.output,
        options.data,
        options.side,
        options.id_column,
        options.group_column,
        options.evaluation,
        options.export,
        columns=columns_of(options),
    )
    print(f"model card: {path}")


def add_embedding_commands(
    add: Callable[[str, Callable[..., Any], str], argparse.ArgumentParser],
) -> None:
    """Adds the commands.

    Args:
        add: Called with name, action and summary of a command; returns its
            parser.
    """
    text = "make an index of embeddings, to find the nearest in"
    _add_index_options(add("index", index, text))
    text = "find the nearest in an index"
    _add_neighbors_options(add("neighbors", neighbors, text))
    _add_map_options(add("map", map_, "show embeddings on a plane"))
    text = "write a model card of what a model directory holds"
    _add_card_options(add("card", card, text))


def _add_index_options(parser):
    add_model_and_data(parser)
    add_side(parser, required=True)
    add_dim(parser)
    add_id_column(parser, "objects")
    parser.add_argument(
        "--metric",
        choices=("cosine", "dot", "euclidean"),
        default="cosine",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--backend",
        choices=("exact", "faiss", "usearch"),
        default="exact",
        help="default: exact; the others must be installed",
    )
    add_precision(parser)
    parser.add_argument(
        "--rescore",
        type=int,
        metavar="N",
        help="with codes, compare the best N times as many by their vectors "
        "on disk; default: 4",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="default: index-SIDE beside the model"
    )


def _add_neighbors_options(parser):
    parser.add_argument("--index", required=True, metavar="DIR")
    add_column_options(parser)
    queries = parser.add_mutually_exclusive_group(required=True)
    queries.add_argument(
        "--like", nargs="+", metavar="ID", help="objects of the index"
    )
    queries.add_argument("--data", nargs="+", metavar="F", help="new objects")
    parser.add_argument(
        "--unlike",
        nargs="+",
        metavar="ID",
        help="one query: the mean of the --like, minus the mean of these",
    )
    add_side(parser, help="side of the data; default: that of the index")
    parser.add_argument(
        "--model", metavar="M", help="default: the model beside the index"
    )
    add_id_column(parser, "queries")
    parser.add_argument(
        "--exclude-column",
        metavar="C",
        help="ids of the index that the row's answer leaves out",
    )
    parser.add_argument(
        "--allow-column",
        metavar="C",
        help="ids of the index that the row's answer is taken from",
    )
    parser.add_argument(
        "--top", type=int, metavar="N", help="neighbors of each; default: 10"
    )
    parser.add_argument(
        "--output", metavar="O", help=".jsonl, .parquet; default: print"
    )


def _add_map_options(parser):
    add_model_and_data(parser)
    add_side(parser, required=True)
    add_id_column(parser, "points", has_groups=True)
    parser.add_argument(
        "--method",
        choices=("pca", "tsne", "umap"),
        default="pca",
        help="default: %(default)s; umap must be installed",
    )
    parser.add_argument(
        "--unit-length",
        action="store_true",
        help="scale embeddings to length 1 first, as cosine does",
    )
    parser.add_argument("--title", metavar="T")
    parser.add_argument(
        "--output",
        required=True,
        metavar="O",
        help=".html, .png, or a folder for TensorBoard's projector",
    )


def _add_card_options(parser):
    parser.add_argument("--model", required=True, metavar="DIR")
    parser.add_argument("--data", nargs="+", metavar="F", help="for a map")
    add_column_options(parser)
    add_side(
        parser, default="in0", help="side of the data; default: %(default)s"
    )
    add_id_column(parser, "points", has_groups=True)
    parser.add_argument(
        "--evaluation",
        metavar="F",
        help="JSON that `o2v evaluate` has printed, such as a ranking",
    )
    parser.add_argument(
        "--export",
        metavar="DIR",
        help="version that `o2v export` has published, such as served/1",
    )
    parser.add_argument(
        "--output", metavar="DIR", help="default: the model directory"
    )


def _index_folder(options):
    if options.output:
        return pathlib.Path(options.output)
    model = pathlib.Path(options.model)
    if model.is_file():
        raise ValueError(
            "`--output` must be given where `--model` is a file. "
            f"Received: --model {options.model}"
        )
    return model / f"index-{options.side}"


def _names(options):
    from o2v_keras.neighbors.row_values import read_names

    if options.id_column is None:
        return None
    return read_names(options.data, options.id_column)


def _check_lists(options):
    lists = ["unlike"] if options.data else ["exclude_column", "allow_column"]
    for name in lists:
        if getattr(options, name):
            option = name.replace("_", "-")
            other = "data" if options.data else "like"
            raise ValueError(
                f"`--{option}` must be left out with --{other}. "
                f"Received: --{option}"
            )


def _ask_like(index, top, options):
    likes = _ids_of(index, options.like, "like")
    if not options.unlike:
        return likes, index.similar(likes, top)
    unlikes = _ids_of(index, options.unlike, "unlike")
    name = f"{' + '.join(options.like)} - {' - '.join(options.unlike)}"
    return [name], index.like(likes, unlikes, top)


def _ids_of(index, texts, option):
    from o2v_keras.neighbors.row_values import id_of

    known = set(index.ids.tolist())
    found = [id_of(text, known, index.ids) for text in texts]
    for id_ in found:
        if isinstance(id_, str) and index.ids.dtype.kind == "i":
            raise ValueError(
                f"`--{option}` must be integers, as the ids of this index "
                f"are. Received: {id_}"
            )
    return found


def _ask_data(index, top, options):
    from o2v_keras.neighbors.row_values import read_id_lists
    from o2v_keras.training.model_directory import load_model

    # An index lies in the folder of its model, unless it was put elsewhere.
    model = options.model or pathlib.Path(options.index).resolve().parent
    if not options.model and not (model / "model.keras").is_file():
        raise ValueError(
            "`--model` must be given where the index does not lie in the "
            f"folder of its model. Received: --index {options.index}, beside "
            "which there is no model.keras"
        )
    exclude = allow = None
    if options.exclude_column:
        exclude = read_id_lists(options.data, options.exclude_column, index.ids)
    if options.allow_column:
        allow = read_id_lists(
            options.data, options.allow_column, index.ids, "allow"
        )
    names = _names(options)
    nearest = index.query_model(
        load_model(model),
        options.side or index.side,
        options.data,
        top,
        exclude,
        allow,
        columns=columns_of(options),
    )
    return range(len(nearest.ids)) if names is None else names, nearest
