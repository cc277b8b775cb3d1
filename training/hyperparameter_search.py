"""Searches an algorithm's options (optuna): Bayesian search, poor trials cut short, resumable."""

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
_FITTED = "fitted"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best run, how many trials ended and how many of them were cut short, what the defaults came to on the
    validation rows, and the options that won: none where the defaults did."""

    fitted: FitResult
    trials: int
    pruned: int
    default_value: float
    options: dict[str, Any]


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
    """Trains the defaults, then up to `trials` other choices, in `minutes` at most, and writes the best checkpoint to
    `output`. All are judged on the validation rows.

    What is done stands in `<output>.search`: the same call goes on where one was killed, `fresh` begins anew. Raises
    ConfigError where the algorithm has nothing to search.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    progress = progress or SilentProgress()
    algorithm = find_algorithm(config.algorithm)
    suggest = algorithm.search
    if suggest is None:
        raise ConfigError(f"{algorithm.name} has nothing to search", hint="Leave --search out.")
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
        progress.stage("the defaults")
        fitted = fit(splits, config, folder / _DEFAULTS, overwrite=True, progress=progress, run_id=run_id)
        study.set_user_attr(_DEFAULTS, _kept(fitted))
    default = study.user_attrs[_DEFAULTS]

    def objective(trial: Any) -> float:
        chosen = _with(config, suggest(trial))
        progress.stage(f"trial {trial.number + 1}: {_told(trial.params)}")
        place = folder / f"trial-{trial.number}"
        judged = _Judged(progress, trial, deadline)
        try:
            fitted = fit(splits, chosen, place, overwrite=True, fresh=True, progress=judged, run_id=run_id)
        except TrainingDiverged:  # as poor as a trial can be
            progress.stage("cut short: it diverged")
            raise optuna.TrialPruned from None
        trial.set_user_attr(_FITTED, _kept(fitted))
        return fitted.outcome.best_metric

    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    while len(study.get_trials(states=ended)) < trials and (deadline is None or time.monotonic() < deadline):
        study.optimize(objective, n_trials=1)
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    winner, kept, options = folder / _DEFAULTS, default, dict[str, Any]()
    for trial in finished:
        if trial.value > kept["outcome"]["best_metric"]:
            winner, kept, options = folder / f"trial-{trial.number}", trial.user_attrs[_FITTED], dict(trial.params)
    pruned = len(study.get_trials(states=(TrialState.PRUNED,)))
    with atomic_folder(output, overwrite=overwrite, markers=FOLDER_MARKERS) as aside:
        shutil.copytree(winner, aside, dirs_exist_ok=True)
    fitted = FitResult(
        Path(output), read_task(output), Outcome(**kept["outcome"]), kept["device"], kept["metric"], findings=[]
    )
    shutil.rmtree(folder, ignore_errors=True)
    return SearchResult(fitted, len(finished) + pruned, pruned, default["outcome"]["best_metric"], options)


class _Judged:
    """Passes a trial's progress on, and cuts it short where others did better by then, or the time is up."""

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
            self._progress.stage("cut short: others did better by now")
            raise optuna.TrialPruned


def _with(config: TrainingConfig, chosen: Mapping[str, Any]) -> TrainingConfig:
    """The configuration with what a trial chose: its own fields, and options of the algorithm."""
    own = {name: value for name, value in chosen.items() if name in TrainingConfig.model_fields}
    others = {name: value for name, value in chosen.items() if name not in own}
    return config.model_copy(update={**own, "options": config.options | others})


def _kept(fitted: FitResult) -> dict[str, Any]:
    return {"outcome": asdict(fitted.outcome), "device": fitted.device, "metric": fitted.metric}


def _told(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items()
    )
