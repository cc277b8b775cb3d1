"""The models that a file can be labelled with, and the options that each of them takes."""

from __future__ import annotations

from dataclasses import dataclass

from glossator.service.api.models.model_catalog import ModelCatalog
from glossator.service.bundle.task import Classifier, Task
from glossator.service.inference.encoding import reads_pairs
from glossator.service.registry import SHORTEST_VERSION


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One model of the list."""

    name: str
    version: str
    task: str
    reads_pairs: bool
    score_option: str
    """The option that sets the lowest score: `threshold`, `min_confidence`, or none."""


def list_models(catalog: ModelCatalog) -> list[ModelChoice]:
    """Return the models of a server."""
    return [
        ModelChoice(
            name=each.name,
            version=each.digest[:SHORTEST_VERSION],
            task=each.manifest.task.task,
            reads_pairs=reads_pairs(each.manifest.task),
            score_option=_score_option(each.manifest.task),
        )
        for each in catalog.listed()
    ]


def _score_option(task: Task) -> str:
    if isinstance(task, Classifier):
        kinds = {"multi_label_classification": "threshold", "single_label_classification": "min_confidence"}
        return kinds.get(task.problem_type, "")
    return "threshold" if task.task == "token-classification" else ""
