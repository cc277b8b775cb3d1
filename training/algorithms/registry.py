"""Finds algorithms by name: those of Glossator, and those of other packages (entry points `glossator.algorithms`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from glossator.service.bundle.task import Classifier, Task
from glossator.service.errors import ConfigError
from glossator.training.algorithms.algorithm import Algorithm

GROUP = "glossator.algorithms"


def _majority() -> Algorithm:
    from glossator.training.algorithms.majority import ALGORITHM

    return ALGORITHM


def _tfidf() -> Algorithm:
    from glossator.training.algorithms.tfidf import ALGORITHM

    return ALGORITHM


def _bag() -> Algorithm:
    from glossator.training.algorithms.bag import ALGORITHM

    return ALGORITHM


def _static() -> Algorithm:
    from glossator.training.algorithms.static import ALGORITHM

    return ALGORITHM


def _frozen() -> Algorithm:
    from glossator.training.algorithms.frozen import ALGORITHM

    return ALGORITHM


def _few_shot() -> Algorithm:
    from glossator.training.algorithms.few_shot import ALGORITHM

    return ALGORITHM


def _distil() -> Algorithm:
    from glossator.training.algorithms.distil import ALGORITHM

    return ALGORITHM


def _lora() -> Algorithm:
    from glossator.training.algorithms.lora import ALGORITHM

    return ALGORITHM


def _finetune() -> Algorithm:
    from glossator.training.algorithms.finetune import ALGORITHM

    return ALGORITHM


_LOADERS: dict[str, Callable[[], Algorithm]] = {
    "majority": _majority,
    "tfidf": _tfidf,
    "bag": _bag,
    "static": _static,
    "frozen": _frozen,
    "few-shot": _few_shot,
    "distil": _distil,
    "lora": _lora,
    "finetune": _finetune,
}
"""An algorithm is imported when it is used."""

LADDER = tuple(_LOADERS)
"""The algorithms of Glossator by the cost of an answer; at equal cost by the cost of training."""


def algorithm_names() -> list[str]:
    """The names of all algorithms that are installed."""
    return [*LADDER, *sorted({entry.name for entry in entry_points(group=GROUP)} - set(LADDER))]


def find_algorithm(name: str) -> Algorithm:
    """The algorithm with this name. Raises ConfigError if there is none, or if it cannot be loaded."""
    if name in _LOADERS:
        return _LOADERS[name]()
    for entry in entry_points(group=GROUP, name=name):
        try:
            loaded = entry.load()
        except Exception as error:  # another package's code can raise any error
            raise ConfigError(
                f"the algorithm '{name}' cannot be loaded: {error}",
                found=entry.value,
                hint="Install its package again, or choose another --algorithm.",
            ) from error
        if not isinstance(loaded, Algorithm):
            raise ConfigError(
                f"the entry point '{name}' is not an algorithm",
                found=type(loaded).__name__,
                expected="an instance of glossator.training.plugin.Algorithm",
                hint="See docs/algorithms.md.",
            )
        return loaded
    raise ConfigError(
        "there is no such algorithm",
        found=name,
        expected=f"one of {', '.join(algorithm_names())}",
        hint="Check the spelling. The package of an algorithm of your own must be installed: see docs/algorithms.md.",
    )


def check_task(algorithm: Algorithm, task: Task) -> None:
    """Raise ConfigError if the algorithm cannot train models for the task."""
    if task.task not in algorithm.tasks:
        able = [name for name in algorithm_names() if task.task in find_algorithm(name).tasks]
        raise ConfigError(
            f"{algorithm.name} cannot be used for {task.task}",
            found=algorithm.name,
            expected=f"one of {', '.join(able)}",
            hint="Choose another --algorithm.",
        )
    multi_label = isinstance(task, Classifier) and task.problem_type == "multi_label_classification"
    if multi_label and not algorithm.multi_label:
        raise ConfigError(
            f"{algorithm.name} needs exactly one label per text",
            found="rows with any number of labels",
            hint="Choose another --algorithm.",
        )
