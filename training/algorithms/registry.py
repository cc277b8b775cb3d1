"""The algorithms by name: ours, and those that other packages bring by the entry point group `glossator.algorithms`."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError
from glossator.training.algorithms.algorithm import Algorithm

GROUP = "glossator.algorithms"

LADDER = ("majority", "tfidf", "bag", "static", "frozen", "few-shot", "distil", "lora", "finetune")
"""Ours, by what an answer costs; of equal cost by what training costs."""


def names() -> list[str]:
    """Every algorithm that can be asked for."""
    return [*LADDER, *sorted({entry.name for entry in entry_points(group=GROUP)} - set(LADDER))]


def find(name: str) -> Algorithm:
    """The algorithm of this name; raises ConfigError where there is none or where it cannot be used."""
    if name in LADDER:
        found = import_module(f"glossator.training.algorithms.{name.replace('-', '_')}").ALGORITHM
        assert isinstance(found, Algorithm)
        return found
    for entry in entry_points(group=GROUP, name=name):
        try:
            loaded = entry.load()
        except Exception as error:  # another package's code may fail in any way
            raise ConfigError(
                f"the algorithm {name!r} cannot be loaded: {error}",
                found=entry.value,
                hint="Install the package that brings it again, or take another --algorithm.",
            ) from error
        if not isinstance(loaded, Algorithm):
            raise ConfigError(
                f"the entry point {name!r} is not an algorithm",
                found=type(loaded).__name__,
                expected="a glossator.training.algorithms.algorithm.Algorithm",
                hint="See docs/algorithms.md.",
            )
        return loaded
    raise ConfigError(
        "there is no such algorithm",
        found=name,
        expected=f"one of {', '.join(names())}",
        hint="See docs/algorithms.md; one of your own must be installed.",
    )


def check(algorithm: Algorithm, task: Task) -> None:
    """Raises ConfigError where the algorithm is not made for the task."""
    if task.task not in algorithm.tasks:
        able = [name for name in names() if task.task in find(name).tasks]
        raise ConfigError(
            f"{algorithm.name} is not made for {task.task}",
            found=algorithm.name,
            expected=f"one of {', '.join(able)}",
            hint="Choose another --algorithm.",
        )
    multi = isinstance(task, Classifier) and task.problem_type == "multi_label_classification"
    if multi and not algorithm.multi_label:
        raise ConfigError(
            f"{algorithm.name} is made for one label a text",
            found="rows with any number of labels",
            hint="Choose another --algorithm.",
        )
