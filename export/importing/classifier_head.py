"""Reads what the head of a classifier gives: one label, several labels, or a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from glossator.export.importing.cross_encoder import Activation
from glossator.service.bundle.task import ProblemType, TaskName
from glossator.service.errors import ConfigError

SIGMOID = (0.0, 1.0)
"""The range of a score that is the sigmoid of the logit."""


@dataclass(frozen=True, slots=True)
class ClassifierHead:
    """What a head gives. `score_range`: of a score; None if the score is the logit."""

    problem_type: ProblemType
    labels: list[str]
    score_range: tuple[float, float] | None
    evidence: list[str]


def read_head(
    config: Mapping[str, Any], task: TaskName, labels: Sequence[str], *, named: bool, cross_encoder: Activation | None
) -> ClassifierHead:
    """Return what the head of a classifier gives, as the library that saved it reads its output.

    Args:
        config: The configuration of the model.
        task: text-classification or text-pair.
        labels: The names of the labels in the order of the logits.
        named: The user named the labels.
        cross_encoder: How sentence-transformers turns the logit into a score, whatever the problem type; None if it did
            not save the model.

    Raises ConfigError for heads whose output is none of these.
    """
    stated = config.get("problem_type")
    if stated is not None and stated not in get_args(ProblemType):
        raise ConfigError(
            "config.json has an unknown problem_type",
            found=stated,
            expected=f"one of {', '.join(get_args(ProblemType))}",
        )
    _check_names(labels)
    if len(labels) == 1:
        head = _score(stated, labels[0], cross_encoder=cross_encoder)
        if task == "text-classification":
            head.evidence.append("nothing says that it reads two texts: a score for one text; else --task text-pair")
        return head
    if stated == "regression":
        raise ConfigError(
            "a model that gives several numbers for a text cannot be imported",
            found=f"problem_type regression with {len(labels)} outputs",
            expected="one output",
        )
    if stated == "multi_label_classification" and task == "text-pair":
        raise ConfigError(
            "a model that gives two texts several labels cannot be imported", found=f"problem_type {stated}"
        )
    if stated is None:
        evidence = [f"{len(labels)} labels and no problem_type: exactly one label per text"]
    else:
        evidence = [f"problem_type {stated}"]
    if not named and all(label == f"LABEL_{row}" for row, label in enumerate(labels)):
        evidence.append(f"the labels have no names ({labels[0]} to {labels[-1]}): pass --label-names")
    return ClassifierHead(cast(ProblemType, stated or "single_label_classification"), list(labels), None, evidence)


def _score(stated: str | None, label: str, *, cross_encoder: Activation | None) -> ClassifierHead:
    if cross_encoder == "identity":
        return ClassifierHead(
            "regression", ["score"], None, ["one output: the score, as sentence-transformers reads it"]
        )
    if stated == "single_label_classification" and cross_encoder is None:
        raise ConfigError(
            "a model with a single label gives every text this label",
            found=f"problem_type {stated} with one output: {label}",
            expected="two outputs or more, or another problem_type",
            hint="If the output is a score, set problem_type to regression in config.json.",
        )
    if stated == "regression" and cross_encoder is None:
        return ClassifierHead("regression", ["score"], None, ["problem_type regression, one output: the score"])
    named = "" if label.startswith("LABEL_") or cross_encoder is not None else f" of {label}"
    evidence = f"one output{named}: its sigmoid is the score, from 0 to 1"
    return ClassifierHead("regression", ["score"], SIGMOID, [evidence])


def _check_names(labels: Sequence[str]) -> None:
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ConfigError(
            "labels of the model have the same name",
            found=", ".join(repeated),
            expected="a name of its own for each of its outputs",
            hint="Pass --label-names with one name for each output, in their order.",
        )
    if not all(label.strip() for label in labels):
        raise ConfigError(
            "a label of the model has no name",
            found=f"an empty name among {len(labels)} labels",
            hint="Pass --label-names with one name for each output, in their order.",
        )
