"""What a training by an in-batch softmax cannot be combined with."""

from o2v_keras.config import Object2VecConfig
from o2v_keras.training.distribute.cluster import Worker


def refuse_unfit(
    config: Object2VecConfig,
    stream_rows: int | None,
    shard_by: str,
    worker: Worker,
) -> None:
    """Raises `ValueError` if the head cannot be trained in this way.

    A positive must be known wherever the training data hold it, and an
    object be counted in all of them.

    Args:
        config: Of the training.
        stream_rows: As in `train`.
        shard_by: As in `train`.
        worker: This process.
    """
    if config.output_layer != "in_batch_softmax":
        return
    head = 'output_layer="in_batch_softmax"'
    if stream_rows is not None:
        raise ValueError(
            f"`stream_rows` must be left out beside {head}, which must know "
            "all positives of the training data at any time. Received: "
            f"stream_rows={stream_rows}"
        )
    if worker.count > 1 and shard_by == "file":
        raise ValueError(
            f'`shard_by` must be "row" beside {head}, where every worker must '
            'know all positives. Received: shard_by="file"'
        )
    if worker.count > 1 and config.mined_negatives:
        raise ValueError(
            "`mined_negatives` must be 0 where several workers train "
            "together, which might not find the same ones. Received: "
            f"mined_negatives={config.mined_negatives}"
        )
