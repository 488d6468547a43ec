"""Converts files of ids or texts to TFRecord shards of ids."""

import contextlib
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.io import gfile

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.check.bad_rows import SoundRows
from o2v_keras.data.check.bad_rows import skipped_share
from o2v_keras.data.convert.shard_folder import ShardFolder
from o2v_keras.data.convert.tf_example import make_examples
from o2v_keras.data.data_error import DataError
from o2v_keras.data.data_error import UnreadableError
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.pair_table import PairTable
from o2v_keras.data.read.file_system import file_state
from o2v_keras.data.read.file_system import is_remote
from o2v_keras.data.read.pairs import read_pieces
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read.paths import expand_paths
from o2v_keras.data.read.tensorflow_files import output_failure
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.data.read_source import SIDES
from o2v_keras.data.read_source import check_tokenizers
from o2v_keras.data.read_source import file_records
from o2v_keras.data.target_vectors import with_target_file
from o2v_keras.progress import Progress
from o2v_keras.text.learn_tokenizers import learn_tokenizers
from o2v_keras.text.pair_tokenizers import PairTokenizers
from o2v_keras.text.shard_tokenizers import encoders_for
from o2v_keras.text.shard_tokenizers import load_tokenizers
from o2v_keras.text.shard_tokenizers import save_tokenizers

_SHARD_ROWS = 1 << 18
_ENDINGS = {None: ".tfrecord", "gzip": ".tfrecord.gz"}


def convert(
    paths: Paths,
    output: str | os.PathLike[str],
    *,
    shard_rows: int = _SHARD_ROWS,
    compression: str | None = None,
    sides: Sequence[str] | None = None,
    label: bool = True,
    columns: PairColumns = DEFAULT_COLUMNS,
    config: Object2VecConfig | None = None,
    tokenizers: PairTokenizers | None = None,
    auxiliary: str | os.PathLike[str] | None = None,
    skip_bad_rows: bool | float = False,
    verbose: int = 1,
) -> dict[str, Any]:
    """Writes pairs as TFRecord shards `pairs-00000-of-00012.tfrecord`.

    Memory holds a few thousand rows at a time. A second call with the same
    arguments resumes a killed run: it reads all input again, writes the
    missing shards and ends with the same shards. A file gets its final name
    when it is complete; the manifest `_manifest.json` is written last.

    Args:
        paths: Path, glob or folder of JSON Lines, CSV, TSV, Parquet or
            TFRecord files, or a list of them. The rows keep their order.
        output: Folder for the shards, local or such as `gs://bucket/pairs`.
        shard_rows: Rows of a shard. Defaults to 262,144.
        compression: `"gzip"`, or `None` for plain files. Defaults to `None`.
        sides: Names of the sides to write. Defaults to `None`: those that a
            training of `config` reads, otherwise both.
        label: Whether the rows have labels, which are stored as float32.
            Defaults to `True`.
        columns: `PairColumns` of the files. Defaults to `in0`, `in1`,
            `label`; shards have these always.
        config: `Object2VecConfig` that the rows must fit; its tokenizers
            tokenize texts and are saved as `_tokenizers.keras` among the
            shards, for training. Defaults to `None`: both sides hold ids.
        tokenizers: `PairTokenizers` that fit `config`, such as those of the
            training data for test data. Defaults to `None`:
            `learn_tokenizers` learns them from the files.
        auxiliary: Folder that a relative `enc*_vocab_file` is relative to.
            Defaults to `None`: the working directory.
        skip_bad_rows: Leave rows with errors out, and write them with their
            reasons to `_rejected_rows.jsonl` in `output`; `True` for up to 1
            % of the rows, a number such as 0.2 for another share, beyond
            which they stop. Defaults to `False`: errors stop, and nothing is
            left of `output`.
        verbose: 0 or 1. Whether to show progress. Defaults to `1`.

    Returns:
        The manifest: `rows`, `shards` (file and rows of each), for each side
        `max_id` and `max_length`, of texts the fingerprints of the
        `tokenizers`, and the `job` (sources and options).

    Raises:
        DataError: If rows are unusable, by file and line, or `output` holds
            something else.
        ValueError: If an option breaks its rule, or `tokenizers` are not
            those that `config` asks for.
        OSError: If `output` cannot be written.

    Example:
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> line = '{"in0": [6, 17], "in1": [16], "label": 1}'
    >>> _ = (folder / "train.jsonl").write_text(line)
    >>> manifest = convert(folder / "train.jsonl", folder / "a", verbose=0)
    >>> manifest["shards"]
    [{'file': 'pairs-00000-of-00001.tfrecord', 'rows': 1}]
    """
    if sides is None:
        sides = SIDES if config is None else config.sides
    _refuse_bad_options(shard_rows, compression, sides, config, tokenizers)
    if config is not None and label:
        columns.check_label(config)
    if config is not None:
        config = with_target_file(config, auxiliary)
    skipped_share(skip_bad_rows)
    files = expand_paths(paths)
    output = os.fspath(output)
    job = {
        "sources": [_source(file) for file in files],
        "shard_rows": shard_rows,
        "compression": compression,
        "sides": list(sides),
        "label": label,
        "skip_bad_rows": skip_bad_rows,
        "columns": list(columns),
        "hyperparameters": config and config.to_dict(),
        "tokenizers": tokenizers and tokenizers.fingerprint(),
    }
    folder = ShardFolder(output, _ENDINGS[compression])
    try:
        manifest = folder.begin(job)
        if manifest:
            if verbose:
                print(f"{output}: holds this conversion already.", flush=True)
            return manifest
        if config is not None and tokenizers is None:
            tokenizers = _tokenizers(
                files, folder, config, columns, auxiliary, verbose
            )
        began = time.monotonic()
        with Progress("converting", verbose=verbose) as progress:
            manifest = _convert(
                files, folder, job, columns, config, tokenizers, progress
            )
        if verbose:
            rows, shards = manifest["rows"], _shards(len(manifest["shards"]))
            speed = rows / max(time.monotonic() - began, 1e-9)
            text = f"{rows:,} rows ({speed:,.0f} rows/s), {shards}: {output}"
            print(text, flush=True)
        return manifest
    except tf.errors.OpError as error:
        raise OSError(output_failure(output, error)) from error


