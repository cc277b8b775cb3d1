"""Answers as predictions of Label Studio. Offsets count UTF-16 code units, as on its page."""

from __future__ import annotations

from typing import Any

from glossator.service.api.dialects.label_studio.control_match import ANSWER, MatchedControl
from glossator.service.errors import InputError
from glossator.service.inference.pipeline import Answer
from glossator.service.tasks.question_answering import Extraction, Span
from glossator.service.tasks.token_classification import Entities, Entity


def prediction_of(answer: Answer | InputError, control: MatchedControl, version: str) -> dict[str, Any]:
    """The prediction for one task; that of an invalid task is empty and contains the error."""
    if isinstance(answer, InputError):
        return {"result": [], "score": 0.0, "model_version": version, "error": answer.to_dict()}
    result, score = _result(answer, control)
    return {"result": result, "score": score, "model_version": version}


def _result(answer: Answer, control: MatchedControl) -> tuple[list[dict[str, Any]], float]:
    prediction = answer.prediction
    if isinstance(prediction, Entities):
        spans = [_span(each, each.label, control) for each in prediction.entities]
        return spans, min((each.score for each in prediction.entities), default=1.0)
    if isinstance(prediction, Extraction):
        best = prediction.answer
        return ([_span(best, ANSWER, control)], best.score) if best else ([], prediction.no_answer_score)
    if hasattr(prediction, "labels"):
        chosen = [control.names.get(label, label) for label in prediction.labels]
        return ([_item(control, {"choices": chosen})] if chosen else []), answer.score
    return [_item(control, {"number": answer.score})], 1.0


def _span(each: Entity | Span, label: str, control: MatchedControl) -> dict[str, Any]:
    name = control.names.get(label, label)
    value = {"start": each.start, "end": each.end, "text": each.text, "labels": [name]}
    return _item(control, value) | {"score": each.score}


def _item(control: MatchedControl, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": control.from_name, "to_name": control.to_name, "type": control.type, "value": value}
