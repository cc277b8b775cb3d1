"""What one can ask of a model on the page, by its task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from glossator.service.bundle.task import Classifier, Task, TextEmbedding
from glossator.service.errors import ConfigError
from glossator.service.inference.composed.explanation import check_explainable
from glossator.service.inference.composed.zero_shot import check_zero_shot
from glossator.service.inference.encoding import reads_pairs
from glossator.service.tasks.rating import is_rating

Mode = Literal["predict", "zero-shot", "rerank"]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the page offers for a task."""

    modes: tuple[Mode, ...]
    reads_pairs: bool
    explains: bool
    label_sets: bool
    """Whether a label set with a coverage can be asked for."""


def abilities_of(task: Task) -> Abilities:
    """What the page offers for this task."""
    zero_shot = _labels_anything(task)
    reranks = zero_shot or (task.task == "text-pair" and is_rating(task))
    modes: list[Mode] = ["predict"]
    modes += ["zero-shot"] if zero_shot else []
    modes += ["rerank"] if reranks else []
    return Abilities(
        tuple(modes),
        reads_pairs=reads_pairs(task),
        explains=_explains(task),
        label_sets=isinstance(task, Classifier) and task.calibration.nonconformity is not None,
    )


def _labels_anything(task: Task) -> bool:
    if isinstance(task, TextEmbedding):
        return True
    try:
        check_zero_shot(task, ["label"], None)
    except ConfigError:
        return False
    return True


def _explains(task: Task) -> bool:
    try:
        check_explainable(task)
    except ConfigError:
        return False
    return True