def _tokenizers(files, folder, config, columns, auxiliary, verbose):
    """Loads the tokenizers of a killed run, or learns new ones."""
    if not (config.enc0_tokenizer or config.enc1_tokenizer):
        return PairTokenizers()
    # Incomplete tokenizers are learned again from the same files.
    with contextlib.suppress(ValueError):
        return load_tokenizers(folder.path)
    try:
        return learn_tokenizers(files, config, columns, auxiliary, verbose)
    except ValueError:
        folder.clear_unless_begun()
        raise


def _convert(files, folder, job, columns, config, tokenizers, progress):
    texts, made, records = {}, {}, None
    if config is not None:
        config = tokenizers.configure(config)
        texts = encoders_for(files, tokenizers, job["sides"])
        made = {
            side: tokenizer.fingerprint()
            for side, tokenizer in tokenizers.sides.items()
            if side in job["sides"]
        }
    if made:
        save_tokenizers(tokenizers, folder.path)
    if texts:
        records = file_records(job["sides"], job["label"], columns, texts)
    side_file, max_skipped = None, skipped_share(job["skip_bad_rows"])
    if max_skipped is not None:
        side_file = gfile.join(folder.path, "_rejected_rows.jsonl")
    facts = _Facts()
    try:
        with (
            SoundRows(
                config,
                side_file=side_file,
                records=records,
                max_skipped=max_skipped or 0.0,
            ) as sound,
            _ShardWriter(folder, job) as writer,
        ):
            for file in files:
                for piece in read_pieces(
                    file,
                    job["sides"],
                    job["label"],
                    columns=columns,
                    texts=texts,
                ):
                    table = sound.add(*piece)
                    # One run reports all errors.
                    if sound.failed:
                        continue
                    refuse_lossy_labels(table)
                    facts.add(table)
                    writer.write(table)
                    progress.reach(facts.rows, _shards(len(writer.rows)))
            sound.finish()
    except UnreadableError:
        # The file may be readable later: complete shards stay.
        folder.clear_unless_begun()
        raise
    except DataError:
        folder.clear()
        raise
    found = {**facts.as_dict(), **({"tokenizers": made} if made else {})}
    return folder.finish(job, writer.rows, found)


