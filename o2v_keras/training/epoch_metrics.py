"""Metrics that callbacks add to those of an epoch."""

import keras


class EpochMetrics(keras.callbacks.Callback):
    """Adds metrics to an epoch's logs, for the callbacks after it.

    Keras hands the same logs from callback to callback, and its `History`
    comes last: what is added here can be watched by early stopping and a
    tuner, and is in `history.csv` and TensorBoard. `train` puts such
    callbacks before its own; in `Model.fit` put them before those that watch
    them.

    A subclass defines `metrics`.
    """

    def metrics(self) -> dict[str, float]:
        """Returns the metrics of the model as it is, by their names."""
        raise NotImplementedError

    def baselines(self) -> dict[str, dict[str, float]]:
        """Returns what such metrics are without a model, by its name.

        The metrics' names lack `val_`. Defaults to none.
        """
        return {}

    def on_epoch_end(self, epoch, logs=None):
        logs.update(self.metrics())
