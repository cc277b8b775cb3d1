"""The shapes of Label Studio and Prodigy that labelled files and review tasks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LABEL, TEXT = "label", "text"
"""The names of the controls in Label Studio."""
ANSWER = "answer"
"""The label of the span that answers a question."""
_CONTROLS = {"from_name": LABEL, "to_name": TEXT}


def label_studio_choices(labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results of a prediction with these labels: one, or none without labels."""
    return [{**_CONTROLS, "type": "choices", "value": {"choices": list(labels)}}] if labels else []


def label_studio_number(number: float | None) -> list[dict[str, Any]]:
    """Return the results of a prediction with a score."""
    return [{**_CONTROLS, "type": "number", "value": {"number": number}}]


def label_studio_span(start: int, end: int, text: str, label: str, score: float | None) -> dict[str, Any]:
    """Return the result of a prediction with one labelled span."""
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {**_CONTROLS, "type": "labels", "score": score, "value": value}


def prodigy_options(labels: Sequence[str]) -> list[dict[str, str]]:
    """Return the options to choose from."""
    return [{"id": name, "text": name} for name in labels]
