"""Keras Tuner's oracles, which resume exactly after `kill -9`.

Keras Tuner 1.4.8 overwrites its files in place, a trial's before its own, and
updates the state of a trial only when the next one begins: after a kill in
between, a finished trial runs again or a started one never runs.
"""

import contextlib
import json
import os
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.engine.trial import TrialStatus

from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_file

_TRIAL_FILE = "trial.json"
_ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)
# Draws after which a search gives up to find a valid configuration.
_DRAWS = 1000


def make_oracle(
    search: str,
    is_valid: Callable[[Mapping[str, Any]], bool],
    objective: keras_tuner.Objective,
    hyperparameters: keras_tuner.HyperParameters,
    seed: int,
    max_trials: int,
    max_epochs: int,
) -> keras_tuner.Oracle:
    """Returns the oracle of a search, which failed trials do not stop.

    Args:
        search: `"random"`, `"hyperband"` or `"bayesian"`.
        is_valid: Whether a proposal is a valid configuration; invalid ones
            are not proposed.
        objective: The objective.
        hyperparameters: The search space.
        seed: int. Seed of the proposals.
        max_trials: int. Not used by Hyperband, which computes it.
        max_epochs: int. Epochs of Hyperband's longest trials.
    """
    settings = {
        "objective": objective,
        "hyperparameters": hyperparameters,
        # Keras Tuner treats a seed of 0 as missing.
        "seed": seed + 1,
        "max_consecutive_failed_trials": None,
    }
    if search == "hyperband":
        oracle = HyperbandOracle(max_epochs=max_epochs, **settings)
    elif search == "bayesian":
        # By default there are 3 random trials for each hyperparameter.
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
    """Base of oracles with atomic files, exact resume and valid proposals.

    Attributes:
        is_valid: Whether a proposal is a valid configuration.
    """

    is_valid: Callable[[Mapping[str, Any]], bool]

    def save(self):
        write_file(self._get_oracle_fname(), json.dumps(self.get_state()))

    def reload(self):
        super().reload()
        for trial_id in {*self.trials} - {*self.start_order}:
            # The oracle's state does not have it yet: it is proposed again.
            self._forget(trial_id)
        self.trials = {name: self.trials[name] for name in self.start_order}
        self._retry_queue = []
        for trial_id, trial in reversed(self.trials.items()):
            if trial.status not in _ENDED:
                # A new trial, without metrics of the old one.
                self.trials[trial_id] = Trial(trial.hyperparameters, trial_id)
                self._retry_queue.append(trial_id)
        for trial_id, trial in self.trials.items():
            if trial.status in _ENDED and trial_id not in self.end_order:
                self.end_order.append(trial_id)

    def _forget(self, trial_id):
        folder = self._get_trial_dir(trial_id)
        os.unlink(os.path.join(folder, _TRIAL_FILE))
        with contextlib.suppress(OSError):  # other files stay
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
    """Hyperband: many short trials, of which the best continue."""


class BayesianOracle(
    ExactOracle, keras_tuner.oracles.BayesianOptimizationOracle
):
    """Bayesian search by a Gaussian process.

    Proposals depend on the seed and the trials alone, so a killed search
    resumes exactly.
    """

    def populate_space(self, trial_id):
        state = [self.seed, len(self.trials)]
        self._random_state = np.random.RandomState(state)
        with warnings.catch_warnings():
            # Ignore that a fit did not converge: its proposal is usable.
            warnings.simplefilter("ignore")
            response = super().populate_space(trial_id)
        values = response["values"]
        if values is None or self.is_valid(values):
            return response
        return self._random_populate_space()
