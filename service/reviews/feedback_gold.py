"""Checks right answers: the labels, entities or span that somebody says are right for a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glossator.service.bundle.task import Classifier, QuestionAnswering, Task, TokenClassification
from glossator.service.errors import Fault, InvalidFeedback
from glossator.service.tasks.offsets import OffsetUnit

_SHOWN_LABELS = 50
_KINDS = {"labels": "labels", "entities": "entities", "span": "a span"}


def check_gold(gold: Mapping[str, Any], task: Task) -> None:
    """Raise InvalidFeedback if a model of this task cannot give this answer: another kind, or unknown labels.

    `gold` has one of `labels` (a list), `entities` (objects with start, end and label) and `span` (start and end, or
    None).
    """
    (name,) = gold
    expected = gold_name(task)
    if name != expected:
        raise InvalidFeedback(
            f"this model does not give {_KINDS[name]}",
            expected=_KINDS[expected] if expected else "a comment",
            hint="GET /v1/models lists the task of each model.",
        )
    if isinstance(task, Classifier):
        labels = gold["labels"]
        _check_names(labels, task.labels)
        if len(set(labels)) != len(labels):
            raise InvalidFeedback("a label is given twice", found=labels, hint="Give each label once.")
        if task.problem_type == "single_label_classification" and len(labels) != 1:
            raise InvalidFeedback(
                "the text has exactly one right label",
                found=f"{len(labels)} labels",
                expected="one label",
                hint="Say correct: false, with a comment, if no label is right.",
            )
    elif isinstance(task, TokenClassification):
        _check_names([each["label"] for each in gold["entities"]], task.types)


def gold_name(task: Task) -> str | None:
    """Return which right answer fits a task: `labels`, `entities`, `span`, or None for scores and vectors."""
    if isinstance(task, TokenClassification):
        return "entities"
    if isinstance(task, QuestionAnswering):
        return "span"
    return "labels" if isinstance(task, Classifier) and task.problem_type != "regression" else None


def check_spans(gold: Mapping[str, Any], text: str | None, unit: OffsetUnit) -> None:
    """Raise InvalidFeedback for spans that are empty, overlap, or are outside of the text if that is known."""
    spans = gold.get("entities") or ([gold["span"]] if gold.get("span") else [])
    if not spans:
        return
    faults = []
    ends = None if text is None else _positions(text, unit)
    ordered = sorted(range(len(spans)), key=lambda place: (spans[place]["start"], spans[place]["end"]))
    before = 0
    for place in ordered:
        start, end = spans[place]["start"], spans[place]["end"]
        where = f"entities[{place}]" if "entities" in gold else "span"
        if not 0 <= start < end:
            faults.append(Fault("empty-span", f"{start} to {end} is not a span", where))
        elif ends is not None and end > ends[-1]:
            faults.append(Fault("out-of-bounds", f"{end} is behind the end of the text, {ends[-1]}", where))
        elif ends is not None and not _has(ends, start, end):
            faults.append(Fault("inside-character", f"{start} or {end} is inside of a character ({unit})", where))
        elif start < before:
            faults.append(Fault("overlap", "it overlaps the one before", where))
        before = max(before, end)
    if faults:
        raise InvalidFeedback(
            "spans do not fit the text",
            expected=f"offsets in the unit of the answer ({unit}), without overlaps",
            faults=faults[:20],
        )


def is_same(gold: Mapping[str, Any], served: Mapping[str, Any]) -> bool:
    """Return whether an answer is right as a whole: all labels, all entities, or the span."""
    (name,) = gold
    return _canonical(name, gold[name]) == _canonical(name, served[name])


def _canonical(name: str, value: Any) -> set[Any]:
    if name == "labels":
        return set(value)
    spans = value if name == "entities" else [value] if value else []
    return {(each["start"], each["end"], each.get("label", "")) for each in spans}


def _check_names(labels: Sequence[str], known: Sequence[str]) -> None:
    unknown = sorted(set(labels) - set(known))
    if unknown:
        more = f" and {len(known) - _SHOWN_LABELS:,} more" if len(known) > _SHOWN_LABELS else ""
        raise InvalidFeedback(
            "the model has no such label",
            found=", ".join(unknown),
            expected=f"one of: {', '.join(known[:_SHOWN_LABELS])}{more}",
            hint="Describe a kind of text that the model does not know in the comment.",
        )


def _positions(text: str, unit: OffsetUnit) -> Any:
    """Return the offset of each code point of a text in a unit, and that of its end: `(characters + 1,)`."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    widths = np.ones(len(points), dtype=np.int64)
    if unit == "utf16":
        widths += points > 0xFFFF
    elif unit == "utf8":
        widths += (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    return np.concatenate([[0], np.cumsum(widths)])


def _has(positions: Any, *offsets: int) -> bool:
    found = np.searchsorted(positions, offsets)
    return bool((positions[found] == offsets).all())
