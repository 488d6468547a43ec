"""Keras Tuner's oracles, made to go on exactly after `kill -9`.

Keras Tuner 1.4.8 writes its files in place, a trial's before its own, and
holds a trial for begun until the next one begins: a kill between two writes
runs a finished trial again, or never runs a begun one.
"""

import contextlib
import json
import os
import warnings
from collections.abc import Callable
from collections.abc import Mapping

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file

_TRIAL_FILE = "trial.json"
_ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)
# Draws after which ranges are held to allow hardly any configuration.
_DRAWS = 1000


def make_oracle(
    search: str,
    is_valid: Callable[[Mapping[str, object]], bool],
    objective: keras_tuner.Objective,
    hyperparameters: keras_tuner.HyperParameters,
    seed: int,
    max_trials: int,
    max_epochs: int,
) -> keras_tuner.Oracle:
    """Returns the oracle of a search; none stops because trials fail.

    Args:
        search: `"random"`, `"hyperband"` or `"bayesian"`.
        is_valid: Whether a configuration can be made of a proposal. Others
            are never proposed.
        objective: What to make best.
        hyperparameters: The space.
        seed: The proposals follow from it.
        max_trials: Not for Hyperband, which plans their number itself.
        max_epochs: For Hyperband alone: of a trial that is never stopped.
    """
    settings = {
        "objective": objective,
        "hyperparameters": hyperparameters,
        # Keras Tuner takes 0 for a seed that was not given.
        "seed": seed + 1,
        "max_consecutive_failed_trials": None,
    }
    if search == "hyperband":
        oracle = HyperbandOracle(max_epochs=max_epochs, **settings)
    elif search == "bayesian":
        # Of its own it would draw 3 trials a hyperparameter at random first.
        initial = max(3, max_trials // 3)
        oracle = BayesianOracle(
            max_trials=max_trials, num_initial_points=initial, **settings
        )
    else:
        oracle = RandomOracle(max_trials=max_trials, **settings)
    oracle.is_valid = is_valid
    oracle.verbose = 0
    return oracle


class ExactOracle(keras_tuner.Oracle):
    """Writes whole files, reloads what they mean, proposes valid values.

    Attributes:
        is_valid: Whether a configuration can be made of a proposal.
    """

    is_valid: Callable[[Mapping[str, object]], bool]

    def save(self):
        write_file(self._get_oracle_fname(), json.dumps(self.get_state()))

    def reload(self):
        super().reload()
        for trial_id in {*self.trials} - {*self.start_order}:
            # Proposed, but the proposal was not written: it is made again.
            self._forget(trial_id)
        self.trials = {name: self.trials[name] for name in self.start_order}
        self._retry_queue = []
        for trial_id, trial in reversed(self.trials.items()):
            if trial.status not in _ENDED:
                # As new, without what it may have reported at its end.
                self.trials[trial_id] = Trial(trial.hyperparameters, trial_id)
                self._retry_queue.append(trial_id)
        for trial_id, trial in self.trials.items():
            if trial.status in _ENDED and trial_id not in self.end_order:
                self.end_order.append(trial_id)

    def _forget(self, trial_id):
        folder = self._get_trial_dir(trial_id)
        os.unlink(os.path.join(folder, _TRIAL_FILE))
        with contextlib.suppress(OSError):  # files of others stay
            os.rmdir(folder)

    def _save_trial(self, trial):
        folder = self._get_trial_dir(trial.trial_id)
        path = os.path.join(folder, _TRIAL_FILE)
        with replaced_file(path) as new:
            trial.save(os.fspath(new))

    def _random_values(self):
        for _ in range(_DRAWS):
            values = super()._random_values()
            if values is None or self.is_valid(values):
                return values
        return None


class RandomOracle(ExactOracle, keras_tuner.oracles.RandomSearchOracle):
    """Random search."""


class HyperbandOracle(ExactOracle, keras_tuner.oracles.HyperbandOracle):
    """Hyperband: many short trials, of which the best go on."""


class BayesianOracle(
    ExactOracle, keras_tuner.oracles.BayesianOptimizationOracle
):
    """Bayesian search by a Gaussian process.

    What it proposes follows from the seed and the trials alone, so that a
    search that was killed goes on as if it had not been.
    """

    def populate_space(self, trial_id):
        state = [self.seed, len(self.trials)]
        self._random_state = np.random.RandomState(state)
        with warnings.catch_warnings():
            # A fit that has not converged still proposes something.
            warnings.simplefilter("ignore")
            response = super().populate_space(trial_id)
        values = response["values"]
        if values is None or self.is_valid(values):
            return response
        return self._random_populate_space()
