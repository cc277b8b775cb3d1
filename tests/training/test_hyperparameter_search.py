"""The search for options: it continues after a kill, stops poor trials early and respects its time limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from glossator.modeling.checkpoint_reader import load_checkpoint, read_task
from glossator.service.errors import ConfigError
from glossator.training.algorithms import registry
from glossator.training.algorithms.algorithm import Splits
from glossator.training.config import TrainingConfig
from glossator.training.hyperparameter_search import search
from glossator.training.progress import EpochDone, SilentProgress

Bases = Callable[[str], Path]


class Stages(SilentProgress):
    def __init__(self, stop_at: str = "") -> None:
        self.names: list[str] = []
        self._stop_at = stop_at

    def stage(self, name: str) -> None:
        self.names.append(name)
        if self._stop_at and name.startswith(self._stop_at):
            raise KeyboardInterrupt

    def epoch(self, event: EpochDone) -> None: ...


@pytest.fixture
def few(topic_splits: Callable[[str], Splits]) -> Splits:
    whole = topic_splits("single_label_classification")
    return Splits(whole.train.subset(range(0, len(whole.train), 2)), whole.validation, whole.test)


@pytest.fixture
def config(tiny_base: Bases) -> TrainingConfig:
    return TrainingConfig(
        algorithm="bag",
        base=str(tiny_base("bert")),
        epochs=3,
        max_length=32,
        device="cpu",
        precision="fp32",
        threads=1,
        options={"dimension": 8, "buckets": 0},
    )


def test_a_killed_search_continues_without_repeating_trials(
    few: Splits, config: TrainingConfig, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(few, config, tmp_path / "out", trials=3, progress=Stages("trial 2"))
    assert (tmp_path / "out.search").is_dir()
    stages = Stages()
    found = search(few, config, tmp_path / "out", trials=3, progress=stages)
    assert "training with the default options" not in stages.names
    assert sum(name.startswith("trial ") for name in stages.names) == 2
    assert found.trials == 3
    assert found.fitted.outcome.best_metric >= found.default_value
    assert not (tmp_path / "out.search").exists()
    assert load_checkpoint(tmp_path / "out").predict(few.test.texts)


def suggest_from(choices: Iterator[dict[str, Any]]) -> Callable[[Any], Mapping[str, Any]]:
    """A search function that returns these choices in turn, and gives the trial a parameter."""

    def suggest(trial: Any) -> Mapping[str, Any]:
        chosen = next(choices)
        trial.suggest_int("place", 0, 99)
        return chosen

    return suggest


def with_choices(patch: pytest.MonkeyPatch, *choices: dict[str, Any]) -> None:
    algorithm = replace(registry.find_algorithm("bag"), search=suggest_from(iter(choices)))
    patch.setattr("glossator.training.hyperparameter_search.find_algorithm", lambda _: algorithm)


def test_better_options_are_chosen_and_written(
    few: Splits, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learning rate that is far too small, and a good one; the defaults here have the former."""
    hopeless = config.model_copy(update={"learning_rate": 1e-7})
    with_choices(monkeypatch, {"learning_rate": 1e-7}, {"learning_rate": 3e-2, "dimension": 16})
    found = search(few, hopeless, tmp_path / "out", trials=2)
    assert found.fitted.outcome.best_metric > found.default_value
    provenance = read_task(tmp_path / "out").provenance
    assert (provenance.config["learning_rate"], provenance.config["dimension"]) == (3e-2, 16)


def test_the_defaults_are_chosen_if_nothing_is_better(
    few: Splits, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = config.model_copy(update={"learning_rate": 3e-2})
    with_choices(monkeypatch, {"learning_rate": 1e-7})
    found = search(few, good, tmp_path / "out", trials=1)
    assert found.options == {}
    assert found.fitted.outcome.best_metric == found.default_value
    assert read_task(tmp_path / "out").provenance.config["learning_rate"] == 3e-2


def test_a_trial_that_diverges_does_not_end_the_search(
    few: Splits, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hopeless = config.model_copy(update={"learning_rate": 1e-7})
    with_choices(monkeypatch, {"learning_rate": 1e30}, {"learning_rate": 3e-2})
    found = search(few, hopeless, tmp_path / "out", trials=2)
    assert (found.trials, found.pruned) == (2, 1)
    assert found.fitted.outcome.best_metric > found.default_value


def test_a_search_without_time_ends_with_the_defaults(few: Splits, config: TrainingConfig, tmp_path: Path) -> None:
    found = search(few, config, tmp_path / "out", trials=50, minutes=0.0)
    assert (found.trials, found.options) == (0, {})
    assert load_checkpoint(tmp_path / "out")


def test_an_algorithm_without_options_to_search_is_rejected(
    few: Splits, config: TrainingConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no options to search"):
        search(few, config.model_copy(update={"algorithm": "majority"}), tmp_path / "out", trials=2)
