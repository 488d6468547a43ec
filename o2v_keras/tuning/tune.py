"""Searches for hyperparameters with Keras Tuner."""

import functools
import os
import pathlib
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras

from o2v_keras.data.load_dataset import Source
from o2v_keras.data.pair_columns import PairColumns
from o2v_keras.data.read_source import DEFAULT_COLUMNS
from o2v_keras.models.pretrained_tables import vector_sources
from o2v_keras.storage.replace import disk_full_named
from o2v_keras.storage.replace import replaced_file
from o2v_keras.storage.replace import write_json
from o2v_keras.training.distribute.cluster import Worker
from o2v_keras.training.model_directory import ModelDirectory
from o2v_keras.training.options import default_monitor
from o2v_keras.tuning.channels import TuningData
from o2v_keras.tuning.cluster import SearchProcess
from o2v_keras.tuning.objective import objective_metrics
from o2v_keras.tuning.objective import parse_objective
from o2v_keras.tuning.oracles import make_oracle
from o2v_keras.tuning.ranges import DEFAULT_RANGES
from o2v_keras.tuning.ranges import ValueChoice
from o2v_keras.tuning.ranges import ValueRange
from o2v_keras.tuning.search_space import SearchSpace
from o2v_keras.tuning.summary import best_baseline
from o2v_keras.tuning.summary import best_first
from o2v_keras.tuning.summary import trials_table
from o2v_keras.tuning.summary import write_trials
from o2v_keras.tuning.trial_tuner import TrialTuner
from o2v_keras.tuning.trials import TrialRecord
from o2v_keras.tuning.trials import best_model_folder
from o2v_keras.tuning.trials import read_baselines
from o2v_keras.tuning.trials import read_trials
from o2v_keras.tuning.trials import require_same
from o2v_keras.tuning.trials import search_folder
from o2v_keras.tuning.trials_figure import draw_trials

SEARCHES = ("random", "hyperband", "bayesian")
_MAX_TRIALS = 20


class TuningResult(NamedTuple):
    """The result of `tune`.

    Args:
        best: The best trial; its `folder` is a model directory.
        trials: All trials, in the order of their start.
        directory: The search's folder.
    """

    best: TrialRecord
    trials: list[TrialRecord]
    directory: pathlib.Path


def _alone(function):
    """Lets only one chief at a time search in a folder."""

    @functools.wraps(function)
    def run(*arguments: Any, directory, **options: Any):
        call = functools.partial(function, *arguments, **options)
        process = SearchProcess.from_environment()
        process.require_free_address()
        if not process.is_chief:
            return call(directory=directory)
        output = search_folder(directory)
        with output.claimed("searches in"), disk_full_named(directory):
            return call(directory=directory)

    return run


