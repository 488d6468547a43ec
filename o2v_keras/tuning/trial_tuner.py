"""Runs the trials of a search as trainings in model directories."""

import contextlib
import gc
import os
import pathlib
import shutil
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from o2v_keras.data.data_error import DataError
from o2v_keras.storage.replace import replaced_folder
from o2v_keras.storage.replace import write_file
from o2v_keras.storage.replace import write_json
from o2v_keras.training.callbacks.metrics import EpochMetrics
from o2v_keras.training.channels import LoadedChannels
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.distribute.strategy import make_strategy
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.options import TrainingOptions
from o2v_keras.training.progress import TrainingProgress
from o2v_keras.training.train_model import train_model
from o2v_keras.tuning.channels import TuningData
from o2v_keras.tuning.channels import fingerprints
from o2v_keras.tuning.search_space import SearchSpace
from o2v_keras.tuning.summary import write_hparams
from o2v_keras.tuning.trials import BASELINES_FILE
from o2v_keras.tuning.trials import FAILURE_FILE
from o2v_keras.tuning.trials import plain_value
from o2v_keras.tuning.trials import require_same
from o2v_keras.tuning.trials import require_same_data

# Keras Tuner asks again without a pause if there is no trial yet.
_SECONDS_IDLE = 1.0
_ALL = 1 << 30


