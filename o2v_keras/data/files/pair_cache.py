"""Keeps the ids of texts between two trainings."""

import dataclasses
import hashlib
import json
import os
import pathlib
import zlib
from collections.abc import Mapping

import pyarrow as pa

from o2v_keras.data.check.report import Problem
from o2v_keras.data.checking.record_faults import Column
from o2v_keras.data.checking.record_faults import Fault
from o2v_keras.data.checking.rejected_rows import RejectedRow
from o2v_keras.data.checking.rejected_rows import RejectedRows
from o2v_keras.data.files.cache_folder import cache_folder
from o2v_keras.data.files.remote_files import is_remote
from o2v_keras.data.files.remote_files import open_bytes
from o2v_keras.data.files.text_side import TextSide
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.row_origin import RowOrigin
from o2v_keras.data.row_origin import Source
from o2v_keras.data.sequences import Sequences
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import sweep
from o2v_keras.user_warning import warn_user

# Changes whenever the same file would give other pairs.
_FORMAT = b"o2v pairs 2"
_ENDING = ".o2v-pairs.arrow"
_MOST_BYTES = 10 << 30


@dataclasses.dataclass(frozen=True, eq=False)
class FilePairs:
    """All that reading a file of texts gives.

    Args:
        table: `PairTable`.
        rejected: `RejectedRows`.
        problems: Name of a side -> `Problem`s that tokenizing found.
    """

    table: PairTable
    rejected: RejectedRows
    problems: Mapping[str, list[Problem]]


class PairCache:
    """The pairs of one file, under a key of what they follow from.

    The key is a digest of the file's content, of the columns, and of the
    tokenizers. Files of the cache lie in the folder that the environment
    variable `O2V_CACHE_DIR` names, or else in `o2v_keras` in the user's cache
    folder (`XDG_CACHE_HOME`, or `~/.cache`). An empty `O2V_CACHE_DIR` means
    no cache. Beyond 10 GiB the files that were not used for longest go.

    Any number of processes may share the folder. A file of it that is broken
    counts as none.

    Args:
        path: The file of texts.
        fields: Its columns.
        texts: What makes ids of the sides that hold texts.
    """

    def __init__(
        self,
        path: str,
        fields: Mapping[str, Column],
        texts: Mapping[str, TextSide],
    ):
        self._path = path
        self._file = None
        folder = cache_folder()
        marks = {name: side.fingerprint for name, side in texts.items()}
        if folder and marks and all(marks.values()):
            self._state = _state(path)
            key = _key(path, {"fields": fields, "marks": marks})
            self._file = folder / f"{key}{_ENDING}"

    def read(self) -> FilePairs | None:
        """Returns what `write` kept, or `None`."""
        if self._file is None:
            return None
        try:
            with pa.memory_map(os.fspath(self._file)) as file:
                table = pa.ipc.open_file(file).read_all()
            facts = json.loads(table.schema.metadata[_FORMAT])
            if facts["checksum"] != _checksum(table):
                return None
            os.utime(self._file)  # used just now
            return _unpacked(table, facts, self._path)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            return None

    def write(self, pairs: FilePairs) -> None:
        """Keeps pairs; warns if that fails."""
        # A file that is mostly errors is on its way to be mended.
        if self._file is None or len(pairs.rejected) > len(pairs.table):
            return
        if _state(self._path) != self._state:  # changed since it was digested
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with replaced_file(self._file) as new, open(new, "wb") as file:
                _write(file, pairs, self._path)
            _drop_oldest(self._file.parent)
            sweep(self._file.parent)
        except OSError as error:
            warn_user(
                f"The ids of {self._path} could not be kept for the next "
                f"time: {error}. Set O2V_CACHE_DIR to a folder that can be "
                "written, or to nothing for no cache.",
            )


def _state(path):
    if is_remote(path):
        return None
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def _key(path, settings):
    digest = hashlib.blake2b(_FORMAT, digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    with open_bytes(path) as stream:
        digest.update(hashlib.file_digest(stream, "sha256").digest())
    # The ending says how the content is read.
    digest.update(pathlib.PurePath(path).name.partition(".")[2].encode())
    return digest.hexdigest()


def _write(file, pairs, path):
    table = _packed(pairs.table)
    facts = {
        "checksum": _checksum(table),
        "unit": pairs.table.origin.sources[0].unit,
        "rejected": [
            (int(number), record, faults)
            for number, record, faults in zip(
                pairs.rejected.origin.numbers,
                pairs.rejected.records,
                pairs.rejected.faults,
                strict=True,
            )
        ],
        "problems": {
            name: [_without_path(problem, path) for problem in problems]
            for name, problems in pairs.problems.items()
        },
    }
    table = table.replace_schema_metadata({_FORMAT: json.dumps(facts)})
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _packed(table):
    columns = {
        name: pa.LargeListArray.from_arrays(side.offsets, side.values)
        for name, side in table.sides.items()
    }
    if table.labels is not None:
        columns["label"] = pa.array(table.labels)
    if table.weights is not None:
        columns["weight"] = pa.array(table.weights)
    return pa.table({**columns, "number": pa.array(table.origin.numbers)})


def _unpacked(table, facts, path):
    source = Source(path, facts["unit"])
    columns = {n: table[n].combine_chunks() for n in table.column_names}
    sides = {
        name: Sequences(
            columns[name].values.to_numpy(), columns[name].offsets.to_numpy()
        )
        for name in ("in0", "in1")
        if name in columns
    }
    labels, weights = (
        columns[name].to_numpy() if name in columns else None
        for name in ("label", "weight")
    )
    origin = RowOrigin.of(source, columns["number"].to_numpy())
    rejected = [
        RejectedRow(number, record, tuple(Fault(*fault) for fault in faults))
        for number, record, faults in facts["rejected"]
    ]
    problems = {
        name: [_with_path(problem, path) for problem in problems]
        for name, problems in facts["problems"].items()
    }
    return FilePairs(
        PairTable(sides.get("in0"), sides.get("in1"), labels, origin, weights),
        RejectedRows.of(source, rejected),
        problems,
    )


def _without_path(problem, path):
    cases = [case.removeprefix(path) for case in problem.cases]
    return {**dataclasses.asdict(problem), "cases": cases}


def _with_path(problem, path):
    cases = tuple(path + case for case in problem["cases"])
    return Problem(**{**problem, "cases": cases})


def _checksum(table):
    checksum = 0
    for column in table.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    checksum = zlib.crc32(buffer, checksum)
    return checksum


def _drop_oldest(folder):
    """Removes what was not used for longest."""
    files = []
    for file in folder.iterdir():
        if file.name.endswith(_ENDING):
            try:
                status = file.stat()
            except FileNotFoundError:  # another process was here first
                continue
            files.append((status.st_mtime, status.st_size, file))
    size = 0
    for _, bytes_, file in sorted(files, reverse=True):
        size += bytes_
        if size > _MOST_BYTES:
            file.unlink(missing_ok=True)
