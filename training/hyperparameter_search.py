"""Searches for good options of an algorithm with optuna: Bayesian, poor trials are stopped early, resumable."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from glossator.modeling.checkpoint_reader import read_task
from glossator.service.bundle.file_names import FOLDER_MARKERS
from glossator.service.errors import ConfigError
from glossator.service.files.atomic_folder import atomic_folder
from glossator.training.algorithms.algorithm import Splits
from glossator.training.algorithms.registry import find_algorithm
from glossator.training.config import TrainingConfig
from glossator.training.fit import FitResult, fit
from glossator.training.progress import EpochDone, Progress, SilentProgress, StepDone
from glossator.training.training_loop import Outcome, TrainingDiverged

_JOURNAL = "journal.log"
_DEFAULTS = "defaults"
_RESULT = "result"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search."""

    fitted: FitResult
    """The best trial, or the defaults if no trial was better."""
    trials: int
    """The number of trials that ended."""
    pruned: int
    """The number of trials that were stopped early."""
    default_value: float
    """The validation metric of the defaults."""
    options: dict[str, Any]
    """The best options; empty if no trial was better than the defaults."""


def search(
    splits: Splits,
    config: TrainingConfig,
    output: str | Path,
    *,
    trials: int,
    minutes: float | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
    run_id: str | None = None,
) -> SearchResult:
    """Train with the defaults, then with other options, and write the checkpoint that is the best on validation rows.

    Finished trials are kept in `<output>.search` until the search ends: if the process is killed, the same call
    continues.

    Args:
        splits: The rows.
        config: The algorithm, and options that are not searched.
        output: The folder of the checkpoint.
        trials: The number of trials after the defaults.
        minutes: No trial begins or continues after this time.
        overwrite: Replace a checkpoint at `output`.
        fresh: Discard an unfinished search.
        progress: Receives events; None: they are ignored.
        run_id: The id of the recorded run, for the provenance of the checkpoint.

    Raises:
        ConfigError: The algorithm has no options to search, or an option cannot be used.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    progress = progress or SilentProgress()
    algorithm = find_algorithm(config.algorithm)
    suggest = algorithm.search
    if suggest is None:
        raise ConfigError(f"{algorithm.name} has no options to search", hint="Omit --search.")
    folder = Path(f"{output}.search")
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=algorithm.name,
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(folder / _JOURNAL))),
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=config.seed, n_startup_trials=max(2, trials // 3)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=1),
        load_if_exists=True,
    )
    deadline = None if minutes is None else time.monotonic() + minutes * 60.0
    if _DEFAULTS not in study.user_attrs:
        progress.stage("training with the default options")
        fitted = fit(splits, config, folder / _DEFAULTS, overwrite=True, progress=progress, run_id=run_id)
        study.set_user_attr(_DEFAULTS, _to_dict(fitted))
    default = study.user_attrs[_DEFAULTS]

    def objective(trial: Any) -> float:
        chosen = _with(config, suggest(trial))
        progress.stage(f"trial {trial.number + 1}: {_describe(trial.params)}")
        trial_folder = folder / f"trial-{trial.number}"
        pruning = _PruningProgress(progress, trial, deadline)
        try:
            fitted = fit(splits, chosen, trial_folder, overwrite=True, fresh=True, progress=pruning, run_id=run_id)
        except TrainingDiverged:  # counts as a poor trial
            progress.stage("trial stopped: training diverged")
            raise optuna.TrialPruned from None
        trial.set_user_attr(_RESULT, _to_dict(fitted))
        return fitted.outcome.best_metric

    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    while len(study.get_trials(states=ended)) < trials and (deadline is None or time.monotonic() < deadline):
        study.optimize(objective, n_trials=1)
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    winner, result, options = folder / _DEFAULTS, default, dict[str, Any]()
    for trial in finished:
        if trial.value > result["outcome"]["best_metric"]:
            winner, result, options = folder / f"trial-{trial.number}", trial.user_attrs[_RESULT], dict(trial.params)
    pruned = len(study.get_trials(states=(TrialState.PRUNED,)))
    with atomic_folder(output, overwrite=overwrite, markers=FOLDER_MARKERS) as aside:
        shutil.copytree(winner, aside, dirs_exist_ok=True)
    fitted = FitResult(
        Path(output), read_task(output), Outcome(**result["outcome"]), result["device"], result["metric"], findings=[]
    )
    shutil.rmtree(folder, ignore_errors=True)
    return SearchResult(fitted, len(finished) + pruned, pruned, default["outcome"]["best_metric"], options)


class _PruningProgress:
    """Forwards the progress of a trial; stops the trial if others were better at this epoch, or if the time is over."""

    def __init__(self, progress: Progress, trial: Any, deadline: float | None) -> None:
        self._progress = progress
        self._trial = trial
        self._deadline = deadline

    def stage(self, name: str) -> None:
        self._progress.stage(name)

    def step(self, event: StepDone) -> None:
        import optuna

        self._progress.step(event)
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise optuna.TrialPruned

    def epoch(self, event: EpochDone) -> None:
        import optuna

        self._progress.epoch(event)
        self._trial.report(event.value, event.epoch)
        if self._trial.should_prune():
            self._progress.stage("trial stopped: others were better at this epoch")
            raise optuna.TrialPruned


def _with(config: TrainingConfig, chosen: Mapping[str, Any]) -> TrainingConfig:
    """The configuration with the values of a trial: fields of the configuration, and options of the algorithm."""
    fields = {name: value for name, value in chosen.items() if name in TrainingConfig.model_fields}
    options = {name: value for name, value in chosen.items() if name not in fields}
    return config.model_copy(update={**fields, "options": config.options | options})


def _to_dict(fitted: FitResult) -> dict[str, Any]:
    return {"outcome": asdict(fitted.outcome), "device": fitted.device, "metric": fitted.metric}


def _describe(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items()
    )