def _shards(count):
    return "1 shard" if count == 1 else f"{count} shards"


class _ShardWriter:
    """Cuts tables into shards; skips shards that are complete."""

    def __init__(self, folder, job):
        self._folder, self._shard_rows = folder, job["shard_rows"]
        self._options = tf.io.TFRecordOptions(
            compression_type="GZIP" if job["compression"] else ""
        )
        self._file = None
        self.rows = []  # of each shard begun

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self._close(whole=kind is None)

    def write(self, table: PairTable):
        start = 0
        while start < len(table):
            if not self.rows or self.rows[-1] == self._shard_rows:
                self._open()
            room = self._shard_rows - self.rows[-1]
            part = table.take(slice(start, start + room))
            if self._file:
                for record in make_examples(part):
                    self._file.write(record)
            self.rows[-1] += len(part)
            start += len(part)

    def _open(self):
        self._close(whole=True)
        shard = len(self.rows)
        self.rows.append(0)
        if not self._folder.is_whole(shard):
            path = self._folder.partial(shard)
            self._file = tf.io.TFRecordWriter(path, self._options)

    def _close(self, whole):
        if self._file:
            self._file.close()
            self._file = None
            if whole:
                self._folder.set_whole(len(self.rows) - 1)


class _Facts:
    """Counts rows, largest ids and longest sequences for the manifest."""

    def __init__(self):
        self.rows = 0
        self._sides = {}

    def add(self, table):
        self.rows += len(table)
        for name, side in table.sides.items():
            largest, longest = self._sides.get(name, (0, 0))
            self._sides[name] = (
                max(largest, int(side.values.max(initial=0))),
                max(longest, int(side.unpadded_lengths.max(initial=0))),
            )

    def as_dict(self):
        sides = {
            name: {"max_id": largest, "max_length": longest}
            for name, (largest, longest) in self._sides.items()
        }
        return {"rows": self.rows, **sides}


def _refuse_bad_options(shard_rows, compression, sides, config, tokenizers):
    if not isinstance(shard_rows, int) or shard_rows < 1:
        raise ValueError(
            "`shard_rows` must be an integer of at least 1. "
            f"Received: shard_rows={shard_rows!r}"
        )
    if compression not in _ENDINGS:
        raise ValueError(
            '`compression` must be "gzip" or None. '
            f"Received: compression={compression!r}"
        )
    if tokenizers is not None:
        if config is None:
            raise ValueError(
                "`config` must be given with `tokenizers`: it says which "
                "sides hold texts."
            )
        check_tokenizers(tokenizers, config, tuple(sides))
    elif (
        config is not None
        and len(sides) < len(config.sides)
        and any(getattr(config, f"enc{s[-1]}_tokenizer") for s in sides)
    ):
        raise ValueError(
            "`tokenizers` must be given for texts of one side "
            "(`--tokenizers`): those of the model that the rows are for. "
            f"Received: sides={list(sides)!r}"
        )


def _source(file):
    path = file if is_remote(file) else os.path.abspath(file)
    return {"path": path, **file_state(file)}


def refuse_lossy_labels(table: PairTable) -> None:
    """Raises an error for an integer label that float32 would change.

    Raises:
        DataError: By file and line.
    """
    if table.labels is None:
        return
    with np.errstate(over="ignore"):
        stored = table.labels.astype(np.float32)
    # Training rounds fractions, too; class numbers must stay exact.
    whole = table.labels == np.floor(table.labels)
    rows = np.flatnonzero(whole & (stored != table.labels))
    if rows.size:
        raise DataError(
            f"{table.locate(rows[0])}: label={table.labels[rows[0]]:.15g}: a "
            "TFRecord label is a float32, which cannot hold this number."
        )