@_alone
def tune(
    hyperparameters: Mapping[str, Any] | str | os.PathLike[str],
    train: Source,
    validation: Source,
    *,
    directory: str | os.PathLike[str],
    ranges: Mapping[str, ValueRange | ValueChoice] | None = None,
    default_ranges: bool = True,
    objective: str | None = None,
    direction: str | None = None,
    search: str = "random",
    max_trials: int | None = None,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    best_model_dir: str | os.PathLike[str] | None = None,
    columns: PairColumns = DEFAULT_COLUMNS,
    auxiliary: str | os.PathLike[str] | None = None,
    ranking: Mapping[str, Any] | None = None,
    callbacks: Callable[[], Sequence[keras.callbacks.Callback]] | None = None,
    verbose: int = 1,
) -> TuningResult | None:
    """Searches for hyperparameters; the best trial is a finished model.

    A trial is a training like `train`'s on one device, with SageMaker's early
    stopping by the objective. Its value is the objective of the best epoch.
    Data are read, checked and tokenized once. The reason of a failed trial
    (too little memory, a loss of NaN) is recorded, and the search continues.
    Only the best trial keeps its model.

    The folder gets `trials.csv`, `trials.png`, and for each trial
    `trial_N/model/` with `config.json`, `history.csv`, `metrics.json` and
    TensorBoard's `logs/`; TensorBoard's table HPARAMS shows the trials too. A
    search killed at any moment goes on with `resume=True`: trials that have
    ended are not run again, the interrupted one goes on from its last epoch,
    and the proposals are those that would have come.

    If Keras Tuner's variables `KERASTUNER_TUNER_ID`, `..._ORACLE_IP` and
    `..._ORACLE_PORT` are set, this process is the chief or a worker of a
    shared search. All must call `tune` with the same arguments, in any order,
    with the folder on a shared file system. The chief proposes trials, reads
    no data, and writes table, figure and model at the end.

    Args:
        hyperparameters: The fixed hyperparameters by SageMaker's names: a
            mapping or the path of a JSON file.
        train: Training data: files, a mapping of columns or a `PairTable`.
        validation: Data that choose epoch and trial; must not be test data.
        directory: The search's folder.
        ranges: Name -> `ValueRange` or `ValueChoice`. Defaults to none.
        default_ranges: bool. Whether to add SageMaker's recommended ranges
            for the other hyperparameters. Defaults to `True`.
        objective: A metric of an epoch, such as `"val_accuracy"`,
            `"val_ndcg@10"` or `"val_spearman"`, or SageMaker's
            `"validation:accuracy"`, `"validation:cross_entropy"` or
            `"validation:mean_squared_error"`. Defaults to `None`: what early
            stopping monitors, `"val_loss"` or for `cosent` `"val_spearman"`.
        direction: `"min"` or `"max"`, for a metric of `callbacks`. Defaults
            to `None`: the one of a known metric.
        search: `"random"`, `"hyperband"` (many short trials, of which the
            best continue, up to the fixed `epochs` or the end of their
            default range) or `"bayesian"`. Defaults to `"random"`.
        max_trials: int. Defaults to `None`: 20. Hyperband computes it. A
            resumed search may have more.
        seed: int. Seed of the proposals. Defaults to `0`.
        resume: bool. Whether to continue the search in `directory`, if there
            is one. Defaults to `False`.
        overwrite: bool. Whether to replace a search in `directory`. Defaults
            to `False`.
        best_model_dir: Folder for a copy of the best trial's model directory;
            with `resume` or `overwrite` it replaces a model there. Must not be
            in or above `directory`, or hold other files. Defaults to `None`.
        columns: `PairColumns` of the data. Defaults to `in0`, `in1` and
            `label`.
        auxiliary: Folder of relative paths of vocabularies and vectors.
            Defaults to `None`: the working directory.
        ranking: Other arguments of `RankingMetrics`, such as `query` and
            `corpus`, for a ranking metric. Defaults to none.
        callbacks: Function that returns new Keras callbacks for a trial.
            Defaults to none.
        verbose: 0 or 1. Defaults to `1`.

    Returns:
        `TuningResult(best, trials, directory)`; `None` on a worker.

    Raises:
        ValueError: If arguments, hyperparameters or data are unusable, a
            folder holds files of others, or no trial was completed.
        InUseError: If another process searches in `directory`.
        DamagedFileError: If a file of the search is damaged.
        DiskFullError: If the disk of `directory` is full.
        ConnectionError: If a worker's chief does not listen for ten minutes.
        FileExistsError: If `directory` holds a search, or `best_model_dir` a
            model, and neither `resume` nor `overwrite` is set.
    """
    _check(search, max_trials, seed, resume, overwrite)
    is_hyperband = search == "hyperband"
    space = SearchSpace(
        hyperparameters, ranges, default_ranges, search_epochs=not is_hyperband
    )
    if objective is None:
        objective = default_monitor(space.fixed.get("output_layer"))
    goal = parse_objective(objective, direction)
    sources = {"train": train, "validation": validation}
    pair_metrics = objective_metrics(goal.name, sources, columns, ranking)
    if pair_metrics and space.fixed.get("output_layer") == "embedding":
        raise ValueError(
            "`objective` must be one of the head, such as val_loss, with "
            'output_layer="embedding", which scores no pairs. Received: '
            f"objective={objective!r}"
        )
    if is_hyperband:
        _refuse_falling_rates(space)
    process = SearchProcess.from_environment()
    folder = pathlib.Path(directory).absolute()
    identity = {
        "search": search,
        "objective": f"{goal.name} {goal.direction}",
        "seed": seed,
        **space.description,
    }
    say = print if verbose else lambda *_: None
    best = None
    if best_model_dir is not None:
        best = best_model_folder(best_model_dir)
    if process.is_chief:
        _refuse_used(folder, best, resume, overwrite)
        _begin(folder, identity, overwrite)

    data = None
    process.wait_for_chief(say)
    if process.trains:
        data = TuningData(train, validation, columns, auxiliary, verbose)
        config = space.configure(space.hyperparameters().values)
        # Errors in data or vectors would fail every trial.
        vector_sources(config, auxiliary)
        data.load(config)
    own = callbacks or (lambda: ())
    tuner = TrialTuner(
        make_oracle(
            search,
            space.is_valid,
            goal,
            space.hyperparameters(),
            seed,
            max_trials or _MAX_TRIALS,
            _most_epochs(space),
        ),
        space,
        data,
        folder,
        lambda channels: [
            *objective_metrics(goal.name, channels.tables, columns, ranking),
            *own(),
        ],
        identity,
        auxiliary,
        keeps_models=is_hyperband,
        say=say,
        require_chief=lambda: process.wait_for_chief(say),
    )
    tuner.search()
    if not process.is_chief:
        return None
    return _finish(tuner, folder, goal, space, best, verbose)


