"""Advice on settings that cost a training much time."""

from o2v_keras.config import Object2VecConfig
from o2v_keras.training.memory import learned_table_bytes

# What dense updates take to rewrite a table, measured on 2 CPU cores. SGD
# scatters its sparse gradient, and rewrites nothing.
_NANOSECONDS_PER_BYTE = {
    "adam": 0.3,
    "adadelta": 0.8,
    "rmsprop": 0.4,
    "adagrad": 0.25,
    "sgd": 0.0,
}
_WORTH_SECONDS = 0.005


def row_sparse_advice(config: Object2VecConfig, num_batches: int) -> str | None:
    """Returns the advice to update tables by rows, where that saves time.

    SageMaker's default is `dense`, and so is ours; its container warns as
    well where the vocabulary is large.

    Args:
        config: The training's configuration.
        num_batches: Steps of an epoch.

    Returns:
        A sentence for the user, or `None` where dense updates take less than
        5 ms a step by estimate.

    Example:
    >>> small = Object2VecConfig(enc0_max_seq_len=1, enc0_vocab_size=100)
    >>> row_sparse_advice(small, num_batches=10)
    """
    if config.token_embedding_storage_type == "row_sparse":
        return None
    tables = learned_table_bytes(config)
    seconds = tables * _NANOSECONDS_PER_BYTE[config.optimizer] * 1e-9
    if seconds < _WORTH_SECONDS:
        return None
    rows = _rows_touched(config)
    return (
        f"advice: {config.optimizer} rewrites all {tables / 1e6:.0f} MB of "
        f"token tables in every step: by estimate {1000 * seconds:.0f} ms a "
        f"step and {num_batches * seconds:.0f} s an epoch on 2 CPU cores. "
        f'token_embedding_storage_type="row_sparse" updates only the at most '
        f"{rows:,} rows that a batch holds (lazily: README, Row-sparse "
        f"updates)."
    )


def _rows_touched(config):
    pairs = config.mini_batch_size
    tables = list(config.token_tables.values())
    # A tied table is both sides'.
    sides = ((config.encoder0, tables[0]), (config.encoder1, tables[-1]))
    return sum(
        min(side.vocab_size, pairs * side.max_seq_len)
        for side, table in sides
        if not table.freezes_table
    )