class TrialTuner(BaseTuner):
    """A Keras Tuner tuner whose trials are trainings of `train_model`.

    An interrupted trial resumes from its checkpoint. Hyperband's longer
    trials resume from the shorter one's checkpoint, optimizer included. An
    error in a trial is written to the trial's folder and does not end the
    search, except unusable data and an objective that no epoch reports.

    Args:
        oracle: From `make_oracle`.
        space: Translates proposals to configurations.
        data: `TuningData`, or `None` for a chief, which trains nothing.
        directory: The search's folder.
        callbacks: Function from a trial's `LoadedChannels` to its callbacks.
        identity: JSON dict that must equal the chief's.
        auxiliary: Folder of vocabularies and vectors, or `None`.
        keeps_models: bool. Whether trials keep their models until the search
            ends.
        say: Prints a line.
        require_chief: Waits until the chief of a shared search listens.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        space: SearchSpace,
        data: TuningData | None,
        directory: pathlib.Path,
        callbacks: Callable[
            [LoadedChannels], Sequence[keras.callbacks.Callback]
        ],
        identity: dict[str, Any],
        auxiliary: str | os.PathLike[str] | None,
        keeps_models: bool,
        say: Callable[[str], None],
        require_chief: Callable[[], None],
    ):
        self._space = space
        self._data = data
        self._callbacks = callbacks
        self._identity = identity
        self._auxiliary = auxiliary
        self._keeps_models = keeps_models
        self._say = say
        self._require_chief = require_chief
        self._asked = False
        # It prints the path of a state that it reloads.
        with contextlib.redirect_stdout(None):
            super().__init__(
                oracle,
                directory=str(directory.parent),
                project_name=directory.name,
            )

    def save(self):
        if not self._is_worker():
            self.oracle.save()

    def reload(self):
        if not self._is_worker():
            self.oracle.reload()

    def _get_tuner_fname(self):
        # A tuner has no state but its oracle's.
        return self.oracle._get_oracle_fname()

    def pre_create_trial(self):
        if self._asked:
            time.sleep(_SECONDS_IDLE)
        self._asked = True
        # Without a chief, Keras Tuner would wait silently for an hour.
        self._require_chief()

    def on_trial_begin(self, trial: Trial):
        self._asked = False
        require_same(pathlib.Path(self.project_dir), self._identity)
        words = [
            f"{name}={value:.4g}"
            if isinstance(value, float)
            else f"{name}={value}"
            for name, value in self._values(trial).items()
        ]
        self._say(f"trial {trial.trial_id}: {' '.join(words)}")

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Trains; returns the best epoch's metrics."""
        keras.utils.clear_session()
        gc.collect()
        metrics = self._train(trial, self._directory(trial.trial_id))
        self._require_chief()
        return metrics

    def _try_run_and_update_trial(self, trial):
        failure = self._failure(trial.trial_id)
        failure.unlink(missing_ok=True)
        try:
            self._run_and_update_trial(trial)
            trial.status = TrialStatus.COMPLETED
        except (keras_tuner.errors.FatalError, ConnectionError):
            raise
        except DataError as error:
            raise keras_tuner.errors.FatalValueError(str(error)) from error
        except Exception as error:
            trial.status = TrialStatus.FAILED
            trial.message = f"{type(error).__name__}: {error}"
            # A worker's message does not reach the chief.
            write_file(failure, trial.message)

    def on_trial_end(self, trial: Trial):
        super().on_trial_end(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        if ended.status == TrialStatus.COMPLETED:
            name = self.oracle.objective.name
            outcome = f"{name} {ended.score:.6g}"
        else:
            outcome = f"failed: {trial.message}"
        self._say(f"trial {trial.trial_id}: {outcome}")
        write_hparams(
            self.get_trial_dir(trial.trial_id),
            trial.trial_id,
            self._values(trial),
            completed=ended.status == TrialStatus.COMPLETED,
        )
        if not self._keeps_models:
            self.drop_models()

    def drop_models(self):
        """Removes the models of all finished trials but the best one."""
        # Read once: a trial that is not the best of these can never become
        # the best, whichever trials finish meanwhile.
        for trial in self.oracle.get_best_trials(_ALL)[1:]:
            if trial.status in (TrialStatus.COMPLETED, TrialStatus.FAILED):
                self._directory(trial.trial_id).drop_model()

    def _values(self, trial):
        """Searched hyperparameter -> value in force, where it has an effect."""
        proposed = trial.hyperparameters.values
        values = self._space.resolved(self._space.configure(proposed))
        return {n: plain_value(v) for n, v in values.items() if n in proposed}

    def _directory(self, trial_id):
        return ModelDirectory(
            pathlib.Path(self.get_trial_dir(trial_id), "model")
        )

    def _failure(self, trial_id):
        return pathlib.Path(self.get_trial_dir(trial_id), FAILURE_FILE)

    def _train(self, trial, directory):
        values = trial.hyperparameters.values
        chosen = self._space.configure(values)
        config, channels = self._data.load(chosen)
        require_same_data(
            pathlib.Path(self.project_dir), fingerprints(channels)
        )
        if "tuner/trial_id" in values:
            _resume_from(self._directory(values["tuner/trial_id"]), directory)
        objective = self.oracle.objective
        callbacks = self._callbacks(channels)
        options = TrainingOptions(
            resume=directory.has_checkpoint,
            auxiliary=self._auxiliary,
            callbacks=[
                *callbacks,
                _RequireMetric(objective.name),
                TrainingProgress(
                    config.mini_batch_size,
                    f"trial {trial.trial_id}, ",
                    self._say,
                    epoch_lines=False,
                ),
            ],
            monitor=objective.name,
            monitor_mode=objective.direction,
            verbose=0,
        )
        strategy = make_strategy(1, config.mini_batch_size)
        result = train_model(
            config, channels, directory, strategy, Worker(), options
        )
        directory.write_hyperparameters(chosen.changed)
        self._keep_baselines(result.report)
        best = result.history.epoch.index(result.report["best_epoch"])
        return {
            name: values[best]
            for name, values in result.history.history.items()
        }

    def _keep_baselines(self, report):
        """Writes the baselines of the objective, once per search."""
        path = pathlib.Path(self.project_dir, BASELINES_FILE)
        name = self.oracle.objective.name
        if path.exists() or not name.startswith("val_"):
            return
        found = report["baselines"]["validation"]
        metric = name.removeprefix("val_")
        values = {n: m[metric] for n, m in found.items() if metric in m}
        write_json(path, values)


class _RequireMetric(EpochMetrics):
    """Ends the search if no epoch reports the objective."""

    def __init__(self, name):
        super().__init__()
        self._name = name

    def on_epoch_end(self, epoch, logs=None):
        if self._name not in (logs or {}):
            raise keras_tuner.errors.FatalValueError(
                f"`objective` must be one of {', '.join(logs or {})}. "
                f"Received: objective={self._name!r}"
            )


def _resume_from(parent, directory):
    """Copies the training that a longer trial resumes."""
    if directory.has_checkpoint:
        return
    with replaced_folder(directory.path) as new:
        shutil.copytree(
            parent.path,
            new,
            ignore=shutil.ignore_patterns("model.keras", "metrics.json"),
            dirs_exist_ok=True,
        )