def _finish(tuner, folder, goal, space, output, verbose):
    trials = read_trials(folder, list(space.ranges))
    write_trials(folder / "trials.csv", trials, goal.name)
    baseline = best_baseline(read_baselines(folder), goal.direction)
    table = trials_table(trials, goal.name, goal.direction, baseline)
    ranked = best_first(trials, goal.direction)
    if not ranked:
        raise ValueError(f"No trial was completed. {table}")
    log_scaled = [
        name
        for name, values in space.ranges.items()
        if isinstance(values, ValueRange) and values.sampling == "log"
    ]
    figure = draw_trials(
        trials, goal.name, goal.direction, log_scaled, baseline
    )
    with replaced_file(folder / "trials.png") as new:
        figure.savefig(new, dpi=110, format="png")
    tuner.drop_models()
    best = ranked[0]
    if verbose:
        print(table)
        print(f"all trials: {folder / 'trials.csv'}, {folder / 'trials.png'}")
        print(f"best trial: {best.name}, model directory: {best.folder}")
    if output is not None:
        with output.replaced() as new:
            shutil.copytree(best.folder, new, dirs_exist_ok=True)
        if verbose:
            print(f"copied to: {output.path}")
    return TuningResult(best, trials, folder)


def _check(search, max_trials, seed, resume, overwrite):
    if search not in SEARCHES:
        raise ValueError(
            f"`search` must be one of {', '.join(SEARCHES)}. "
            f"Received: search={search!r}"
        )
    if max_trials is not None and search == "hyperband":
        raise ValueError(
            "`max_trials` must be left out for Hyperband, which computes the "
            f"number of trials. Received: max_trials={max_trials}"
        )
    for name, value, least in (
        ("max_trials", max_trials, 1),
        ("seed", seed, 0),
    ):
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (is_integer and value >= least):
            raise ValueError(
                f"`{name}` must be an integer of at least {least}. "
                f"Received: {name}={value!r}"
            )
    if resume and overwrite:
        raise ValueError(
            "`resume` and `overwrite` must not be given both: one continues "
            "a search, the other replaces it."
        )
    if Worker.from_environment().count > 1:
        raise ValueError(
            "`TF_CONFIG` must not name several workers: one process trains "
            "a trial. To share a search, set KERASTUNER_TUNER_ID, "
            "KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT."
        )


def _refuse_falling_rates(space):
    """Raises `ValueError` if a rate depends on a trial's number of epochs."""
    name = "learning_rate_schedule"
    searched = space.ranges.get(name)
    values = searched.values if searched else [space.fixed.get(name)]
    if "cosine" in values:
        raise ValueError(
            f'`{name}` must be "constant" for Hyperband, which resumes trials '
            "for more epochs, while a cosine falls to 0 at their end. Use "
            f'another search. Received: {name}="cosine"'
        )


def _refuse_used(folder, best, resume, overwrite):
    if best is not None:
        _refuse_nested(folder, best.path)
        best.check_replaceable()
    if resume or overwrite:
        return
    if (folder / "oracle.json").exists():
        raise FileExistsError(
            f"{folder} already holds a search. Continue it (`--resume`, "
            "`resume=True`), replace it (`--overwrite`, `overwrite=True`) or "
            "name another `directory`."
        )
    if best is not None and ModelDirectory(best.path).is_used:
        raise FileExistsError(
            f"{best.path} already holds a training. Replace "
            "it (`--overwrite`, `overwrite=True`) or name another "
            "`best_model_dir`."
        )


def _refuse_nested(folder, best):
    """Raises `ValueError` if replacing one folder would remove the other."""
    folder, best = folder.resolve(), best.resolve()
    if folder.is_relative_to(best) or best.is_relative_to(folder):
        raise ValueError(
            "`best_model_dir` must be neither `directory`, nor in it, nor "
            f"above it. Received: best_model_dir={os.fspath(best)!r}, "
            f"directory={os.fspath(folder)!r}"
        )


def _begin(folder, identity, overwrite):
    if overwrite:
        search_folder(folder).clear()
    if (folder / "oracle.json").exists():
        require_same(folder, identity)
    else:
        write_json(folder / "search.json", identity)


def _most_epochs(space):
    if "epochs" in space.fixed:
        return int(space.fixed["epochs"])
    return DEFAULT_RANGES["epochs"].high
