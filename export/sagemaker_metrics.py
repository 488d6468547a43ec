"""Prints metrics in the log format of SageMaker's container.

SageMaker finds metrics in the log by regular expressions, so tuning jobs and
dashboards for the container work with these lines, too.
"""

import time
from collections.abc import Mapping

import keras

# Metric -> kind in the log format.
_KINDS = {
    "accuracy": "score",
    "pairwise_accuracy": "score",
    "bpr": "loss",
    "cross_entropy": "loss",
    "mean_squared_error": "loss",
    "cosent": "loss",
    "spearman": "score",
    "pearson": "score",
    "embedding": "loss",
    "cosine_similarity": "score",
}


class SageMakerMetrics(keras.callbacks.Callback):
    """Prints quality, progress and throughput after each epoch.

    Args:
        host: Name of the machine, such as `"algo-1"`.
        epochs: Largest number of epochs.
        mini_batch_size: Rows of a batch, for the throughput.
    """

    def __init__(self, host: str, epochs: int, mini_batch_size: int):
        super().__init__()
        self._host = host
        self._epochs = epochs
        self._mini_batch_size = mini_batch_size

    def on_epoch_begin(self, epoch, logs=None):
        self._batches = 0
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._batches += 1
        self._seconds = time.perf_counter() - self._began

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        names = [name for name in logs if name.startswith("val_")]
        validation = {name.removeprefix("val_"): logs[name] for name in names}
        train = {name: logs[name] for name in logs if name not in names}
        for split, metrics in (("train", train), ("validation", validation)):
            for line in quality_lines(self._host, split, metrics, epoch):
                print(line)
        host = f"host={self._host}"
        done = 100 * (epoch + 1) / self._epochs
        print(f"#progress_metric: {host}, completed {done:g} %")
        speed = self._batches * self._mini_batch_size / self._seconds
        print(
            f"#throughput_metric: {host}, train throughput={speed} "
            "records/second",
            flush=True,
        )


def quality_lines(
    host: str, split: str, metrics: Mapping[str, float], epoch: int | None
) -> list[str]:
    """Returns a line for each metric that SageMaker knows.

    Args:
        host: Name of the machine.
        split: `"train"`, `"validation"` or `"test"`.
        metrics: Values under Keras's names.
        epoch: Epoch from 0, or `None` for the test split, whose lines have no
            epoch.

    Example:
    >>> quality_lines("algo-1", "test", {"accuracy": 0.5, "loss": 1}, None)
    ['#quality_metric: host=algo-1, test accuracy <score>=0.5']
    """
    place = "" if epoch is None else f"epoch={epoch}, "
    return [
        f"#quality_metric: host={host}, {place}{split} {name} "
        f"<{kind}>={float(metrics[name])}"
        for name, kind in _KINDS.items()
        if name in metrics
    ]
