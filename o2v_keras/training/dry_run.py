"""Finds the errors of a training without a model."""

import os

from o2v_keras.config import Object2VecConfig
from o2v_keras.data.batches.epoch_plan import EpochPlanner
from o2v_keras.data.check.report import CheckReport
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read.paths import Paths
from o2v_keras.data.read_source import read_source
from o2v_keras.data.target_vectors import with_target_file
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.text.pretrained_vectors import read_vectors
from o2v_keras.text.vector_files import VectorArray
from o2v_keras.training.advice import refuse_no_weights


def dry_run(
    config: Object2VecConfig,
    paths: Paths,
    columns: PairColumns,
    auxiliary: str | os.PathLike[str] | None = None,
) -> CheckReport:
    """Runs the checks of a training up to its first batch.

    Imports TensorFlow only if texts need a tokenizer.

    Args:
        config: `Object2VecConfig` of the training.
        paths: Files of the training data.
        columns: `PairColumns` of the data.
        auxiliary: Folder of relative paths of vocabularies and vectors.
            Defaults to `None`: the working directory.

    Returns:
        The report on the rows. If it has no errors, `train` accepts data and
        configuration.

    Raises:
        ValueError: For the errors of `train` that do not concern single
            rows.

    Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.jsonl")
    >>> _ = path.write_text('{"in0": [6, 17], "in1": [16], "label": 1}')
    >>> config = Object2VecConfig(enc0_max_seq_len=2, enc0_vocab_size=9)
    >>> report = dry_run(config, path, PairColumns())
    >>> [problem.kind for problem in report.errors]
    ['id >= vocab_size', 'id >= vocab_size']
    """
    config = with_target_file(config, auxiliary)
    sources = vector_sources(config, auxiliary)
    word_ids, tokenizers = {}, None
    if config.enc0_tokenizer or config.enc1_tokenizer:
        from o2v_keras.text.learn_tokenizers import learn_tokenizers

        tokenizers = learn_tokenizers(paths, config, columns, auxiliary)
        config = tokenizers.configure(config)
        for name, tokenizer in tokenizers.sides.items():
            word_ids[f"enc{name[-1]}"] = tokenizer.word_ids()
    loaded = read_source(
        paths, config, tokenizers, columns, config.sides, training=True
    )
    table, report = loaded.table, loaded.report
    if not report.errors:
        report.refuse_zero_weights()
        refuse_no_weights(config)
        EpochPlanner(table, config, training=True)
        for source in sources:
            _read_vectors(source, config, word_ids)
    return report


def _read_vectors(source, config, word_ids):
    encoder = getattr(config, f"encoder{source.side[-1]}")
    dim = encoder.token_embedding_dim
    if source.static is not None:
        vectors = source.static.read(dim)
        vectors.require_tokenizer(word_ids[source.side], encoder.vocab_size)
        vectors.values(slice(None))
    elif source.by_rows:
        array = VectorArray(source.path, dim)
        array.require_rows(encoder.vocab_size, source.side)
        for _ in array:
            pass
    else:
        ids = source.word_ids or word_ids[source.side]
        read_vectors(source.path, list(ids), dim)
